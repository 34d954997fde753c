"""Time per step of the vendors' own Python clients, for the dictionaries of bench_tracker_cost.

usage: vendor_clients.py <bench_tracker_cost> [steps]

Starts that program on one rank, then logs the same with the Python clients that are installed, and
prints both as JSON with their ratio. Both times include all that is done until everything is written.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

KEYS = [f"train/metric_{i}" for i in range(20)]
N_REPETITIONS = 3


def log_with_dvclive(directory, n_steps):
    """As Accelerate's tracker does: next_step() after each dictionary."""
    from dvclive import Live

    with Live(dir=str(directory), save_dvc_exp=False, dvcyaml=None) as live:
        live.log_params({"learning_rate": 0.1})
        for step in range(n_steps):
            live.step = step
            for key in KEYS:
                live.log_metric(key, 0.37 * step)
            live.next_step()


def log_with_tensorboard(directory, n_steps):
    """The writer of the tensorboard package itself; torch's is built on the same event writer."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(directory))
    for step in range(n_steps):
        for key in KEYS:
            summary = Summary(value=[Summary.Value(tag=key, simple_value=0.37 * step)])
            writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
    writer.flush()
    writer.close()


def log_with_wandb(directory, n_steps):
    """Offline, with all that it records beside what is logged switched off."""
    import wandb

    directory.mkdir()
    settings = wandb.Settings(console="off", silent=True, disable_git=True, x_disable_stats=True,
                              x_disable_meta=True, x_disable_machine_info=True)
    run = wandb.init(project="bench", dir=str(directory), mode="offline", settings=settings,
                     config={"learning_rate": 0.1})
    for step in range(n_steps):
        run.log({key: 0.37 * step for key in KEYS}, step=step)
    run.finish()


CLIENTS = {"dvclive": log_with_dvclive, "tensorboard": log_with_tensorboard,
           "wandb": log_with_wandb}


def ns_per_step(log, n_steps):
    times = []
    for _ in range(N_REPETITIONS):
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)  # in a git repository, dvclive would make a DVC repository of it
            start = time.perf_counter()
            log(pathlib.Path(directory) / "run", n_steps)
            times.append((time.perf_counter() - start) / n_steps * 1e9)
            os.chdir("/")
    return sorted(times)[len(times) // 2]


def main():
    program, n_steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    done = subprocess.run([program, str(n_steps), str(N_REPETITIONS)], check=True,
                          capture_output=True, text=True)
    ours = {entry["name"]: entry["value"] for entry in json.loads(done.stdout)["results"]}
    results = []
    for name, log in CLIENTS.items():
        measured = ours.get(f"{name}, log of 20 numbers until it is written")
        if measured is None:
            continue
        try:
            vendor = ns_per_step(log, n_steps)
        except ImportError as error:
            print(f"{name}: skipped: {error}", file=sys.stderr)
            continue
        results.append({"tracker": name, "ranklog_ns_per_step": measured,
                        "python_client_ns_per_step": vendor, "ratio": measured / vendor})
    print(json.dumps({"steps": n_steps, "repetitions": N_REPETITIONS, "results": results}, indent=2))


if __name__ == "__main__":
    main()
