"""One job on four ranks with log_with = "all": each vendor's own software gives back what was logged.
And such a job killed at random instants, read, resumed, and read again.

RANKLOG_N_KILLS is the number of kills (default 2), RANKLOG_SEED chooses their instants.
"""

import io
import json
import math
import os
import pathlib
import random
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest

for package in ("tensorboard", "wandb", "mlflow", "dvc", "dvclive", "aim", "clearml", "comet_ml"):
    pytest.importorskip(package)

import vendor_readers as readers
import whole_runs
from aim_servers import AimServers
from clearml_stub import ClearmlStub
from comet_stub import CometStub
from conftest import run_checked
from mlflow_servers import MlflowServer
from wandb_stub import StubServer as WandbStub

N_STEPS = 5000
N_RANKS = 4
PROGRAM = "interop_log_everywhere"
RESUMABLE = "hdf5,tensorboard,wandb,mlflow,dvclive"  # those that the killed job logs to
UNICODE_KEY = "späße/日本"
LARGEST = 1.7976931348623157e308  # what MLflow's store makes of infinity
SPECIAL = [math.nan, math.inf, -math.inf]
PARAMETERS = {"learning_rate": 1e-5, "seed": 9007199254740993, "nesterov": True,
              "optimizer": {"name": "adäm", "betas": [0.9, 0.999]}, "größe": {"日本": 7}}


def loss(step):
    return 1 / (1 + step) + (N_RANKS - 1) / 2


def big(step):
    return 9007199254740993 + 2 * step


def note(step):
    return f'Größe "{step}"\nline two'


