"""Every statistic of the run file, recomputed with NumPy from the gathered values of the ranks."""

import h5py
import numpy as np
import pytest

N_STEPS = 300
RANK_COUNTS = [1, 2, 3, 4, 8]


def rows_by_step(group, column):
    return dict(zip(group["step"][:].tolist(), group[column][:]))


def gathered(f, key):
    """{step: (ranks, values)} of those ranks that logged the key."""
    group = f["metrics/by_rank"][key]
    present = group["per_rank_count"][:] > 0
    values = group["per_rank"][:]
    return {int(step): (np.flatnonzero(p), v[p])
            for step, p, v in zip(group["step"][:], present, values)}


def expected(reduction, x, weights=None):
    """The single number, by the rules of docs/design/0003: NaN wins, infinities are values."""
    if reduction == "first":
        return x[0]
    if reduction == "last":
        return x[-1]
    if np.isnan(x).any():
        return np.nan
    finite = x[np.isfinite(x)]
    with np.errstate(all="ignore"):
        if reduction == "std":
            return np.std(finite) if finite.size else np.nan
        if reduction == "mean":
            return np.average(x, weights=weights)
        function = {"sum": np.sum, "min": np.min, "max": np.max, "any": np.any, "all": np.all}
        return float(function[reduction](x))


def same(actual, wanted, scale=0.0):
    """Equal to 1e-12 relative; cancellation is measured against the size of what was added."""
    np.testing.assert_allclose(actual, wanted, rtol=1e-12, atol=1e-12 * scale)


@pytest.fixture(scope="module", params=RANK_COUNTS)
def run(request, tmp_path_factory, bin_dir):
    import os
    import subprocess

    directory = tmp_path_factory.mktemp(f"n{request.param}")
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    subprocess.run([*launcher, str(request.param), str(bin_dir / "interop_log_statistics"),
                    str(directory), str(N_STEPS), "all"], check=True, timeout=120)
    with h5py.File(directory / "statistics" / "run" / "run.h5") as f:
        yield f, request.param


def test_the_values_cover_what_they_should(run):
    f, n_ranks = run
    real = gathered(f, "real")
    everything = np.concatenate([values for _, values in real.values()])
    assert np.isnan(everything).any() and np.isinf(everything).any()
    if n_ranks > 1:
        assert any(len(ranks) < n_ranks for ranks, _ in real.values())


@pytest.mark.parametrize("reduction", ["mean", "sum", "min", "max", "std", "any", "all", "first",
                                       "last"])
def test_real_values(run, reduction):
    f, _ = run
    value = rows_by_step(f["metrics/real"][reduction], "value")
    real = gathered(f, "real")
    assert value.keys() == real.keys()
    for step, (_, x) in real.items():
        scale = np.abs(x[np.isfinite(x)]).max(initial=0)
        same(value[step], expected(reduction, x), scale)


def test_who_was_counted(run):
    f, _ = run
    group = f["metrics/real/mean"]
    columns = {name: rows_by_step(group, name)
               for name in ("count", "nan_count", "first_nan_rank", "min", "max", "std", "min_rank",
                            "max_rank")}
    for step, (ranks, x) in gathered(f, "real").items():
        row = {name: column[step] for name, column in columns.items()}
        is_nan = np.isnan(x)
        numbers, holders = x[~is_nan], ranks[~is_nan]
        assert row["count"] == len(x)
        assert row["nan_count"] == is_nan.sum()
        assert row["first_nan_rank"] == (ranks[is_nan][0] if is_nan.any() else -1)
        if len(numbers) == 0:
            assert np.isnan(row["min"]) and row["min_rank"] == -1
            continue
        assert row["min"] == numbers.min() and row["max"] == numbers.max()
        assert row["min_rank"] == holders[np.flatnonzero(numbers == numbers.min())[0]]
        assert row["max_rank"] == holders[np.flatnonzero(numbers == numbers.max())[0]]
        finite = numbers[np.isfinite(numbers)]
        if len(finite):
            same(row["std"], np.std(finite), np.abs(finite).max())


def test_weighted_mean(run):
    f, _ = run
    value = rows_by_step(f["metrics/weighted"], "value")
    weight = gathered(f, "weight")
    for step, (_, x) in gathered(f, "real").items():
        scale = np.abs(x[np.isfinite(x)]).max(initial=0)
        same(value[step], expected("mean", x, weight[step][1]), scale)


@pytest.mark.parametrize("reduction", ["sum", "min", "max", "first", "last"])
def test_integers_are_exact(run, reduction):
    f, n_ranks = run
    group = f["metrics/integer"][reduction]
    assert group["value"].dtype == np.int64
    value = rows_by_step(group, "value")
    exact = {"sum": sum, "min": min, "max": max, "first": lambda x: x[0], "last": lambda x: x[-1]}
    for step, (_, x) in gathered(f, "integer").items():
        wanted = exact[reduction]([int(v) for v in x])
        assert int(value[step]) == max(min(wanted, 2**63 - 1), -(2**63))


def test_integer_means_are_real(run):
    f, _ = run
    value = rows_by_step(f["metrics/integer/mean"], "value")
    for step, (_, x) in gathered(f, "integer").items():
        wanted = sum(int(v) for v in x) / len(x)
        same(value[step], wanted, float(np.abs(x.astype(float)).max()))


def test_ten_thousand_steps_of_sixteen_metrics_are_not_much_larger_than_their_numbers(mpirun,
                                                                                      tmp_path):
    mpirun(4, "interop_log_statistics", tmp_path, 10000, "many")
    path = tmp_path / "statistics" / "run" / "run.h5"
    with h5py.File(path) as f:
        group = f["metrics/metric/7"]
        assert group["value"].shape == (10000,)
        np.testing.assert_array_equal(group["value"][:], np.arange(10000) + 1.5)
        shared = {"step", "time"}
        raw = sum(group[name].nbytes for name in group if name not in shared) * 16
        raw += sum(group[name].nbytes for name in shared)
    assert path.stat().st_size < 1.3 * raw
