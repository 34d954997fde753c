"""A guest in the host's MPI: who initialises, who finalises, and runs that nobody ended."""

import re
import subprocess

import h5py
import pytest

RANKS = [1, 3]
LEVELS = ["single", "funneled", "serialized", "multiple"]


@pytest.mark.parametrize("level", LEVELS)
def test_any_thread_level_of_the_host_will_do(mpirun, level):
    result = mpirun(2, "interop_manners_thread_level", LEVELS.index(level))
    assert result.stdout == "rows=50 sum=2 finalized=0\n"


@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("who", ["host", "ours"])
def test_a_run_that_nobody_ended_is_ended_inside_finalize(mpirun, n, who):
    result = mpirun(n, "interop_manners_forgotten_end", who)
    lines = result.stdout.splitlines()
    assert sorted(lines) == ["end of main", "finished rows=50 status=completed"]
    if who == "host":
        assert lines[-1] == "end of main"


@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("who", ["host", "ours"])
def test_the_file_of_a_run_that_nobody_ended_is_complete(mpirun, tmp_path, n, who):
    mpirun(n, "interop_manners_forgotten_end", who, tmp_path)
    (path,) = tmp_path.glob("manners/*/*.h5")
    with h5py.File(path) as file:
        assert list(file["metrics/a/step"]) == list(range(50))
        assert list(file["metrics/a/count"]) == [n] * 50
        assert file.attrs["status"] in ("completed", b"completed")


@pytest.mark.parametrize("n", [3])
def test_a_disagreement_inside_finalize_is_reported_and_harms_nobody(mpirun, n):
    result = mpirun(n, "interop_manners_forgotten_end", "conflict")
    assert "finished rows=51 status=completed" in result.stdout
    assert "end of main" in result.stdout
    # Ranks 1 and 2 both log a real; the one named is the one that rank 0 heard first.
    assert re.search(r"the ranks disagree: metric 'b': rank 0 logs integer, rank [12] logs real",
                     result.stderr)


@pytest.mark.parametrize("n", RANKS)
def test_the_host_goes_on_after_our_errors(mpirun, n):
    result = mpirun(n, "interop_manners_left_alone")
    lines = result.stdout.splitlines()
    assert lines[:2] == ["refused", f"host sum={n * (n - 1) // 2}"]
    assert lines[2].startswith("MPI was finalised already")


def test_a_program_runs_as_one_rank_without_a_launcher(bin_dir, tmp_path):
    program = bin_dir / "interop_manners_forgotten_end"
    result = subprocess.run([program, "ours"], cwd=tmp_path, capture_output=True, text=True,
                            timeout=60, check=True)
    assert sorted(result.stdout.splitlines()) == ["end of main",
                                                  "finished rows=50 status=completed"]
