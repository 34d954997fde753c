"""01_hello: the reduced values of three steps, on the console and in the file."""

import re

import numpy as np


def test_every_rank_is_in_the_numbers(mpirun, run_of, n_ranks, tmp_path):
    stdout = mpirun(n_ranks, "01_hello").stdout
    (run_dir,) = (tmp_path / "runs" / "hello").iterdir()
    assert f"run directory: {run_dir}" in stdout.splitlines()

    value = run_of("hello", run_dir.name)["value"]
    steps = np.arange(3)
    np.testing.assert_array_equal(value["step"], steps)
    np.testing.assert_allclose(value["value"], 10 * steps + (n_ranks - 1) / 2, rtol=1e-15)
    np.testing.assert_array_equal(value["min"], 10 * steps)
    np.testing.assert_array_equal(value["max"], 10 * steps + n_ranks - 1)
    np.testing.assert_array_equal(value["max_rank"], [n_ranks - 1] * 3)
    np.testing.assert_array_equal(value["count"], [n_ranks] * 3)


def test_the_console_shows_the_first_and_the_last_step(mpirun):
    """At most one line a second, so the steps between may be left out, but none comes twice."""
    lines = [line for line in mpirun(3, "01_hello").stdout.splitlines() if "value" in line]
    reported = [re.fullmatch(r"step (\d) +value (\S+) \[(\S+) r0 \.\. (\S+) r2\]", x) for x in lines]
    assert all(reported), lines
    steps = [int(match.group(1)) for match in reported]
    assert steps in ([0, 2], [0, 1, 2])
    for step, match in zip(steps, reported):
        assert [float(x) for x in match.groups()[1:]] == [10 * step + 1, 10 * step, 10 * step + 2]
