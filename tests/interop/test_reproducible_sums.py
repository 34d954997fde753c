"""Reproducible sums against rational arithmetic and math.fsum, bit by bit."""

import math
from fractions import Fraction

import h5py
import numpy as np
import pytest

N_STEPS = 400


@pytest.fixture(scope="module", params=[1, 3, 8])
def metrics(request, tmp_path_factory, bin_dir):
    import os
    import subprocess

    directory = tmp_path_factory.mktemp(f"n{request.param}")
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    subprocess.run([*launcher, str(request.param), str(bin_dir / "interop_reproducible_sums"),
                    str(directory), str(N_STEPS)], check=True, timeout=120)
    with h5py.File(directory / "reproducible" / "run" / "run.h5") as f:
        yield f["metrics"]


def exactly(numbers):
    return [Fraction(float(x)) for x in numbers]


def rounded(exact):
    """The nearest double; Python rounds a quotient of integers once, ties to even."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.copysign(math.inf, exact)


def same_bits(actual, wanted):
    return np.float64(actual).tobytes() == np.float64(wanted).tobytes()


def test_sums_are_the_exact_ones_rounded_once(metrics):
    n_lost_by_rounding = 0
    for row, sum_of_row in zip(metrics["x/per_rank"][:], metrics["sum/value"][:]):
        assert same_bits(sum_of_row, rounded(sum(exactly(row))) + 0.0)
        if math.isfinite(sum_of_row):
            assert sum_of_row == math.fsum(row)
        n_lost_by_rounding += sum_of_row != sum(row.tolist())
    assert n_lost_by_rounding > 0 or metrics["x/per_rank"].shape[1] < 3


def test_weighted_means_are_the_exact_ones_rounded_once(metrics):
    rows = zip(metrics["x/per_rank"][:], metrics["weight/per_rank"][:], metrics["mean/value"][:])
    for row, weights, mean in rows:
        w = exactly(weights)
        exact = sum(a * b for a, b in zip(w, exactly(row))) / sum(w)
        assert same_bits(mean, rounded(exact) + 0.0)


def test_standard_deviations_are_within_one_unit_in_the_last_place(metrics):
    for row, std in zip(metrics["moderate/per_rank"][:], metrics["std/value"][:]):
        x = exactly(row)
        mean = sum(x) / len(x)
        variance = sum((v - mean) ** 2 for v in x) / len(x)
        below, above = np.nextafter(std, 0), np.nextafter(std, np.inf)
        if variance == 0:
            assert std == 0
        else:
            assert Fraction(float(below)) ** 2 < variance < Fraction(float(above)) ** 2
