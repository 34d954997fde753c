"""05_existing_mpi_program: a run for each sub-communicator, and MPI left as it was."""

import re

import numpy as np
import pytest

N_ROUNDS = 20
N_DARTS = 10_000


def test_each_team_has_its_run_and_mpi_works_afterwards(mpirun, run_of, n_ranks, tmp_path):
    stdout = mpirun(n_ranks, "05_existing_mpi_program", "runs").stdout
    lines = sorted(stdout.splitlines())
    sizes = [size for size in ((n_ranks + 1) // 2, n_ranks // 2) if size > 0]
    assert lines[0] == f"all {n_ranks} ranks are still talking to each other"
    assert len(lines) == 1 + len(sizes)
    assert sorted(p.name for p in (tmp_path / "runs" / "darts").iterdir()) == [
        f"team-{team}" for team in range(len(sizes))]

    for team, size in enumerate(sizes):
        printed = re.fullmatch(rf"team {team}: {size} ranks, pi is about (\S+)", lines[1 + team])
        assert printed, lines
        run = run_of("darts", f"team-{team}")
        np.testing.assert_array_equal(run["pi"]["count"], [size] * N_ROUNDS)
        hits = run["hits"]["value"]
        np.testing.assert_allclose(run["pi"]["value"], 4 * hits / (size * N_DARTS), rtol=1e-12)
        estimate = 4 * hits.sum() / (size * N_ROUNDS * N_DARTS)
        assert float(printed.group(1)) == pytest.approx(estimate, abs=5e-5)
        assert estimate == pytest.approx(np.pi, abs=0.02)


def test_a_second_start_does_not_overwrite_the_first(mpirun):
    mpirun(2, "05_existing_mpi_program", "runs")
    result = mpirun(2, "05_existing_mpi_program", "runs", check=False)
    assert result.returncode != 0
    assert "team-" in result.stderr