def special(end):
    return [(s, SPECIAL[s // 50 % 3]) for s in range(0, end, 50)]


def notes(end):
    return [(s, note(s)) for s in range(3, end, 1000)]


def pixels(step):
    return [10 * i + step // 1000 for i in range(4 * 2 * 3)]


def same(found, expected):
    """Equal series; a NaN is equal to a NaN."""
    return len(found) == len(expected) and all(
        a == b and (x == y or (x != x and y != y)) for (a, x), (b, y) in zip(found, expected))


def near(found, expected):
    """Equal steps, and values equal to the last digits of a double."""
    return [s for s, _ in found] == [s for s, _ in expected] and np.allclose(
        [v for _, v in found], [v for _, v in expected], rtol=1e-15, atol=0)


def as_float32(series):
    return [(step, np.float32(value)) for step, value in series]


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory):
    server = MlflowServer(tmp_path_factory.mktemp("mlflow")).start()
    yield server
    server.kill()


class Job:
    """Where a job runs: a git repository with DVC in it."""

    def __init__(self, directory, server, experiment, trackers=RESUMABLE, **environment):
        self.trackers, self.more = trackers, environment
        self.home, self.repository = directory, directory / "repository"
        self.uri, self.experiment = server.uri, experiment
        self.run_dir = self.repository / "runs" / "project" / "run"
        self.repository.mkdir()
        self.git("init", "-q")
        readers.dvc(self.repository, "init", "-q")

    def git(self, *arguments):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self.repository, check=True,
                       capture_output=True)

    def command(self, bin_dir, *arguments):
        launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
        return [*launcher, str(N_RANKS), str(bin_dir / PROGRAM), str(self.repository / "runs"),
                self.trackers, *map(str, arguments)]

    @property
    def environment(self):
        return {**os.environ, "HOME": str(self.home), "MLFLOW_TRACKING_URI": self.uri,
                "MLFLOW_EXPERIMENT_NAME": self.experiment, **self.more}

    def whole(self, bin_dir, first, end):
        return run_checked(self.command(bin_dir, first, end), self.environment, self.home, 400, True)

    @property
    def wandb_run(self):
        (run,) = (path for path in self.run_dir.glob("wandb/offline-run-*"))
        return run

    def mlflow_run(self):
        return readers.MlflowRun(self.uri, self.experiment)

    def series(self, key, kind=float):
        """{reader: (step, value) pairs}. Of a run that may be in any state."""
        tables = readers.DvcliveTables(self.run_dir / "dvclive")
        found = {"EventAccumulator": [], "mlflow": self.mlflow_run().series(key),
                 "dvclive": tables.series(key, kind), "wandb": []}
        if any(self.run_dir.glob("events.*")):
            found["EventAccumulator"] = readers.EventAccumulator(self.run_dir).series(key)
        if any(self.run_dir.glob("wandb/offline-run-*/*.wandb")):
            found["wandb"] = readers.WandbLog(self.wandb_run, self.home).series(key)
        return found


@pytest.fixture(scope="module")
def aim_servers(tmp_path_factory):
    servers = AimServers(tmp_path_factory.mktemp("aim"))
    servers.server.start()
    servers.page.start()
    yield servers
    servers.kill()


@pytest.fixture(scope="module")
def finished(bin_dir, mlflow_server, aim_servers, tmp_path_factory):
    """The whole job, and its output. Without keys, Comet and ClearML are offline."""
    job = Job(tmp_path_factory.mktemp("job"), mlflow_server, "whole", "all",
              RANKLOG_AIM_REPO=aim_servers.repo)
    job.output = job.whole(bin_dir, 0, N_STEPS).stderr
    return job


STEPS = range(N_STEPS)


def test_h5py_reads_all_of_it(finished):
    with h5py.File(finished.run_dir / "run.h5") as file:
        assert np.allclose(file["metrics/train/loss/value"][:], [loss(s) for s in STEPS], rtol=1e-15)
        assert file[f"metrics/{UNICODE_KEY}/value"][:].tolist() == list(STEPS)
        assert file["metrics/big/value"][:].tolist() == [big(s) for s in STEPS]
        assert file["metrics/big/step"][:].tolist() == list(STEPS)
        found = zip(file["metrics/special/step"][:].tolist(), file["metrics/special/value"][:])
        assert same(list(found), special(N_STEPS))
        assert [text.decode() for text in file["text/note/value"][:]] == [
            text for _, text in notes(N_STEPS)]
        assert file["config"].attrs["seed"] == PARAMETERS["seed"]
        assert file["config/größe"].attrs["日本"] == 7


def test_event_accumulator_reads_all_of_it(finished):
    from tensorboard.plugins.hparams import plugin_data_pb2

    events = readers.EventAccumulator(finished.run_dir)
    assert as_float32(events.series("train/loss")) == [(s, np.float32(loss(s))) for s in STEPS]
    assert events.series(UNICODE_KEY) == [(s, float(s)) for s in STEPS]
    assert as_float32(events.series("big")) == [(s, np.float32(big(s))) for s in STEPS]
    assert same(events.series("special"), special(N_STEPS))
    assert [(s, text.decode()) for s, text in events.series("note")] == notes(N_STEPS)
    metadata = events.events.SummaryMetadata("_hparams_/session_start_info")
    hparams = plugin_data_pb2.HParamsPluginData.FromString(
        metadata.plugin_data.content).session_start_info.hparams
    assert hparams["learning_rate"].number_value == 1e-5
    assert hparams["seed"].string_value == "9007199254740993"
    assert hparams["optimizer/name"].string_value == "adäm"
    assert hparams["größe/日本"].number_value == 7


def test_the_data_server_reads_all_of_it(finished):
    server = readers.DataServer(finished.repository / "runs", "project/run")
    try:
        server.wait_until(lambda s: len(s.scalars("train/loss")) == N_STEPS)
        assert as_float32(server.scalars("train/loss")) == [(s, np.float32(loss(s))) for s in STEPS]
        assert server.scalars(UNICODE_KEY) == [(s, float(s)) for s in STEPS]
        assert as_float32(server.scalars("big")) == [(s, np.float32(big(s))) for s in STEPS]
        assert same(server.scalars("special"), special(N_STEPS))
        assert server.texts("note") == notes(N_STEPS)
        images = server.images("samples")
        assert [step for step, _ in images] == [s for s, _ in notes(N_STEPS)]
        assert all(decoded(blobs[2]) == pixels(step) for step, blobs in images)
    finally:
        server.close()


def decoded(png):
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (4, 2)
        return list(image.tobytes())


def test_wandbs_record_reader_and_upload_give_all_of_it(finished):
    log = readers.WandbLog(finished.wandb_run, finished.home)
    assert near(log.series("train/loss"), [(s, loss(s)) for s in STEPS])
    assert log.series("big") == [(s, big(s)) for s in STEPS]
    assert len(log.of_type("exit")) == 1

    with WandbStub() as server:
        environment = {**readers.wandb_environment(finished.home), **server.environment}
        readers.run_tool("wandb", "sync", finished.wandb_run, cwd=finished.home,
                         environment=environment)
    assert not server.unknown
    (received,) = server.runs.values()
    rows = received["history"]
    assert [row["_step"] for row in rows] == list(STEPS)
    assert near([(row["_step"], row["train/loss"]) for row in rows], [(s, loss(s)) for s in STEPS])
    assert [row["big"] for row in rows] == [big(s) for s in STEPS]
    assert [row[UNICODE_KEY] for row in rows] == list(STEPS)
    assert same([(r["_step"], r["special"]) for r in rows if "special" in r], special(N_STEPS))
    assert [(r["_step"], r["note"]) for r in rows if "note" in r] == notes(N_STEPS)
    for step, _ in notes(N_STEPS):
        (name,) = rows[step]["samples"]["filenames"]
        assert decoded(received["files"][name]) == pixels(step)
    config = json.loads(received["upserts"][-1]["config"])
    assert {key: config[key]["value"] for key in config if key != "_wandb"} == PARAMETERS


def test_mlflow_client_reads_all_of_it(finished):
    assert "not delivered" not in finished.output
    found = finished.mlflow_run()
    assert near(found.series("train/loss"), [(s, loss(s)) for s in STEPS])
    assert found.series(UNICODE_KEY) == [(s, float(s)) for s in STEPS]
    assert found.series("big") == [(s, float(big(s))) for s in STEPS]
    expected = [(s, v if math.isnan(v) else math.copysign(LARGEST, v)) for s, v in special(N_STEPS)]
    assert same(found.series("special"), expected)
    data, identity = found.run.data, found.run.info
    assert data.params == {"learning_rate": "1e-05", "seed": "9007199254740993", "nesterov": "true",
                           "optimizer/name": "adäm", "optimizer/betas": "[0.9, 0.999]",
                           "größe/日本": "7"}
    assert data.tags["note"] == note(4003) and identity.run_name == "run"
    assert identity.status == "FINISHED"
    table = json.loads(found.artifact("text/note.json", finished.home))
    columns = dict(zip(table["columns"], zip(*table["data"])))
    assert list(zip(columns["step"], columns["text"])) == notes(N_STEPS)
    images = [f.path for f in found.client.list_artifacts(identity.run_id, "images")]
    of_first = [path for path in images if "+step+3+" in path]
    assert len(images) == 5 and len(of_first) == 1
    assert decoded(found.artifact(of_first[0], finished.home)) == pixels(3)


def test_dvc_shows_all_of_it(finished):
    directory = finished.run_dir / "dvclive"
    below = str(directory.relative_to(finished.repository))
    last = json.loads(readers.dvc(finished.repository, "metrics", "show", "--json"))[""]["data"]
    last = last[f"{below}/metrics.json"]["data"]
    assert last["step"] == N_STEPS - 1 and last["big"] == big(N_STEPS - 1)
    assert last["note"] == note(4003) and last["späße"]["日本"] == N_STEPS - 1

    plots = json.loads(readers.dvc(finished.repository, "plots", "show", "--json"))["data"]

    def plotted(name, column, kind):
        points = plots[f"{below}/plots/metrics/{name}.tsv"][0]["content"]["data"]["values"]
        return [(int(point["step"]), kind(point[column])) for point in points]

    assert near(plotted("train/loss", "loss", float), [(s, loss(s)) for s in STEPS])
    assert plotted(UNICODE_KEY, "日本", float) == [(s, float(s)) for s in STEPS]
    assert plotted("big", "big", int) == [(s, big(s)) for s in STEPS]
    assert same(plotted("special", "special", float), special(N_STEPS))
    tables = readers.DvcliveTables(directory)
    assert [s for s, _ in tables.series("note")] == [s for s, _ in notes(N_STEPS)]
    assert plots[f"{below}/plots/images/samples/3.png"][0]["type"] == "image"
    for step, _ in notes(N_STEPS):
        image = directory / "plots" / "images" / "samples" / f"{step}.png"
        assert decoded(image.read_bytes()) == pixels(step)

    finished.git("add", "-A")
    finished.git("commit", "-q", "-m", "state")
    params = directory / "params.yaml"
    text = params.read_text("utf-8")
    params.write_text(text.replace("1.0e-05", "0.5").replace("9007199254740993", "1"), "utf-8")
    found = json.loads(readers.dvc(finished.repository, "params", "diff", "--all", "--json"))
    (changes,) = found.values()
    assert {key: change["old"] for key, change in changes.items()} == {
        "learning_rate": 1e-5, "seed": 9007199254740993, "nesterov": True,
        "optimizer.name": "adäm", "optimizer.betas": "[0.9, 0.999]", "größe.日本": 7}
    assert changes["learning_rate"]["new"] == 0.5 and changes["seed"]["new"] == 1


def test_all_of_them_took_part(finished):
    (line,) = (line for line in finished.output.splitlines() if 'log_with "all"' in line)
    assert line == ('ranklog: log_with "all" uses hdf5, tensorboard, wandb, comet_ml, aim, mlflow, clearml, '
                    'dvclive; not part of this build: trackio, swanlab')
    assert "not delivered" not in finished.output


def test_comets_uploader_sends_all_of_it(finished, tmp_path):
    server = CometStub()
    try:
        archive = whole_runs.comet_archive_of(finished.run_dir)
        key = whole_runs.upload_comet_archive(server, archive.with_suffix(".zip"), tmp_path)
        assert near(server.curve(key, "train/loss"), [(s, loss(s)) for s in STEPS])
        assert server.curve(key, UNICODE_KEY) == [(s, float(s)) for s in STEPS]
        assert server.curve(key, "big") == [(s, big(s)) for s in STEPS]
        words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
        assert server.curve(key, "special") == [(s, words[str(v)]) for s, v in special(N_STEPS)]
        experiment = server.experiments[key]
        assert experiment["parameters"] == {
            "learning_rate": 1e-5, "seed": PARAMETERS["seed"], "nesterov": True,
            "optimizer/name": "adäm", "optimizer/betas": "[0.9, 0.999]", "größe/日本": 7}
        assert experiment["others"]["note"] == note(4003)
        assert "".join(experiment["output"]) == "".join(
            f"step {s}  note: {text}\n" for s, text in notes(N_STEPS))
        (data, step), = experiment["images"].values()
        assert decoded(data) == pixels(int(step))
        assert not server.problems
    finally:
        server.close()


def test_clearmls_importer_sends_all_of_it(finished, tmp_path):
    server = ClearmlStub()
    try:
        session = whole_runs.clearml_session_of(finished.run_dir)
        found = whole_runs.read_clearml_task(
            server, whole_runs.import_clearml_session(server, session.with_suffix(".zip"), tmp_path))
        curves = {metric: [(step, value) for step, (_, value) in sorted(curve.items())]
                  for (metric, _), curve in found["curves"].items()}
        assert near(curves["train/loss"], [(s, loss(s)) for s in STEPS])
        assert curves[UNICODE_KEY] == [(s, float(s)) for s in STEPS]
        assert curves["big"] == [(s, big(s)) for s in STEPS]
        assert "special" not in curves  # docs/trackers.md: ClearML has no NaN and no infinity
        assert [text for _, text in found["lines"]] == [
            f"step {s}  note: {text}" for s, text in notes(N_STEPS)]
        assert found["parameters"]["General"] == {
            "learning_rate": "1e-05", "seed": "9007199254740993", "nesterov": "True",
            "optimizer/name": "adäm", "optimizer/betas": "[0.9, 0.999]", "größe/日本": "7"}
        assert found["configuration"] == PARAMETERS
        assert not server.problems
    finally:
        server.close()


def test_aims_sdk_and_page_have_all_of_it(finished, aim_servers):
    with h5py.File(finished.run_dir / "run.h5") as file:
        run_id = file.attrs["run_id"]
    run, info = aim_servers.finished_run(run_id if isinstance(run_id, str) else run_id.decode())
    found = {key: [(step, value) for step, value, _ in points] for (key, _), points in
             whole_runs.read_aim(aim_servers.directory, run.hash)["points"].items()}
    assert near(found["train/loss"], [(s, loss(s)) for s in STEPS])
    assert found[UNICODE_KEY] == [(s, float(s)) for s in STEPS]
    assert found["big"] == [(s, big(s)) for s in STEPS]
    expected = [(s, "nan" if math.isnan(v) else v) for s, v in special(N_STEPS)]
    assert found["special"] == expected
    assert found["note"] == notes(N_STEPS)
    assert found["samples"] == [(s, bytes(pixels(s))) for s, _ in notes(N_STEPS)]
    assert run["hparams"] == PARAMETERS == info["params"]["hparams"]
    shown = {trace["name"]: trace for trace in info["traces"]["metric"]}
    assert {"train/loss", UNICODE_KEY, "big", "special"} <= set(shown)
    assert [len(info["traces"][kind]) for kind in ("images", "texts")] == [1, 1]
    pages = aim_servers.page.get(f"/api/runs/{run.hash}/metric/get-batch/",
                                 [{"name": "special", "context": shown["special"]["context"]}])
    assert len(pages[0]["values"]) == len(expected)


def kill_at(job, bin_dir, first, seconds):
    """Starts the job, kills its rank 0 so many seconds after it told its process id. Returns the
    number of steps that it flushed."""
    with subprocess.Popen(job.command(bin_dir, first, 10**9, "paced"), env=job.environment,
                          cwd=job.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        what, number = process.stdout.readline().split()
        assert what == "process"
        time.sleep(seconds)
        os.kill(int(number), signal.SIGKILL)
        told, _ = process.communicate(timeout=60)
    flushed = [int(line.split()[1]) for line in told.splitlines() if line.startswith("flushed ")]
    return flushed[-1] + 1 if flushed else 0


def test_a_job_killed_at_random_instants_is_read_and_goes_on_without_duplicates(
        bin_dir, tmp_path, mlflow_server):
    job = Job(tmp_path, mlflow_server, "killed")
    chance = random.Random(int(os.environ.get("RANKLOG_SEED", "20261123")))
    first = 0
    for _ in range(int(os.environ.get("RANKLOG_N_KILLS", "2"))):
        n_flushed = kill_at(job, bin_dir, first, chance.uniform(0, 2.5))
        n_read = []
        for reader, series in job.series("train/loss").items():
            expected = [(s, loss(s)) for s in range(len(series))]
            if reader == "EventAccumulator":
                assert as_float32(series) == as_float32(expected), reader
            else:
                assert near(series, expected), reader
            # A server gets what was logged later, and by then the job was dead.
            assert len(series) >= n_flushed or reader == "mlflow", reader
            n_read.append(len(series))
        # From where every one of them can go on, so that all are whole in the end.
        first = min(n_read)
    job.whole(bin_dir, first, first + 200)
    check_all_is_there_once(job, first + 200)


def check_all_is_there_once(job, end):
    for reader, series in job.series("train/loss").items():
        assert [step for step, _ in series] == list(range(end)), reader
    for reader, series in job.series("big", int).items():
        assert [step for step, _ in series] == list(range(end)), reader
    with h5py.File(job.run_dir / "run.h5") as file:
        assert file["metrics/big/value"][:].tolist() == [big(s) for s in range(end)]
    server = readers.DataServer(job.repository / "runs", "project/run")
    try:
        expected = [(s, np.float32(loss(s))) for s in range(end)]
        server.wait_until(lambda s: as_float32(s.scalars("train/loss")) == expected)
    finally:
        server.close()
    with WandbStub() as stub:
        environment = {**readers.wandb_environment(job.home), **stub.environment}
        readers.run_tool("wandb", "sync", job.wandb_run, cwd=job.home, environment=environment)
    (received,) = stub.runs.values()
    assert [row["_step"] for row in received["history"]] == list(range(end))
    shown = json.loads(readers.dvc(job.repository, "metrics", "show", "--json"))[""]["data"]
    (metrics,) = shown.values()
    assert metrics["data"]["step"] == end - 1
    assert not list(pathlib.Path(job.run_dir).rglob("*.part"))
