"""03_heat: the same physics at every number of ranks, and every rank's halo time."""

import math
import re

import numpy as np
import pytest


def heat(mpirun, n_ranks, n_rows, n_columns, n_steps):
    name = f"n{n_ranks}"
    result = mpirun(n_ranks, "03_heat", "--rows", n_rows, "--columns", n_columns, "--steps", n_steps,
                    "--project-dir", "runs", "--run-name", name)
    return name, result.stdout


def reference(n_rows, n_columns, n_steps):
    """The squared norm of each step's change, computed with whole arrays."""
    plate = np.zeros((n_rows + 2, n_columns))
    plate[0, :] = 1
    squares = []
    for _ in range(n_steps):
        change = 0.2 * (plate[:-2, 1:-1] + plate[2:, 1:-1] + plate[1:-1, :-2] + plate[1:-1, 2:]
                        - 4 * plate[1:-1, 1:-1])
        plate[1:-1, 1:-1] += change
        squares.append((change**2).sum())
    return np.array(squares)


@pytest.mark.parametrize("shape", [(128, 128, 60), (9, 7, 12)])
def test_the_residual_is_that_of_the_whole_plate(mpirun, run_of, n_ranks, shape):
    name, stdout = heat(mpirun, n_ranks, *shape)
    run = run_of("heat", name)
    squares = run["residual_squared"]["value"]
    np.testing.assert_allclose(squares, reference(*shape), rtol=1e-9, atol=0)
    assert (np.diff(squares) < 0).all()
    np.testing.assert_array_equal(run["residual_squared"]["count"], [n_ranks] * shape[2])

    printed = re.search(r"^residual after \d+ steps: (\S+)$", stdout, re.MULTILINE)
    assert float(printed.group(1)) == pytest.approx(math.sqrt(squares[-1]), rel=1e-9)


def test_each_rank_s_halo_time_is_kept_beside_the_mean(mpirun, run_of, n_ranks):
    name, stdout = heat(mpirun, n_ranks, 64, 64, 20)
    run = run_of("heat", name)
    halo = run["time/halo_s"]
    per_rank = halo["per_rank"].reshape(20, n_ranks)
    assert (per_rank >= 0).all() and per_rank.any()
    np.testing.assert_allclose(halo["value"], per_rank.mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(halo["max"], per_rank.max(axis=1))
    np.testing.assert_array_equal(halo["max_rank"], per_rank.argmax(axis=1))

    compute = run["time/compute_s"]
    assert (compute["max"] >= compute["value"] * (1 - 1e-12)).all()
    imbalance = re.search(r"^imbalance of the computation: (\d+\.\d+)$", stdout, re.MULTILINE)
    assert float(imbalance.group(1)) >= 1.0


def test_more_ranks_than_rows_is_refused_once_and_in_words(mpirun, tmp_path):
    result = mpirun(4, "03_heat", "--rows", 3, check=False)
    assert result.returncode != 0
    message = "03_heat: 4 ranks cannot share 3 rows; start at most 3 ranks, or give --rows 4 or more"
    assert result.stderr.count(message) == 1
    assert not (tmp_path / "runs").exists()


def test_as_many_ranks_as_rows_works(mpirun, run_of):
    name, _ = heat(mpirun, 4, 4, 6, 5)
    squares = run_of("heat", name)["residual_squared"]["value"]
    np.testing.assert_allclose(squares, reference(4, 6, 5), rtol=1e-9)
