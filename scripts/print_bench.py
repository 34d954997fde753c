"""Prints what the benchmarks measured, in 80 columns.

usage: print_bench.py FILE.json...           the results of each file
       print_bench.py --goals DIRECTORY      the goals of docs/performance.md, met or missed
"""

import json
import pathlib
import sys


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def print_report(report):
    context = report["context"]
    note = ", oversubscribed" if context["is_oversubscribed"] else ""
    print(f"  {context['n_ranks']} ranks on {context['n_cores']} cores{note}; "
          f"load average {context['load_average']:.1f}")
    for result in report["results"]:
        print(f"  {result['name']:48.48} {result['value']:14.5g} {result['unit']}")


def value_in(directory, program, n_ranks, name):
    """The value of one result, or None where it was not measured."""
    path = pathlib.Path(directory) / f"{program}.n{n_ranks}.json"
    if not path.exists():
        return None
    results = load(path)["results"]
    return next((r["value"] for r in results if r["name"] == name), None)


def goals(directory):
    """(what, ranks, value or None, limit, unit, whether more is better)"""
    for n in (1, 2, 4):
        yield ("log of 16 numbers, median call", n,
               value_in(directory, "log_cost", n, "one call of log, 16 numbers, median call"),
               150, "ns", False)
    for n in (1, 2, 4):
        yield ("allocations per call of log", n,
               value_in(directory, "log_cost", n, "one call of log, 16 numbers, allocations"),
               0, "", False)
    for n, limit in ((2, 2.0), (4, 1.0), (8, 1.0)):
        yield ("64 metrics / bare MPI_Allreduce of 64", n,
               value_in(directory, "log_cost", n, "log of 64 numbers / bare MPI_Allreduce"),
               limit, "", False)
    for n in (2, 4, 8):
        yield ("64 metrics / 64 MPI_Allreduce", n,
               value_in(directory, "log_cost", n, "log of 64 numbers / 64 MPI_Allreduce"),
               0.1, "", False)
    for n in (2, 4):
        ours = value_in(directory, "log_cost", n, "log of 64 numbers")
        for theirs_name in ("accelerate reduce", "accelerate gather"):
            theirs = value_in(directory, "accelerate_baseline", n, f"{theirs_name}, 64 metrics")
            ratio = ours / theirs if ours and theirs else None
            yield (f"64 metrics / {theirs_name}", n, ratio, 0.02, "", False)
    for n in (1, 2):
        yield ("time in log with run file / without", n,
               value_in(directory, "hdf5_cost", n, "with the run file / without"), 1.25, "", False)
        yield ("run file at saturation / block writes", n,
               value_in(directory, "hdf5_cost", n, "run file at saturation / block writes"),
               0.8, "", True)
    for what, name, limit, more_is_better in (
            ("run file / the same blocks in bare HDF5", "speed of the run file / the same blocks",
             0.8, True),
            ("memory of last tenth / first tenth", "memory, last tenth / first tenth", 1.05, False),
            ("run file / raw numbers", "file / raw numbers", 1.2, False),
            ("the same with many keys", "many keys, file / raw numbers", 1.2, False)):
        yield what, 1, value_in(directory, "run_file", 1, name), limit, "", more_is_better
    for what in ("tensorboard until written", "wandb until written", "dvclive until written",
                 "mlflow call"):
        yield (f"{what} / Python client", 1,
               value_in(directory, "vendor_clients", 1, f"{what} / Python client"), 0.1, "", False)


def print_goals(directory):
    print(f"  {'what':41} {'ranks':>5} {'goal':>9} {'measured':>10}")
    for what, n_ranks, value, limit, unit, more_is_better in goals(directory):
        if value is None:
            print(f"  {what:41} {n_ranks:>5} {'':>9} {'not run':>10}")
            continue
        is_met = value >= limit if more_is_better else value <= limit
        goal = f"{'>=' if more_is_better else '<='} {limit:g} {unit}".rstrip()
        print(f"  {what:41} {n_ranks:>5} {goal:>9} {value:>10.3g}  {'met' if is_met else 'MISSED'}")


def main():
    if sys.argv[1] == "--goals":
        print_goals(sys.argv[2])
        return
    for path in sys.argv[1:]:
        print_report(load(path))


if __name__ == "__main__":
    main()
