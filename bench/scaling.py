"""A model of more ranks than one machine has, from the JSON files of bench_messages.

usage: scaling.py RESULTS_DIRECTORY

The ranks form a binomial tree (docs/design/0002). Per window of 64 rows of 64 metrics a rank sends
one packet to its parent, and takes one from each of its c children; rank 0 has ceil(log2 ranks) of
them. Processor time per window is fitted as own + c * merge over all ranks of all runs (least
squares); a message costs the measured half of a ping-pong. Both were measured between the processes
of one machine: on a cluster put the network's own latency and bandwidth in their place.
"""

import json
import pathlib
import statistics
import sys

ROWS_PER_WINDOW = 64
RANKS = [2, 16, 128, 1024, 10_000, 100_000]


def load(directory):
    """The reports of bench_messages, by number of ranks."""
    reports = {}
    for path in pathlib.Path(directory).glob("messages.n*.json"):
        report = json.loads(path.read_text(encoding="utf-8"))
        reports[report["context"]["n_ranks"]] = report
    return dict(sorted(reports.items()))


def result(report, name):
    return next(r["value"] for r in report["results"] if r["name"] == name)


def fit(points):
    """Least squares: (own, merge) of seconds = own + children * merge."""
    mean_c = statistics.fmean(c for c, _ in points)
    mean_s = statistics.fmean(s for _, s in points)
    variance = sum((c - mean_c) ** 2 for c, _ in points)
    merge = sum((c - mean_c) * (s - mean_s) for c, s in points) / variance
    return mean_s - merge * mean_c, merge


def depth(n_ranks):
    return (n_ranks - 1).bit_length()


def model(reports):
    """One row per number of ranks: what rank 0 spends, and how long a packet is on its way."""
    several = {n: report for n, report in reports.items() if n > 1}
    if len(several) < 2:
        sys.exit("scaling.py: needs messages.n*.json of at least two numbers of ranks above 1")
    points = [(rank["n_children"], rank["processor_s"])
              for report in several.values() for rank in report["ranks"]]
    own_s, merge_s = fit(points)
    n_bytes = max(result(r, "bytes sent per window, greatest of a rank") for r in several.values())
    first = several[min(several)]  # the fewest ranks: they share the cores least
    small_s = 1e-6 * result(first, "one way, 8 bytes")
    per_byte_s = (1e-6 * result(first, "one way, 1 MiB") - small_s) / (1 << 20)
    message_s = small_s + n_bytes * per_byte_s
    rows = []
    for n in RANKS:
        window_s = own_s + depth(n) * merge_s
        rows.append({
            "ranks": n,
            "children_of_rank_0": depth(n),
            "messages_sent_per_rank": 1,
            "bytes_sent_per_rank": n_bytes,
            "rank_0_us_per_row": 1e6 * window_s / ROWS_PER_WINDOW,
            "way_to_rank_0_us": 1e6 * depth(n) * (message_s + merge_s),
        })
    inputs = {"own_us_per_window": 1e6 * own_s, "merge_us_per_packet": 1e6 * merge_s,
              "message_us": 1e6 * message_s, "measured_at_ranks": list(several)}
    return {"program": "scaling", "inputs": inputs, "model": rows}


def print_model(result_of_model):
    inputs = result_of_model["inputs"]
    print(f"  own cost per window {inputs['own_us_per_window']:.1f} us, merging a child's packet "
          f"{inputs['merge_us_per_packet']:.1f} us,\n  a packet's way "
          f"{inputs['message_us']:.1f} us; measured at {inputs['measured_at_ranks']} ranks")
    print(f"  {'ranks':>8} {'packets in':>11} {'bytes out':>10} {'rank 0, us/row':>15} "
          f"{'way to rank 0, us':>18}")
    for row in result_of_model["model"]:
        print(f"  {row['ranks']:>8,} {row['children_of_rank_0']:>11} "
              f"{row['bytes_sent_per_rank']:>10,.0f} {row['rank_0_us_per_row']:>15.2f} "
              f"{row['way_to_rank_0_us']:>18.0f}")


def main():
    directory = pathlib.Path(sys.argv[1])
    fitted = model(load(directory))
    (directory / "scaling.json").write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")
    print_model(fitted)


if __name__ == "__main__":
    main()
