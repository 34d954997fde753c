"""Time per step of each tracker and of its vendor's own Python client, for the same dictionaries.

usage: vendor_clients.py BIN_DIR [steps] [repetitions]

BIN_DIR holds bench_tracker_cost and bench_remote_cost; the Python needs the packages of
tests/interop/requirements.txt. Times of trackers that write files include all that is done until
everything is written. MLflow's are those until everything is on a real server on loopback, and those
that the loop spends in the call. Prints JSON as the other benchmarks do; each client is measured at
once after the tracker.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "interop"))

KEYS = [f"train/metric_{i}" for i in range(20)]
MLFLOW_KEYS = [f"metric_{i}" for i in range(16)]  # those of bench_remote_cost
N_MLFLOW_STEPS = 100
LAUNCHER = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()


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
    """As torch.utils.tensorboard.SummaryWriter does: an event for each scalar."""
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


CLIENTS = {"tensorboard": log_with_tensorboard, "wandb": log_with_wandb,
           "dvclive": log_with_dvclive}


def ns_per_step(log, n_steps, n_repetitions):
    times = []
    for _ in range(n_repetitions):
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)  # in a git repository, dvclive would make a DVC repository of it
            start = time.perf_counter()
            log(pathlib.Path(directory) / "run", n_steps)
            times.append((time.perf_counter() - start) / n_steps * 1e9)
            os.chdir("/")
    return times


def run_program(program, *arguments):
    done = subprocess.run([*LAUNCHER, "1", str(program), *map(str, arguments)], check=True,
                          stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    assert report["is_correct"], report
    return report["context"], {entry["name"]: entry["value"] for entry in report["results"]}


def mlflow_client(uri, is_synchronous):
    """Median ns of a call of log_metrics, and ns per step until everything is on the server."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("vendor")
    with mlflow.start_run():
        begin, calls = time.perf_counter(), []
        for step in range(N_MLFLOW_STEPS):
            values = {key: 0.1 * step for key in MLFLOW_KEYS}
            start = time.perf_counter()
            mlflow.log_metrics(values, step=step, synchronous=is_synchronous)
            calls.append((time.perf_counter() - start) * 1e9)
            time.sleep(0.001)
        mlflow.flush_async_logging()
        return statistics.median(calls), (time.perf_counter() - begin) / N_MLFLOW_STEPS * 1e9


class Results:
    def __init__(self):
        self.list = []

    def add(self, name, unit, value, **more):
        self.list.append({"name": name, "unit": unit, "value": value, **more})

    def compare(self, what, ours, theirs, **more):
        self.add(what, "ns/step", ours)
        self.add(f"{what}, Python client", "ns/step", theirs, **more)
        self.add(f"{what} / Python client", "ratio", ours / theirs)


def measure_mlflow(results, bin_dir):
    from mlflow_servers import MlflowServer

    with tempfile.TemporaryDirectory() as directory:
        server = MlflowServer(directory).start()
        try:
            _, ours = run_program(bin_dir / "bench_remote_cost", "--server", server.uri,
                                  "--steps", N_MLFLOW_STEPS)
            call, delivered = mlflow_client(server.uri, True)
            async_call, async_delivered = mlflow_client(server.uri, False)
        finally:
            server.kill()
    results.compare("mlflow until delivered", ours["delivered.live_server"], delivered)
    results.compare("mlflow call", ours["log.live_server"], call)
    results.add("mlflow until delivered, asynchronous Python client", "ns/step", async_delivered)
    results.add("mlflow call, asynchronous Python client", "ns/step", async_call)
    for server in ("dead", "live"):
        for of, what in (("", "time in log"), ("cpu_", "processor time in log"),
                         ("loop_", "loop of 1 ms steps")):
            results.add(f"{what}, {server} MLflow server / no mlflow", "ratio",
                        ours[f"{of}ratio.{server}_server"])


def main():
    # The clients print what they have to say to standard output, which is for the report.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    n_steps = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    n_repetitions = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    results = Results()
    context, ours = run_program(bin_dir / "bench_tracker_cost", n_steps, n_repetitions)
    for name, log in CLIENTS.items():
        measured = ours.get(f"{name}, log of 20 numbers until it is written")
        if measured is None:
            continue
        try:
            times = ns_per_step(log, n_steps, n_repetitions)
        except ImportError as error:
            print(f"{name}: skipped: {error}", file=sys.stderr)
            continue
        results.compare(f"{name} until written", measured, statistics.median(times),
                        repetitions=times)
    try:
        measure_mlflow(results, bin_dir)
    except ImportError as error:
        print(f"mlflow: skipped: {error}", file=sys.stderr)
    json.dump({"format": 1, "program": "vendor_clients", "context": context,
               "results": results.list, "is_correct": True}, report, indent=2)
    report.close()


if __name__ == "__main__":
    main()
