"""DVC's own commands and DVCLive's loader find in our folder what was logged.

The folder lies in a git repository, as it does with those who use DVC.
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

pytest.importorskip("dvc")
pytest.importorskip("dvclive")

from dvclive.utils import parse_json, parse_tsv  # what dvclive reads its own files with

PROGRAM = "interop_write_media"
N_STEPS = 1010
N_RANKS = 4
N_KILLS = int(os.environ.get("RANKLOG_N_KILLS", "2"))
UNICODE_KEY = "метрика/量 ñ"
SPECIAL = ["nan", "inf", "-inf"]


@pytest.fixture
def repository(tmp_path):
    """A git repository with DVC in it."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q")
    dvc(path, "init", "-q")
    commit(path)
    return path


def git(repository, *args):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *args], cwd=repository, check=True, capture_output=True)


def commit(repository):
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "state")


def dvc(repository, *args):
    """The output of a dvc command; its analytics and update check would use the network."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "CI": "1"}
    done = subprocess.run([sys.executable, "-m", "dvc", *args], cwd=repository, env=environment,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dvclive_dir(repository, run):
    return repository / "runs" / "project" / run / "dvclive"


def rows(directory, key):
    """(step, value) pairs as dvclive's own loader gives them, all text."""
    column = key.rsplit("/", 1)[-1]
    table = parse_tsv(directory / "plots" / "metrics" / f"{key}.tsv")
    return [(int(row["step"]), row[column]) for row in table]


def mean_loss(step, n_ranks):
    return 1 / (1 + step) + (n_ranks - 1) / 2


def expected_plots(first, end):
    """What DVC's plots hold, by the name of the file below plots/metrics."""
    return {
        "train/loss.tsv": ("loss", [mean_loss(s, N_RANKS) for s in range(first, end)]),
        f"{UNICODE_KEY}.tsv": ("量 ñ", [float(s) for s in range(first, end)]),
        "big.tsv": ("big", [9007199254740993 + s for s in range(first, end)]),
        "step_.tsv": ("step_", [2 * s for s in range(first, end)]),
        "special.tsv": ("special", [SPECIAL[s % 3] for s in range(first, end)]),
        "clash.tsv": ("clash", [0.25] * (end - first)),
        "clash/below.tsv": ("below", [0.5] * (end - first)),
        "by_rank_rank3.tsv": ("by_rank_rank3", [300.5] * (end - first)),
    }


def test_dvc_reads_every_value_step_parameter_text_and_image(mpirun, repository):
    mpirun(N_RANKS, PROGRAM, repository / "runs", "a", "dvclive", N_STEPS)
    directory = dvclive_dir(repository, "a")
    below = str(directory.relative_to(repository))

    shown = json.loads(dvc(repository, "metrics", "show", "--json"))[""]["data"]
    last = shown[f"{below}/metrics.json"]["data"]
    assert last["step"] == N_STEPS - 1 and last["step_"] == 2 * (N_STEPS - 1)
    assert last["train"]["loss"] == pytest.approx(mean_loss(N_STEPS - 1, N_RANKS), rel=1e-12)
    assert last["big"] == 9007199254740993 + N_STEPS - 1
    assert last["clash"] == {"": 0.25, "below": 0.5}
    assert last["метрика"]["量 ñ"] == N_STEPS - 1
    assert last["note"] == 'Größe "1003"\tline one\nline two'
    assert last["special"] == SPECIAL[(N_STEPS - 1) % 3]

    plots = json.loads(dvc(repository, "plots", "show", "--json"))["data"]
    for name, (column, values) in expected_plots(0, N_STEPS).items():
        points = plots[f"{below}/plots/metrics/{name}"][0]["content"]["data"]["values"]
        assert [int(point["step"]) for point in points] == list(range(N_STEPS)), name
        read = [type(value)(point[column]) for point, value in zip(points, values)]
        assert read == pytest.approx(values, rel=1e-12) if isinstance(values[0], float) \
            else read == values, name
    assert [s for s, _ in rows(directory, "note")] == [3, 1003]
    assert plots[f"{below}/plots/images/samples/3.png"][0]["type"] == "image"
    pillow = pytest.importorskip("PIL.Image")
    with pillow.open(directory / "plots" / "images" / "samples" / "3.png") as image:
        assert list(image.tobytes()) == [10 * i + 3 for i in range(24)]


def test_dvc_shows_how_parameters_differ_between_commits(mpirun, repository):
    mpirun(1, PROGRAM, repository / "runs", "a", "dvclive", 5)
    commit(repository)
    params = dvclive_dir(repository, "a") / "params.yaml"
    text = params.read_text("utf-8")
    params.write_text(text.replace("1.0e-05", "0.5").replace("9007199254740993", "1"), "utf-8")
    found = json.loads(dvc(repository, "params", "diff", "--json"))
    (changes,) = found.values()
    assert changes["learning_rate"]["old"] == 1e-5 and changes["learning_rate"]["new"] == 0.5
    assert changes["seed"]["old"] == 9007199254740993
    assert "optimizer.name" not in changes  # it did not change


def kill_at_a_random_instant(bin_dir, repository, seed):
    process = subprocess.Popen(
        [str(bin_dir / PROGRAM), str(repository / "runs"), "a", "dvclive", "100000000"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    directory = dvclive_dir(repository, "a")
    deadline = time.monotonic() + 60
    while not (directory / "metrics.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 0.5))
    process.send_signal(signal.SIGKILL)
    process.wait()
    return directory


@pytest.mark.parametrize("seed", range(N_KILLS))
def test_a_killed_job_left_whole_rows_and_a_resumed_one_has_each_step_once(
        bin_dir, mpirun, tmp_path, seed):
    directory = kill_at_a_random_instant(bin_dir, tmp_path, seed)
    last = parse_json(directory / "metrics.json")  # the old or the new file, never a half
    for key in ("train/loss", "big", "special", UNICODE_KEY):
        text = (directory / "plots" / "metrics" / f"{key}.tsv").read_text("utf-8")
        assert text.endswith("\n")
        steps = [s for s, _ in rows(directory, key)]
        assert steps == list(range(len(steps)))
        assert len(steps) > last["step"]  # tables are written before the summary
    assert [float(v) for _, v in rows(directory, "train/loss")] == [
        pytest.approx(mean_loss(s, 1)) for s in range(len(rows(directory, "train/loss")))]

    resume_from = last["step"] // 2 + 1
    end = resume_from + 20
    mpirun(2, PROGRAM, tmp_path / "runs", "a", "dvclive", end, resume_from)
    for key in ("train/loss", "big", "special", UNICODE_KEY):
        assert [s for s, _ in rows(directory, key)] == list(range(end))
    losses = [float(v) for _, v in rows(directory, "train/loss")]
    assert losses[resume_from - 1] == pytest.approx(mean_loss(resume_from - 1, 1))
    assert losses[resume_from] == pytest.approx(mean_loss(resume_from, 2))
    assert parse_json(directory / "metrics.json")["step"] == end - 1
    assert math.isnan(float(rows(directory, "special")[0][1]))
    assert [s for s, _ in rows(directory, "note")] == [
        s for s in range(3, end, 1000)]
    assert not list(pathlib.Path(directory).rglob("*.part"))
