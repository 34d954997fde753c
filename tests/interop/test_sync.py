"""`ranklog sync` replays a run file into a tracker: what the vendor's reader then finds is what it
finds where the job logged there itself; also after SIGKILL at any instant, and while the job runs.
"""

import json
import math
import os
import random
import shlex
import signal
import subprocess
import sys
import time

import pytest

for package in ("tensorboard", "wandb", "mlflow", "h5py"):
    pytest.importorskip(package)

from mlflow_servers import MlflowServer, StubServer, free_port

PROGRAM = "interop_sync_job"
N_RANKS = 4
N_STEPS = 60
N_KILLS = int(os.environ.get("RANKLOG_N_SYNC_KILLS", "3"))
SECRET = "s3cr3t-passw0rd"
FILES = ["tensorboard", "wandb", "dvclive", "jsonl"]


# What a vendor's reader finds in a run directory, in a form that can be compared with ==.

def number(value):
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def read_tensorboard(run):
    from tensorboard.backend.event_processing import event_accumulator as ea
    from tensorboard.plugins.hparams import plugin_data_pb2

    accumulator = ea.EventAccumulator(str(run), size_guidance={
        ea.SCALARS: 0, ea.TENSORS: 0, ea.HISTOGRAMS: 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    found = {tag: [(e.step, e.wall_time, number(e.value)) for e in accumulator.Scalars(tag)]
             for tag in tags["scalars"]}
    found |= {tag: [(e.step, e.wall_time, e.tensor_proto.string_val[0] if e.tensor_proto.string_val
                     else e.tensor_proto.tensor_content or list(e.tensor_proto.float_val))
                    for e in accumulator.Tensors(tag)]
              for tag in tags["tensors"]}
    found |= {tag: [(e.step, e.wall_time, list(e.histogram_value.bucket)) for e in
                    accumulator.Histograms(tag)] for tag in tags["histograms"]}
    found["hparams"] = {}
    for tag, metadata in accumulator.summary_metadata.items():
        if tag.startswith("_hparams_/"):
            found.pop(tag, None)
            data = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)
            data.session_start_info.ClearField("start_time_secs")  # taken twice by the job
            data.session_end_info.ClearField("end_time_secs")
            found["hparams"][tag] = data
    assert len(found["hparams"]) == 2
    return found


def read_wandb(run):
    (log,) = run.glob("wandb/offline-run-*/*.wandb")
    done = subprocess.run([sys.executable, "-m", "wandb", "leet", "inspect", "--json", log.parent],
                          env={**os.environ, "HOME": str(run)}, capture_output=True, text=True,
                          timeout=200)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    rows = [record["history"]["item"] for record in records if record["type"] == "history"]
    for row in rows:
        # The job takes the time of its start twice, for the run file and for W&B.
        assert abs(row.pop("_runtime")) < 100
    run_record = next(r["run"] for r in records if r["type"] == "run")
    return {"rows": rows, "config": [r["config"] for r in records if r["type"] == "config"][-1],
            "exit": [r["exit"]["exit_code"] for r in records if r["type"] == "exit"],
            "run": {key: run_record.get(key) for key in ("run_id", "project", "display_name", "host")}}


def read_dvclive(run):
    return {str(path.relative_to(run)): path.read_bytes()
            for path in sorted((run / "dvclive").rglob("*")) if path.is_file()}


def read_jsonl(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kinds = {line["metric"]["key"]: line["metric"]["reduction"] for line in lines if "metric" in line}
    rows = [line for line in lines if "step" in line]
    for row in rows:
        for key, metric in row["metrics"].items():
            # The run file has the mean only of what is reduced to it.
            is_all_finite = not metric.get("nan_count") and not isinstance(metric.get("value"), str)
            if kinds[key] not in ("mean", "gather") or not is_all_finite:
                metric.pop("mean", None)
    others = [line for line in lines if "step" not in line]
    for line in others:
        line.pop("created", None), line.pop("finished", None)
    rows.sort(key=lambda row: row["time"])
    return {"rows": rows, "others": sorted(others, key=str)}


READERS = {"tensorboard": read_tensorboard, "wandb": read_wandb, "dvclive": read_dvclive,
           "jsonl": read_jsonl}


@pytest.fixture(scope="module")
def live(bin_dir, tmp_path_factory):
    """The run directory of a job that logged to all trackers of FILES itself, and to hdf5."""
    directory = tmp_path_factory.mktemp("live")
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    subprocess.run([*launcher, str(N_RANKS), str(bin_dir / PROGRAM), str(directory),
                    ",".join(["hdf5", *FILES]), "0", str(N_STEPS)], check=True, timeout=120,
                   stdin=subprocess.DEVNULL)
    return directory / "sync" / "run"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = MlflowServer(tmp_path_factory.mktemp("mlflow")).start()
    yield started
    started.kill()


@pytest.fixture
def sync(bin_dir, tmp_path):
    """sync(*args, env={}, check=True): runs `ranklog sync`, and checks that no secret shows."""

    def run(*args, env=None, check=True, timeout=120):
        done = subprocess.run([str(bin_dir / "ranklog"), "sync", *map(str, args)], cwd=tmp_path,
                              env={**os.environ, "HOME": str(tmp_path), **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)
        assert SECRET not in done.stdout + done.stderr
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.mark.parametrize("tracker", FILES)
def test_a_synced_run_is_what_the_job_would_have_written(live, sync, tmp_path, tracker):
    done = sync(live, "--to", tracker, "--into", tmp_path)
    synced = tmp_path / "sync" / "run"
    assert READERS[tracker](synced) == READERS[tracker](live)
    # Three log calls at every tenth step, two at every fifth.
    assert f"{N_STEPS + N_STEPS // 5 + N_STEPS // 10} rows, steps 0 to {N_STEPS - 1} delivered" \
        in done.stdout
    before = sorted((path, path.stat().st_mtime_ns) for path in synced.rglob("*"))
    assert "has all already" in sync(live, "--to", tracker, "--into", tmp_path).stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in synced.rglob("*")) == before
    refused = sync(live, "--to", tracker, check=False)  # beside what the job wrote
    assert refused.returncode == 1 and "the job itself wrote it" in refused.stderr


def kill_and_repeat(bin_dir, arguments, env, seed, rate, longest):
    """Kills deliveries with SIGKILL, each some time after it began, then lets one end."""
    chance = random.Random(seed)
    command = [str(bin_dir / "ranklog"), "sync", *map(str, arguments), "--rate", str(rate)]
    n_killed = 0
    for _ in range(N_KILLS):
        process = subprocess.Popen(command, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.01, longest))
        process.send_signal(signal.SIGKILL)
        n_killed += process.wait() == -signal.SIGKILL
    assert n_killed == N_KILLS
    done = subprocess.run(command[:-2], env={**os.environ, **env}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("tracker", FILES)
def test_killed_and_repeated_it_ends_complete_and_without_duplicates(bin_dir, live, tmp_path, tracker):
    kill_and_repeat(bin_dir, [live, "--to", tracker, "--into", tmp_path], {}, tracker, 80, 0.6)
    found, expected = (READERS[tracker](run) for run in (tmp_path / "sync" / "run", live))
    assert found == expected


# MLflow, whose reader asks a server.

def read_mlflow(uri, experiment):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    points = {key: sorted((p.step, p.timestamp, number(p.value))
                          for p in client.get_metric_history(run.info.run_id, key))
              for key in run.data.metrics}
    tags = {key: value for key, value in run.data.tags.items()
            if not key.startswith("mlflow.source") and key not in ("mlflow.user",)}
    return {"points": points, "params": run.data.params, "tags": tags, "status": run.info.status,
            "name": run.info.run_name}


def start_time(uri, experiment):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return run.info.start_time


def test_mlflow_has_what_live_logging_gives_also_after_kills(server, bin_dir, mpirun, sync, tmp_path):
    mpirun(N_RANKS, PROGRAM, tmp_path, "hdf5,mlflow", 0, N_STEPS,
           env={"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_EXPERIMENT_NAME": "live"})
    run = tmp_path / "sync" / "run"
    env = {"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_EXPERIMENT_NAME": "synced"}
    assert "has all already" in sync(run, "--to", "mlflow", env=env).stdout  # from the job
    sync(run, "--to", "mlflow", "--into", tmp_path / "a", env=env)
    expected = read_mlflow(server.uri, "live")
    assert read_mlflow(server.uri, "synced") == expected
    assert len(expected["points"]) > 12
    assert abs(start_time(server.uri, "synced") - start_time(server.uri, "live")) < 5000

    env["MLFLOW_EXPERIMENT_NAME"] = "killed"
    kill_and_repeat(bin_dir, [run, "--to", "mlflow", "--into", tmp_path / "b"], env, 5, 25, 3)
    assert read_mlflow(server.uri, "killed") == expected


def test_what_a_dead_server_did_not_get_the_printed_line_delivers(server, mpirun, sync, bin_dir,
                                                                 tmp_path):
    begin = time.monotonic()
    done = mpirun(2, PROGRAM, tmp_path, "hdf5,mlflow", 0, N_STEPS, 0, 500,
                  env={"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"})
    assert time.monotonic() - begin < 60
    (line,) = [line for line in done.stderr.splitlines() if "not delivered" in line]
    assert "78 rows from step 0 on not delivered" in line
    command = shlex.split(line.split("deliver them with: ")[1])
    assert command == ["ranklog", "sync", str(tmp_path / "sync" / "run"), "--to", "mlflow"]

    env = {"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_EXPERIMENT_NAME": "spooled"}
    assert "going on where it was left" in sync(*command[2:], env=env).stdout
    found = read_mlflow(server.uri, "spooled")
    assert [step for step, _, _ in found["points"]["train/loss"]] == list(range(N_STEPS))
    assert found["status"] == "FINISHED" and found["params"]["optimizer/name"] == "adäm"


@pytest.mark.parametrize("fault", ["dns", "refused", "401", "403", "500", "garbage", "hang"])
def test_a_server_that_cannot_be_used_is_an_error_without_secrets(live, sync, tmp_path, fault):
    faults = {"401": (401, b'{"error_code":"UNAUTHENTICATED"}'), "403": (403, b"no"),
              "500": (500, b"oops"), "garbage": (200, b"\x00<html>"), "hang": "hang"}
    stub = StubServer(lambda n, path: faults.get(fault))
    host = {"dns": "no-such-host.invalid", "refused": f"127.0.0.1:{free_port()}"}.get(
        fault, stub.uri.removeprefix("http://"))
    env = {"MLFLOW_TRACKING_URI": f"http://{host}", "MLFLOW_TRACKING_USERNAME": "me",
           "MLFLOW_TRACKING_PASSWORD": SECRET}
    done = sync(live, "--to", "mlflow", "--into", tmp_path, "--timeout", 1, env=env, check=False)
    assert done.returncode == 1
    assert "not everything was delivered; repeat the same line to go on" in done.stderr
    state = (tmp_path / "sync" / "run" / "sync-mlflow.state").read_text()
    assert "rows=" not in state and SECRET not in state
    stub.close()


def test_a_live_run_is_followed_to_its_end(bin_dir, tmp_path, live):
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    job = subprocess.Popen([*launcher, "2", str(bin_dir / PROGRAM), str(tmp_path), "hdf5,jsonl,dvclive",
                            "0", "300", "10000"], stdin=subprocess.DEVNULL)
    run = tmp_path / "sync" / "run"
    deadline = time.monotonic() + 60
    while subprocess.run([str(bin_dir / "ranklog"), "show", str(run)], capture_output=True).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = subprocess.run([str(bin_dir / "ranklog"), "sync", str(run), "--to", "jsonl", "--to", "dvclive",
                           "--into", str(tmp_path / "synced"), "--follow", "--interval", "0.2"],
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert job.wait(timeout=60) == 0 and done.returncode == 0, done.stderr
    for reader in (read_jsonl, read_dvclive):
        assert reader(tmp_path / "synced" / "sync" / "run") == reader(run)


def test_a_resumed_run_is_delivered_as_one(mpirun, sync, tmp_path):
    """Delivered before and after the job was taken up again at an earlier step."""
    for into in ("a", "b"):
        mpirun(2, PROGRAM, tmp_path / into, "hdf5", 0, 40)
        run = tmp_path / into / "sync" / "run"
        if into == "a":
            sync(run, "--to", "jsonl", "--to", "dvclive", "--to", "tensorboard", "--to", "wandb")
        mpirun(2, PROGRAM, tmp_path / into, "hdf5", 30, 50)
        sync(run, "--to", "jsonl", "--to", "dvclive", "--to", "tensorboard", "--to", "wandb")
    a, b = (tmp_path / into / "sync" / "run" for into in ("a", "b"))

    def steps(run):
        rows = read_jsonl(run)["rows"]
        return [row["step"] for row in rows if "train/loss" in row["metrics"]]

    assert steps(a) == steps(b) == list(range(50))
    loss = {run: [(step, value) for step, _, value in read_tensorboard(run)["train/loss"]]
            for run in (a, b)}
    assert loss[a] == loss[b] and len(loss[a]) == 50
    assert [row["_step"] for row in read_wandb(a)["rows"]] == list(range(50))
    assert read_dvclive(a)["dvclive/plots/metrics/train/loss.tsv"] == \
        read_dvclive(b)["dvclive/plots/metrics/train/loss.tsv"]


def test_a_dry_run_changes_nothing(live, sync, tmp_path):
    before = sorted((path, path.stat().st_mtime_ns) for path in live.rglob("*"))
    done = sync(live, "--to", "mlflow", "--dry-run", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})
    assert f"steps 0 to {N_STEPS - 1} would be delivered" in done.stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in live.rglob("*")) == before


def test_hostile_run_files_are_errors_that_name_them(live, sync, tmp_path):
    import h5py
    import shutil

    def damaged(name, damage):
        path = tmp_path / name
        path.mkdir()
        shutil.copy(live / "run.h5", path / "run.h5")
        with h5py.File(path / "run.h5", "r+", locking=False) as file:
            damage(file)
        return path

    def short_column(file):
        del file["metrics/big/count"]
        file["metrics/big/count"] = [1, 2]

    runs = {
        "escape": damaged("escape", lambda f: f.attrs.__setitem__("project", "../../etc")),
        "newline": damaged("newline", lambda f: f.attrs.__setitem__("run_id", "a\nrows=9 b")),
        "key": damaged("key", lambda f: f["metrics/big"].attrs.__setitem__("key", "a\nb")),
        "short": damaged("short", short_column),
    }
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.h5").write_bytes((live / "run.h5").read_bytes()[:1000])
    runs["torn"] = tmp_path / "torn"
    for name, run in runs.items():
        done = sync(run, "--to", "jsonl", "--into", tmp_path / "into", check=False)
        assert done.returncode == 1, name
        assert done.stderr.count("\n") <= 2 and "ranklog:" in done.stderr, done.stderr
    assert not (tmp_path / "etc").exists()


def test_a_secret_on_the_command_line_is_refused(live, sync):
    done = sync(live, "--to", "jsonl", "--option", f"api_key={SECRET}", check=False)
    assert done.returncode == 2 and "give it in the environment" in done.stderr
