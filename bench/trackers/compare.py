"""A tracker of ours against its vendor's own Python client: time per step for the same dictionaries.

Usage: compare.py LOG_TO_TRACKER [--steps N] [--metrics N] [--repetitions N]. Prints JSON as the
other benchmarks do. A tracker whose client this Python does not have is skipped with the reason.
Both write to local files; both are run in turn, and the median of the repetitions counts.
"""

import argparse
import importlib.util
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

CLIENTS = {"wandb": "wandb_client.py"}


def count_wandb_rows(directory):
    """As W&B's own reader counts them."""
    (log,) = pathlib.Path(directory).rglob("*.wandb")
    output = subprocess.run([sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)],
                            check=True, capture_output=True, text=True).stdout
    return sum('"type":"history"' in line for line in output.splitlines())


COUNT_ROWS = {"wandb": count_wandb_rows}


def measure(command, tracker, n_steps):
    """Nanoseconds per step, of the loop and of the whole, and whether all rows are there."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([*(part or directory for part in command)], check=True,
                              capture_output=True, text=True, timeout=600)
        loop, whole = map(float, done.stdout.split())
        return loop, whole, COUNT_ROWS[tracker](directory) == n_steps


def compare(tracker, arguments):
    sizes = [str(arguments.steps), str(arguments.metrics)]
    client = pathlib.Path(__file__).with_name(CLIENTS[tracker])
    commands = {"ranklog": [arguments.program, tracker, "", *sizes],
                "client": [sys.executable, str(client), "", *sizes]}
    measured = {name: [] for name in commands}
    for _ in range(arguments.repetitions):
        for name, command in commands.items():
            measured[name].append(measure(command, tracker, arguments.steps))
    is_correct = all(is_whole for runs in measured.values() for _, _, is_whole in runs)
    results = []
    for column, what in enumerate(("loop", "loop and end of the run")):
        ns = {name: [run[column] for run in runs] for name, runs in measured.items()}
        ours, theirs = (statistics.median(ns[name]) for name in ("ranklog", "client"))
        for name, value in (("ranklog", ours), ("Python client", theirs)):
            results.append({"name": f"{tracker}, {what}: {name}", "unit": "ns/step",
                            "value": value})
        results.append({"name": f"{tracker}, {what}: ranklog / Python client", "unit": "ratio",
                        "value": ours / theirs})
    return results, is_correct


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--metrics", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    report = {"format": 1, "program": "compare_trackers",
              "context": {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                          "host": platform.node(), "steps": arguments.steps,
                          "metrics": arguments.metrics, "repetitions": arguments.repetitions},
              "results": [], "skipped": {}}
    is_correct = True
    for tracker in CLIENTS:
        if importlib.util.find_spec(tracker) is None:
            report["skipped"][tracker] = f"this Python has no package {tracker}"
            continue
        results, is_right = compare(tracker, arguments)
        report["results"] += results
        is_correct = is_correct and is_right
    report["is_correct"] = is_correct
    print(json.dumps(report, indent=2))
    return 0 if is_correct else 1


if __name__ == "__main__":
    sys.exit(main())
