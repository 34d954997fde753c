"""W&B's own software takes what the wandb tracker wrote: its record reader (`wandb leet inspect`)
and its upload (`wandb sync`), the latter against a stub server on loopback.
"""

import json
import math
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("wandb")

from wandb_stub import StubServer

N_STEPS = 1000
N_RANKS = 4
UNICODE_KEY = "метрика/量 ñ"
PROGRAM = "interop_write_wandb"
CONFIG = {"learning_rate": 1e-5, "batch_size": 32, "seed": 9007199254740993, "nesterov": True,
          "optimizer": {"name": "adäm", "betas": [0.9, 0.999]}, "scheduler": None,
          "clip": math.inf, "note": 'yes: "quoted"\n# not a comment'}


@pytest.fixture
def wandb_cli(tmp_path):
    """wandb_cli(*arguments, environment): runs W&B's command-line tool, returns its output."""

    def run(*arguments, environment=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
        done = subprocess.run([sys.executable, "-m", "wandb", *map(str, arguments)],
                              env={**clean, "HOME": str(tmp_path), **(environment or {})},
                              cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def inspect(wandb_cli):
    """inspect(run_directory): the records of its log as W&B's reader gives them."""

    def read(run):
        lines = wandb_cli("leet", "inspect", "--json", log_of(run)).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    return read


def offline_runs(directory):
    return sorted(path for path in directory.glob("wandb/offline-run-*"))


def log_of(run):
    (log,) = run.glob("*.wandb")
    return log


def of_type(records, kind):
    return [record[kind] for record in records if record["type"] == kind]


def expected_row(step, n_ranks):
    """What a reader must find at `step`, beside W&B's own keys."""
    loss = 1 / (1 + step)
    row = {"train/loss": loss + (n_ranks - 1) / 2, "train/loss_min": loss,
           "train/loss_max": loss + n_ranks - 1, "samples": 3 * n_ranks,
           "big": 9007199254740993 + step, "nested/deep/value": 2 * step,
           "by_rank": 100 * (n_ranks - 1) / 2 + 0.5, "by_rank_rank0": 0.5,
           "is_even": step % 2 == 0, UNICODE_KEY: step}
    if n_ranks > 1:
        row["by_rank_rank1"] = 100.5
    if step < 3:
        row["special"] = [math.nan, math.inf, -math.inf][step]
        row["note"] = '## Größe\nline "two"' if step == 0 else "later"
    return row


def is_same(found, expected):
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(expected, float):
        return found == pytest.approx(expected, rel=1e-15, abs=0)
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)


def check_row(row, step, n_ranks=N_RANKS):
    assert row["_step"] == step
    for key, value in expected_row(step, n_ranks).items():
        assert is_same(row[key], value), (step, key, row[key], value)
    assert "by_rank_rank2" not in row  # max_ranks is 2


def test_a_run_of_four_ranks_is_read_and_synced_as_it_was_logged(mpirun, tmp_path, inspect,
                                                                wandb_cli):
    """T2: scalars, text and configuration, with the project of init_trackers."""
    begin = time.time()
    mpirun(N_RANKS, PROGRAM, tmp_path, "baseline", 0, N_STEPS, "whole",
           env={"WANDB_TAGS": "a,b", "WANDB_NOTES": "nötes", "WANDB_RUN_GROUP": "not this one",
                "WANDB_JOB_TYPE": "train", "WANDB_MODE": "online"})
    (run,) = offline_runs(tmp_path / "project" / "baseline")

    records = inspect(run)
    assert [record["num"] for record in records] == list(range(1, len(records) + 1))
    first = [r["type"] for r in records if r["type"] != "metric"][:4]
    assert first == ["header", "run", "environment", "config"]
    assert len(of_type(records, "run")) == 1
    assert [r["type"] for r in records[-3:]] == ["exit", "final", "footer"]
    (end,) = of_type(records, "exit")
    assert end["exit_code"] == 0
    assert 0 <= end.get("runtime", 0) < 120  # whole seconds; protobuf leaves a 0 out
    rows = [record["item"] for record in of_type(records, "history")]
    assert [row["_step"] for row in rows] == list(range(N_STEPS))
    assert [row["big"] for row in rows] == [9007199254740993 + s for s in range(N_STEPS)]
    assert [rows[i]["special"] for i in range(3)] == ["NaN", "Infinity", "-Infinity"]

    with StubServer() as server:
        output = wandb_cli("sync", run, environment=server.environment)
    assert "Finished syncing" in output and not server.unknown
    (received,) = server.runs.values()
    assert len(received["history"]) == N_STEPS
    for step, row in enumerate(received["history"]):
        check_row(row, step)
        assert begin - 1 <= row["_timestamp"] <= time.time() and 0 <= row["_runtime"] < 120
    check_media(received)
    check_upload(received)
    check_what_was_asked_for(received)
    assert (run / f"{log_of(run).name}.synced").exists()


def check_media(received):
    """The descriptions in the rows, and the files that they name."""
    rows, files = received["history"], received["files"]
    image = rows[0]["samples/first"]
    assert (image["_type"], image["width"], image["height"]) == ("images/separated", 3, 2)
    names = image["filenames"] + rows[1]["pair"]["filenames"]
    assert len(set(names)) == 3
    assert all(files[name].startswith(b"\x89PNG") for name in names)
    table = rows[1]["predictions"]
    assert (table["_type"], table["ncols"], table["nrows"]) == ("table-file", 2, 2)
    assert json.loads(files[table["path"]]) == {"columns": ["näme", "score"],
                                                "data": [["a", 0.5], [None, 3]]}
    assert rows[1]["weights"] == {"_type": "histogram", "bins": [0, 0.5, 2], "values": [1, 2]}
    assert files[rows[1]["plots/roc"]["path"]] == b"<b>roc</b>"


def check_what_was_asked_for(received):
    """Definitions of metrics, the state of the machine, console output."""
    defined = json.loads(received["upserts"][-1]["config"])["_wandb"]["value"]["m"]
    by_name = {entry["1"]: entry for entry in defined if "1" in entry}
    assert defined[by_name["samples"]["5"] - 1]["1"] == "big"  # its x axis, counted from 1
    assert "big" in by_name
    samples = [event["system.proc.memory.rssMB"] for event in received["events"]
               if "system.proc.memory.rssMB" in event]
    assert samples and all(mib > 1 for mib in samples)
    output = "".join(received["output"])
    assert "first líne" in output and "last" in output


def check_upload(received):
    """Who the run is, its configuration, summary, files and end."""
    first = received["upserts"][0]
    assert (first["project"], first["displayName"], first["groupName"]) == ("project", "baseline",
                                                                            "g")
    assert (first["tags"], first["notes"], first["jobType"]) == (["a", "b"], "nötes", "train")
    config = json.loads(received["upserts"][-1]["config"])
    assert {key: config[key]["value"] for key in config if key != "_wandb"} == CONFIG
    assert received["exit_code"] == 0

    summary = received["summary"]
    last = expected_row(N_STEPS - 1, N_RANKS) | {"special": -math.inf, "note": "later"}
    assert summary["samples"] == {"max": 12, "mean": 12}
    assert all(is_same(summary[key], value) for key, value in last.items() if key != "samples")
    assert summary["_step"] == N_STEPS - 1 and summary["_wandb"]["runtime"] >= 0
    files = received["files"]
    assert {"config.yaml", "wandb-summary.json", "wandb-metadata.json"} <= set(files)
    assert json.loads(files["wandb-summary.json"]) == summary
    metadata = json.loads(files["wandb-metadata.json"])
    assert metadata["program"].endswith(PROGRAM) and metadata["host"]


def kill_at_random(bin_dir, directory, name, n_steps, rng):
    """Starts the program on four ranks and kills rank 0 some time after it flushed."""
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    command = [*launcher, str(N_RANKS), str(bin_dir / PROGRAM), str(directory), name, "0",
               str(n_steps), "killed"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("flushed "), line
        time.sleep(rng.uniform(0, 0.4))
        os.kill(int(line.split()[1]), signal.SIGKILL)
        process.wait(timeout=60)
    (run,) = offline_runs(directory / "project" / name)
    return run


def test_killed_runs_are_read_and_synced_up_to_their_last_flush(bin_dir, tmp_path, inspect,
                                                                wandb_cli):
    n_kills = int(os.environ.get("RANKLOG_N_KILLS", "2"))
    n_flushed = 300
    rng = random.Random(20261123)
    runs = [kill_at_random(bin_dir, tmp_path, f"killed-{i}", n_flushed, rng)
            for i in range(n_kills)]
    n_rows = []
    for run in runs:
        records = inspect(run)
        rows = [record["item"] for record in of_type(records, "history")]
        assert [row["_step"] for row in rows] == list(range(len(rows)))
        assert len(rows) >= n_flushed and not of_type(records, "exit")
        n_rows.append(len(rows))

    with StubServer() as server:
        wandb_cli("sync", *runs, environment=server.environment)
    assert not server.unknown and len(server.runs) == n_kills
    for run, n in zip(runs, n_rows):
        received = server.runs[log_of(run).stem.removeprefix("run-")]
        assert len(received["history"]) == n
        for step, row in enumerate(received["history"]):
            check_row(row, step)
        assert received["exit_code"] == 1  # W&B's word for "ended without saying so"


def test_a_killed_run_that_is_resumed_is_one_run_without_repeated_steps(bin_dir, mpirun, tmp_path,
                                                                       inspect, wandb_cli):
    run = kill_at_random(bin_dir, tmp_path, "resumed", 60, random.Random(5))
    mpirun(N_RANKS, PROGRAM, tmp_path, "resumed", 40, 80, "resume")
    assert offline_runs(tmp_path / "project" / "resumed") == [run]
    records = inspect(run)
    assert [record["num"] for record in records] == list(range(1, len(records) + 1))
    assert len(of_type(records, "run")) == len(of_type(records, "exit")) == 1

    with StubServer() as server:
        wandb_cli("sync", run, environment=server.environment)
        (received,) = server.runs.values()
        assert len(received["history"]) == 80 and received["exit_code"] == 0
        # A second resume finds the log synced, and adds to the run on the server.
        mpirun(N_RANKS, PROGRAM, tmp_path, "resumed", 80, 90, "resume")
        wandb_cli("sync", *offline_runs(tmp_path / "project" / "resumed"),
                  environment=server.environment)
    assert not server.unknown and len(server.runs) == 1
    assert len(received["history"]) == 90
    for step, row in enumerate(received["history"]):
        check_row(row, step)
    runtimes = [row["_runtime"] for row in received["history"]]
    assert runtimes == sorted(runtimes)
