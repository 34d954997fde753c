"""`ranklog sync` of runs that go on, were killed, were resumed or are damaged; what it says, and what
it does when it is told to stop, to wait or to leave something out."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import time

import pytest

for package in ("tensorboard", "wandb", "mlflow", "h5py"):
    pytest.importorskip(package)

import h5py
from clearml_stub import ClearmlStub
from comet_stub import CometStub
from conftest import SYNC_STEPS
from mlflow_servers import StubServer, free_port
from stub_server import FAULTS
from whole_runs import (read_clearml, read_comet, read_comet_experiment, read_dvclive, read_jsonl,
                        read_tensorboard, read_wandb)

SECRET = "s3cr3t-passw0rd"
FILES = {"jsonl": read_jsonl, "wandb": read_wandb, "dvclive": read_dvclive, "clearml": read_clearml,
         "comet_ml": read_comet, "tensorboard": read_tensorboard}
TO_FILES = [word for tracker in FILES for word in ("--to", tracker)]


@pytest.fixture(scope="module")
def recorded(sync_job, tmp_path_factory):
    """The run directory of a job that wrote its run file only."""
    return sync_job(2, tmp_path_factory.mktemp("recorded"), "hdf5", 0, SYNC_STEPS)[0]


def wait_until_recorded(bin_dir, run):
    """Until the run file has rows."""
    command = [str(bin_dir / "ranklog"), "show", str(run), "--json"]
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0 and json.loads(done.stdout)["last_step"] is not None:
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def loss_steps(points):
    return sorted(step for step, *_ in points)


def test_a_run_that_goes_on_stays_open_everywhere_until_it_has_ended(bin_dir, start_sync_job, sync,
                                                                     tmp_path):
    mlflow, clearml, comet = StubServer(), ClearmlStub(), CometStub()
    env = {"MLFLOW_TRACKING_URI": mlflow.uri}
    online = {**clearml.environment, **comet.environment}
    run, a, b = (tmp_path / name / "sync" / "run" for name in ("runs", "a", "b"))

    def deliver_to_servers():
        for words in (["clearml"], ["comet_ml", "--option", "max_requests_per_s=100000"]):
            sync(run, "--into", tmp_path / "servers", "--to", *words, env=online)

    with start_sync_job(2, tmp_path / "runs", "hdf5", 0, SYNC_STEPS, 70000) as job:
        wait_until_recorded(bin_dir, run)
        said = sync(run, *TO_FILES, "--to", "mlflow", "--into", tmp_path / "a", env=env)
        assert said.stdout.count("delivered; the run goes on") == len(FILES) + 1
        deliver_to_servers()
        assert job.poll() is None, "the job ended before the delivery"
        assert len(read_tensorboard(a)["hparams"]) == 1 and read_wandb(a)["exit"] == []
        assert not [line for line in read_jsonl(a)["others"] if "outcome" in line]
        assert not read_clearml(a)["is_packed"] and not read_comet(a)["is_packed"]
        assert mlflow.batches and not mlflow.updates
        assert clearml.states["t0"] == [("in_progress", "")]
        (experiment,) = comet.experiments.values()
        assert experiment["points"] and not experiment["times"]
        assert "ranklog.outcome" not in experiment["others"]
        assert job.wait(timeout=60) == 0
    sync(run, *TO_FILES, "--to", "mlflow", "--into", tmp_path / "a", env=env)
    deliver_to_servers()
    sync(run, *TO_FILES, "--into", tmp_path / "b")
    for tracker in FILES:
        found, expected = FILES[tracker](a), FILES[tracker](b)
        if tracker == "tensorboard":  # a file for each delivery, which say when they began
            assert len(found.pop("hparams")) == len(expected.pop("hparams")) == 2
        assert found == expected
    assert mlflow.updates[-1]["status"] == "FINISHED"
    assert loss_steps(mlflow.metrics("train/loss")) == list(range(SYNC_STEPS))
    assert [state for state, _ in clearml.states["t0"]][-1] == "completed"
    assert loss_steps(clearml.curve("t0", "train/loss", "train")) == list(range(SYNC_STEPS))
    found = read_comet_experiment(comet)
    assert len(found["points"]) == len(set(found["points"])) and len(comet.experiments) == 1
    assert found["others"]["ranklog.outcome"] == "completed"
    for stub in (mlflow, clearml, comet):
        stub.close()
    assert not clearml.problems and not comet.problems


def test_a_live_run_is_followed_to_its_end(bin_dir, start_sync_job, sync, tmp_path):
    run = tmp_path / "sync" / "run"
    with start_sync_job(2, tmp_path, "hdf5,jsonl,dvclive", 0, 200, 10000) as job:
        wait_until_recorded(bin_dir, run)
        done = sync(run, "--to", "jsonl", "--to", "dvclive", "--into", tmp_path / "synced", "--follow",
                    "--interval", "0.2")
        assert job.wait(timeout=60) == 0
    assert "the run goes on" not in done.stdout
    for reader in (read_jsonl, read_dvclive):
        assert reader(tmp_path / "synced" / "sync" / "run") == reader(run)


def test_a_run_whose_job_was_killed_is_delivered_whole_and_ends_as_failed(remote_job, sync, tmp_path):
    remote_job("hdf5", (), directory=tmp_path, trackers="hdf5", steps=1_000_000, pause_us=2000,
               with_files=0, kill_after_ms=2500, check=False)
    run = tmp_path / "interop" / "run"
    done = sync(run, "--to", "jsonl", "--follow")  # nothing to wait for
    assert "delivered" in done.stdout and "goes on" not in done.stdout
    read = read_jsonl(run)
    (outcome,) = [line for line in read["others"] if "outcome" in line]
    assert outcome == {"outcome": "failed", "reason": "the job ended without end_training()"}
    with h5py.File(run / "run.h5", "r", locking=False) as file:
        steps = file["metrics/train/loss/step"][:].tolist()
    assert [row["step"] for row in read["rows"] if "train/loss" in row["metrics"]] == steps
    assert steps == list(range(len(steps))) and len(steps) > 10


def test_a_resumed_run_is_delivered_as_one(sync_job, sync, tmp_path):
    """Delivered before and after the job was taken up again at an earlier step."""
    for into in ("a", "b"):
        run, _ = sync_job(2, tmp_path / into, "hdf5", 0, 40)
        if into == "a":
            sync(run, *TO_FILES)
        sync_job(2, tmp_path / into, "hdf5", 30, 50)
        sync(run, *TO_FILES)
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

    def curve(run, title):
        return sorted(e["iter"] for e in read_clearml(run)["metrics"] if e["metric"] == title)

    assert curve(a, "train/loss") == list(range(50))
    assert len(read_clearml(a)["log"]) == len(read_clearml(b)["log"]) == 15
    assert len(read_comet(a)["points"]) == len(read_comet(b)["points"])
    assert len(read_comet(a)["lines"]) == 15


def test_what_a_dead_server_did_not_get_the_printed_line_delivers(sync_job, sync, tmp_path):
    begin = time.monotonic()
    run, stderr = sync_job(2, tmp_path, "hdf5,mlflow", 0, SYNC_STEPS, 0, 500,
                           env={"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"})
    assert time.monotonic() - begin < 60
    (line,) = [line for line in stderr.splitlines() if "not delivered" in line]
    assert "78 rows from step 0 on not delivered" in line
    command = shlex.split(line.split("deliver them with: ")[1])
    assert command == ["ranklog", "sync", str(run), "--to", "mlflow"]

    server = StubServer()
    done = sync(*command[2:], env={"MLFLOW_TRACKING_URI": server.uri})
    assert "going on where it was left" in done.stdout
    assert loss_steps(server.metrics("train/loss")) == list(range(SYNC_STEPS))
    assert server.updates[-1]["status"] == "FINISHED"
    server.close()


@pytest.mark.parametrize("fault", ["dns", "refused", "401", "403", "500", "garbage", "hang"])
def test_a_server_that_cannot_be_used_is_an_error_without_secrets(recorded, sync, tmp_path, fault):
    faults = {"401": (401, b'{"error_code":"UNAUTHENTICATED"}'), "403": (403, b"no"), "hang": "hang"}
    stub = StubServer(lambda n, path: faults.get(fault) or FAULTS.get(fault))
    host = {"dns": "no-such-host.invalid", "refused": f"127.0.0.1:{free_port()}"}.get(
        fault, stub.uri.removeprefix("http://"))
    env = {"MLFLOW_TRACKING_URI": f"http://{host}", "MLFLOW_TRACKING_USERNAME": "me",
           "MLFLOW_TRACKING_PASSWORD": SECRET}
    done = sync(recorded, "--to", "mlflow", "--into", tmp_path, "--timeout", 1, env=env, check=False)
    assert done.returncode == 1
    assert "not everything was delivered; repeat the same line to go on" in done.stderr
    state = (tmp_path / "sync" / "run" / "sync-mlflow.state").read_text()
    assert "rows=" not in state and SECRET not in state + done.stdout + done.stderr
    stub.close()


def test_since_passes_over_earlier_rows_for_good(recorded, sync, tmp_path):
    done = sync(recorded, "--to", "jsonl", "--into", tmp_path, "--since", 50)
    assert "13 rows, steps 50 to 59 delivered" in done.stdout  # 10, and 2 and 1 more calls
    assert "has all already" in sync(recorded, "--to", "jsonl", "--into", tmp_path).stdout
    rows = read_jsonl(tmp_path / "sync" / "run")["rows"]
    assert min(row["step"] for row in rows) == 50 and len(rows) == 13


def test_a_dry_run_changes_nothing(recorded, sync):
    before = sorted((path, path.stat().st_mtime_ns) for path in recorded.rglob("*"))
    done = sync(recorded, "--to", "mlflow", "--dry-run",
                env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})
    assert f"steps 0 to {SYNC_STEPS - 1} would be delivered" in done.stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in recorded.rglob("*")) == before


def test_a_slow_delivery_shows_how_far_it_is_keeps_others_out_and_ends_in_order(bin_dir, recorded, sync,
                                                                               tmp_path):
    screen, terminal = pty.openpty()
    begin = time.monotonic()
    process = subprocess.Popen(
        [str(bin_dir / "ranklog"), "sync", str(recorded), "--to", "jsonl", "--into", str(tmp_path),
         "--rate", "40"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    time.sleep(0.5)
    second = sync(recorded, "--to", "jsonl", "--into", tmp_path, check=False)
    assert second.returncode == 1 and "another ranklog sync is delivering this run" in second.stderr
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    shown = os.read(screen, 100000).decode()
    os.close(screen)
    n_rows = [int(number) for number in re.findall(r"-> jsonl +\d+%  (\d+) rows", shown)]
    assert len(n_rows) > 2 and n_rows == sorted(n_rows)
    assert n_rows[-1] <= 40 * (time.monotonic() - begin) + 1
    assert "stopped; repeat the same line to go on" in shown
    sync(recorded, "--to", "jsonl", "--into", tmp_path)
    sync(recorded, "--to", "jsonl", "--into", tmp_path / "whole")
    assert read_jsonl(tmp_path / "sync" / "run") == read_jsonl(tmp_path / "whole" / "sync" / "run")


def test_hostile_run_files_are_errors_that_name_them(recorded, sync, tmp_path):
    def damaged(name, damage):
        path = tmp_path / name
        path.mkdir()
        shutil.copy(recorded / "run.h5", path / "run.h5")
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
    (tmp_path / "torn" / "run.h5").write_bytes((recorded / "run.h5").read_bytes()[:1000])
    runs["torn"] = tmp_path / "torn"
    for name, run in runs.items():
        done = sync(run, "--to", "jsonl", "--into", tmp_path / "into", check=False)
        assert done.returncode == 1, name
        assert done.stderr.count("\n") <= 2 and "ranklog:" in done.stderr, done.stderr
    assert not (tmp_path / "etc").exists()


def test_a_secret_on_the_command_line_is_refused(recorded, sync):
    done = sync(recorded, "--to", "jsonl", "--option", f"api_key={SECRET}", check=False)
    assert done.returncode == 2 and "give it in the environment" in done.stderr
    assert SECRET not in done.stdout + done.stderr
