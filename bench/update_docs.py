"""Writes the figures of docs/performance.md from the JSON of scripts/bench.

usage: update_docs.py RESULTS_DIRECTORY [SECTION...]

Replaces what stands between the markers, of all sections or of those named, so that no figure there
was typed by hand.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from print_bench import goals, load  # noqa: E402

DOCUMENT = ROOT / "docs" / "performance.md"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def figure(value):
    """Three digits, or all of a larger number's whole part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def context_text(directory):
    """One line per program: they may have been measured at different times."""
    contexts = {}
    for path in sorted(directory.glob("*.n*.json")):
        contexts.setdefault(path.name.split(".")[0], []).append(load(path)["context"])
    one = next(c for group in contexts.values() for c in group if "cpu" in c)
    lines = [f"{one['n_cores']} cores of {one['cpu']}, {one['mpi'].split(',')[0]}; more than "
             f"{one['n_cores']} ranks share the cores.", ""]
    for program, group in contexts.items():
        loads = [context["load_average"] for context in group]
        dates = sorted(context["date"] for context in group)
        build = {f"{c['build_type']} build of commit {c['commit']}" for c in group if "build_type" in c}
        lines.append(f"- {program}: {', '.join(sorted(build) + [dates[0]])}; load average "
                     f"{min(loads):.1f} to {max(loads):.1f}")
    return lines


def goal_table(directory):
    rows = []
    for what, n_ranks, value, limit, unit, more_is_better in goals(directory):
        if value is None:
            continue
        is_met = value >= limit if more_is_better else value <= limit
        bound = "at least" if more_is_better else "at most"
        rows.append((what, n_ranks, f"{bound} {limit:g} {unit}".strip(), figure(value),
                     "met" if is_met else "**missed**"))
    return table(("what", "ranks", "goal", "measured", ""), rows)


def series_table(directory, program, names):
    """One row per number of ranks, one column per result."""
    reports = sorted((load(path) for path in directory.glob(f"{program}.n*.json")),
                     key=lambda report: report["context"]["n_ranks"])
    rows = []
    for report in reports:
        values = {result["name"]: result for result in report["results"]}
        rows.append([report["context"]["n_ranks"]]
                    + [figure(values[name]["value"]) for name in names])
    units = {r["name"]: r["unit"] for report in reports for r in report["results"]}
    return table(["ranks"] + [f"{name} [{units[name]}]" for name in names], rows)


def result_table(directory, *programs):
    """One row per result."""
    reports = [load(path) for program in programs
               for path in sorted(directory.glob(f"{program}.n*.json"))]
    return table(("what", "measured"), [(result["name"], f"{figure(result['value'])} {result['unit']}")
                                        for report in reports for result in report["results"]])


def model_table(directory):
    fitted = load(directory / "scaling.json")
    rows = [(f"{row['ranks']:,}", row["children_of_rank_0"], f"{row['bytes_sent_per_rank']:,.0f}",
             f"{row['rank_0_us_per_row']:.2f}", f"{row['way_to_rank_0_us']:,.0f}")
            for row in fitted["model"]]
    inputs = fitted["inputs"]
    return [f"Fitted: {inputs['own_us_per_window']:.1f} us of processor time per window of a rank "
            f"itself, {inputs['merge_us_per_packet']:.1f} us per packet of a child, and "
            f"{inputs['message_us']:.1f} us for a packet's way; at "
            f"{', '.join(map(str, inputs['measured_at_ranks']))} ranks.", ""] + table(
                ("ranks", "packets that rank 0 takes per window", "bytes that a rank sends per window",
                 "rank 0, us per row", "way of a packet to rank 0, us"), rows)


# Section, program, and what its table shows.
TABLES = [
    ("log", "log_cost", [
        "bare MPI_Allreduce of 64 doubles", "64 MPI_Allreduce of one double", "log of 64 numbers",
        "log of 16 numbers", "log of 16 numbers, reproducible"]),
    ("choices", "exchange_choices", [
        "one packed reduction, MPI_Reduce", "one packed reduction, MPI_Ireduce",
        "one reduction per kind, MPI_Reduce", "one reduction per kind, MPI_Ireduce",
        "tree of messages: log of 64 numbers"]),
    ("keys", "uneven_keys", [
        "16 keys on all ranks", "the same, one rank adds a key each step",
        "10,000 keys, first row and flush", "10,000 keys, later rows, each with a flush"]),
    ("hdf5", "hdf5_cost", [
        "time in log of 64 numbers, 10,000 steps/s", "the same with the run file",
        "64 MPI_Allreduce and 64 HDF5 appends", "run file at saturation",
        "plain HDF5 block writes"]),
    ("messages", "messages", [
        "messages sent per window, greatest of a rank", "bytes sent per window, greatest of a rank",
        "collectives per window, greatest of a rank", "processor time per window, rank 0",
        "processor time per window, last rank"]),
    ("events", "tensorboard_events", [
        "events of one scalar", "write of blocks of 1 MiB", "events / write", "one scalar"]),
    ("accelerate", "accelerate_baseline", [
        "accelerate reduce, 64 metrics", "accelerate gather, 64 metrics",
        "mpi4py gather, 64 metrics", "mpi4py allreduce, 64 metrics"]),
]


def sections(directory):
    """Those that were measured; the others keep their figures."""
    yield "context", context_text(directory)
    yield "goals", goal_table(directory)
    for section, program, names in TABLES:
        if list(directory.glob(f"{program}.n*.json")):
            yield section, series_table(directory, program, names)
    if list(directory.glob("run_file.n*.json")):
        yield "run_file", result_table(directory, "run_file", "h5py_run_file")
    if list(directory.glob("vendor_clients.n*.json")):
        yield "vendors", result_table(directory, "vendor_clients")
    if (directory / "scaling.json").exists():
        yield "model", model_table(directory)


def main():
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = sys.argv[2:]
    for name, lines in sections(pathlib.Path(sys.argv[1])):
        if wanted and name not in wanted:
            continue
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        head, rest = text.split(begin)
        text = head + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
