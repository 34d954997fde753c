"""A run that nobody ended is a complete file all the same. More on manners: tests/faults."""

import h5py
import pytest


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("who", ["host", "ours"])
def test_the_file_of_a_run_that_nobody_ended_is_complete(mpirun, tmp_path, n, who):
    mpirun(n, "faults_forgotten_end", who, tmp_path)
    (path,) = tmp_path.glob("manners/*/*.h5")
    with h5py.File(path) as file:
        assert list(file["metrics/a/step"]) == list(range(50))
        assert list(file["metrics/a/count"]) == [n] * 50
        assert file.attrs["status"] in ("completed", b"completed")
