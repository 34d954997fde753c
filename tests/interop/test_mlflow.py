"""The mlflow tracker against a real MLflow server, read back with MlflowClient, and against one
that misbehaves in every way we could think of."""

import json
import math
import os
import re
import socket
import subprocess
import time

import pytest
from mlflow_servers import MlflowServer, StubServer
from stub_server import FAULTS, free_port, make_certificate, undelivered

N_STEPS = 1020
SECRETS = ("s3cr3t-passw0rd", "t0p-t0ken")
LARGEST = 1.7976931348623157e308
MAPPED = {"acc@5 (%)": "acc_x40_5 _x28__x25__x29_"}


def unmapped(key):
    return re.sub(r"_x([0-9a-f]{2,6})_", lambda m: chr(int(m[1], 16)), key)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    started = MlflowServer(tmp_path_factory.mktemp("mlflow")).start()
    yield started
    started.kill()


@pytest.fixture
def job(remote_job, tmp_path):
    """job(uri, n_ranks, name=value..., env={}): as remote_job, for the tracker mlflow."""

    def run(uri, n_ranks=1, env=None, **named):
        return remote_job("mlflow", SECRETS, n_ranks,
                          env={"HOME": str(tmp_path), "MLFLOW_TRACKING_URI": uri,
                               "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0.05", **(env or {})},
                          **named)

    return run


@pytest.fixture
def stub_type():
    return StubServer


def run_in(uri, experiment):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    assert len(runs) == 1
    return client, runs[0]


def history(client, run, key):
    return [(point.step, point.value) for point in
            sorted(client.get_metric_history(run.info.run_id, key), key=lambda p: p.step)]


def loss(step, n_ranks=4):
    return 1 / (step + 1) + (n_ranks - 1) / 2


def same(values, expected):
    return len(values) == len(expected) and all(
        a == c and (b == d or math.isclose(b, d, rel_tol=1e-15))
        for (a, b), (c, d) in zip(values, expected))


def test_every_value_step_param_tag_and_file_of_a_4_rank_job_is_read_back(server, job, tmp_path):
    done = job(server.uri, 4, steps=N_STEPS,
               env={"MLFLOW_EXPERIMENT_NAME": "known", "MLFLOW_RUN_ID": "",
                    "MLFLOW_TAGS": '{"team": "flow", "n": 3}'})
    assert "not delivered" not in done.stderr
    client, run = run_in(server.uri, "known")
    steps = range(N_STEPS)
    assert same(history(client, run, "train/loss"), [(s, loss(s)) for s in steps])
    assert history(client, run, "train") == [(s, s / 2) for s in steps]
    assert history(client, run, "späße/日本") == [(s, float(s)) for s in steps]
    assert history(client, run, MAPPED["acc@5 (%)"]) == [(s, float(s)) for s in steps]
    assert history(client, run, "big") == [(s, float(2**53 + 1 + 2 * s)) for s in steps]
    rare = range(0, N_STEPS, 100)
    nans = history(client, run, "weird/nan")
    assert [s for s, _ in nans] == list(rare) and all(math.isnan(v) for _, v in nans)
    assert history(client, run, "weird/inf") == [(s, LARGEST) for s in rare]
    assert history(client, run, "weird/ninf") == [(s, -LARGEST) for s in rare]
    assert len(run.data.metrics) == 8

    assert {unmapped(key): value for key, value in run.data.params.items()} == {
        "learning_rate": "0.01", "shuffle": "true", "nothing": "null", "layers": "[64, 32]",
        "optimizer/name": "adam", "optimizer/späße (%)": "1"}
    tags = run.data.tags
    assert tags["note"] == "step 1000" and tags["team"] == "flow" and tags["n"] == "3"
    assert tags["mlflow.note.content"] == "a job" and tags["ranklog.n_ranks"] == "4"
    assert run.info.run_name == "run" and run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time > 1_600_000_000_000
    assert "more than 6000 bytes: too_long" in done.stderr
    assert "numbers are doubles there: big = 9007199254740993" in done.stderr
    check_files(client, run, tmp_path)


def check_files(client, run, tmp_path):
    import io

    import pandas
    from PIL import Image

    def fetch(path):
        local = client.download_artifacts(run.info.run_id, path, str(tmp_path))
        with open(local, "rb") as file:
            return file.read()

    images = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert len(images) == 1
    assert re.fullmatch(r"images/samples~first\+step\+10\+timestamp\+\d+\+[0-9a-f-]+\.png", images[0])
    pixels = Image.open(io.BytesIO(fetch(images[0])))
    assert pixels.size == (8, 4) and list(pixels.tobytes()) == [i * 2 for i in range(8 * 4 * 3)]
    table = pandas.read_json(io.BytesIO(fetch("tables/results/step-10.json")), orient="split")
    assert table.to_dict("list") == {"name": ["a", "b"], "score": [0.5, 1.5]}
    notes = pandas.read_json(io.BytesIO(fetch("text/note.json")), orient="split")
    assert list(notes["step"]) == [0, 1000]
    assert list(notes["text"]) == ["step 0", "step 1000"]
    assert fetch("plots/curve one.svg") == b"<svg/>"
    assert fetch("notes/notes.txt") == b"kept with the run\n"


def test_a_resumed_job_continues_its_run_without_repeating_a_step(server, job, tmp_path):
    env = {"MLFLOW_EXPERIMENT_NAME": "resumed"}
    job(server.uri, steps=300, with_files=0, env=env, directory=tmp_path, trackers="mlflow")
    done = job(server.uri, first=200, steps=400, with_files=0, resume="yes", env=env,
               directory=tmp_path, trackers="mlflow")
    assert "steps of a metric that are on the server already are not sent again" in done.stderr
    client, run = run_in(server.uri, "resumed")
    assert same(history(client, run, "train/loss"), [(s, loss(s, 1)) for s in range(400)])
    assert run.info.status == "FINISHED"


def test_what_was_pending_arrives_after_the_server_was_killed_and_restarted(server, tmp_path,
                                                                           bin_dir):
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    process = subprocess.Popen(
        [*launcher, "2", str(bin_dir / "interop_remote_job"), str(tmp_path / "runs"), "steps=1000",
         "trackers=hdf5,mlflow", "pause_us=3000", "with_files=0", "deadline_ms=200000"],
        env={**os.environ, "MLFLOW_TRACKING_URI": server.uri, "MLFLOW_EXPERIMENT_NAME": "restarted"},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for_a_point(server, "restarted")
        server.kill()
        server.start()
        stdout, stderr = process.communicate(timeout=240)
        assert process.returncode == 0, stderr
        assert "trying again" in stderr and "works again" in stderr
        assert "not delivered" not in stderr
        client, run = run_in(server.uri, "restarted")
        assert history(client, run, "train") == [(s, s / 2) for s in range(1000)]
        assert run.info.status == "FINISHED"
    finally:
        process.kill()
        if server.process is None:
            server.start()


def wait_for_a_point(server, experiment):
    """Until the job has delivered something and, at 3 s for all, is far from its end."""
    from mlflow import MlflowClient

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = MlflowClient(server.uri).get_experiment_by_name(experiment)
        runs = MlflowClient(server.uri).search_runs([found.experiment_id]) if found else []
        if runs and history(MlflowClient(server.uri), runs[0], "train"):
            return
        time.sleep(0.05)
    raise AssertionError("the job delivered nothing")


def counted(stderr):
    return undelivered("mlflow", stderr)


def test_a_job_that_a_signal_ended_is_killed_in_mlflows_words(stub, job):
    server = stub()
    job(server.uri, steps=400, with_files=0, stop_at=50)
    assert server.metrics("train") == [(s, s / 2) for s in range(51)]
    assert server.updates[-1]["status"] == "KILLED" and server.updates[-1]["end_time"] > 0
    assert any("signal" in tag["value"] for batch in server.batches for tag in batch.get("tags", ())
               if tag["key"] == "ranklog.outcome")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_of_some_requests_costs_no_row(stub, job, fault):
    server = stub(lambda n, path: FAULTS[fault] if n % 5 in (1, 2) else None)
    done = job(server.uri, steps=400, with_files=0)
    assert counted(done.stderr) == (0, None)
    assert server.metrics("train") == [(s, s / 2) for s in range(400)]
    assert server.updates[-1]["status"] == "FINISHED"


@pytest.mark.parametrize("fault", ["refused", "hang", "500", "garbage", "close"])
def test_a_server_that_never_works_costs_a_warning_and_is_named_at_the_end(stub, job, fault):
    uri = f"http://127.0.0.1:{free_port()}"
    if fault != "refused":
        uri = stub(lambda n, path: FAULTS.get(fault, fault)).uri
    begin = time.monotonic()
    done = job(uri, steps=300, with_files=0, deadline_ms=700, timeout_ms=300)
    assert time.monotonic() - begin < 60
    assert counted(done.stderr) == (304, 0)  # a row for each call of log()
    assert "all are in run.h5" in done.stderr
    assert "trying again" in done.stderr
    longest = float(re.search(r"longest step ([0-9.]+) s", done.stdout)[1])
    assert longest < 5


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_are_said_once_without_showing_them(stub, job, status):
    server = stub(lambda n, path: (status, b'{"message":"not s3cr3t-passw0rd"}'))
    done = job(server.uri.replace("://", "://bob:s3cr3t-passw0rd@"), steps=300, with_files=0)
    assert len(server.paths) == 1
    assert server.headers[0]["Authorization"].startswith("Basic ")
    assert f"HTTP status {status}" in done.stderr
    assert "check MLFLOW_TRACKING_USERNAME" in done.stderr
    assert counted(done.stderr)[1] == 0
    server = stub(lambda n, path: (status, b'{"message":"bad token t0p-t0ken"}'))
    done = job(server.uri, steps=300, with_files=0, env={"MLFLOW_TRACKING_TOKEN": "t0p-t0ken"})
    assert server.headers[0]["Authorization"] == "Bearer t0p-t0ken"
    assert "bad token [secret]" in done.stderr


def test_the_credentials_file_is_read(stub, job, tmp_path):
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = bob\nmlflow_tracking_password = s3cr3t-passw0rd\n")
    server = stub()
    job(server.uri, steps=10, with_files=0)
    assert server.headers[0]["Authorization"] == "Basic Ym9iOnMzY3IzdC1wYXNzdzByZA=="


def test_a_certificate_that_does_not_verify_ends_the_delivery_until_it_is_named(stub, job, tmp_path):
    certificate, public = make_certificate(tmp_path)
    server = stub(certificate=str(certificate))
    done = job(server.uri, steps=300, with_files=0, env={"MLFLOW_TRACKING_INSECURE_TLS": "true"})
    assert "MLFLOW_TRACKING_INSECURE_TLS is ignored" in done.stderr
    assert "certificate" in done.stderr and not server.paths
    assert counted(done.stderr)[1] == 0
    trusting = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(public)}
    done = job(server.uri, steps=300, with_files=0, env=trusting)
    assert counted(done.stderr) == (0, None)
    assert len(server.metrics("train")) == 300


def test_a_host_name_that_the_server_was_not_told_is_explained(server, job):
    try:
        name = socket.gethostname()
        address = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this machine cannot resolve its own name")
    done = job(server.uri.replace("127.0.0.1", "localhost.localdomain"), steps=10, with_files=0,
               deadline_ms=1000)
    if "Could not resolve" in done.stderr:
        pytest.skip(f"no second name for loopback beside {name} ({address})")
    assert "--allowed-hosts" in done.stderr


@pytest.mark.parametrize("uri, words", [
    ("sqlite:///mlflow.db", "names a store (sqlite:)"), ("./mlruns", "names a store (a directory)"),
    ("databricks", "names a store"), ("", "MLFLOW_TRACKING_URI is not set"),
    ("postgresql://bob:s3cr3t-passw0rd@db/x", "names a store (postgresql:)")])
def test_a_store_that_only_python_can_open_is_an_error_of_init_trackers(job, uri, words):
    done = job(uri, steps=10, check=False)
    assert done.returncode != 0
    assert words in done.stderr


def test_all_leaves_mlflow_out_without_a_server_and_says_so(job):
    done = job("", steps=10, with_files=0, trackers="all", check=False)
    assert "left out: mlflow (MLFLOW_TRACKING_URI is not set)" in done.stderr


def test_the_environment_wins_over_options(stub, job):
    """T5: what the contract says of MLFLOW_EXPERIMENT_NAME and its siblings."""
    server = stub()
    job(server.uri, steps=10, with_files=0,
        env={"MLFLOW_EXPERIMENT_NAME": "from env", "MLFLOW_TAGS": json.dumps({"a": "b"})})
    assert {"key": "a", "value": "b"} in server.run_tags
    server = stub()
    job(server.uri, steps=10, with_files=0, env={"MLFLOW_RUN_ID": "r1"})
    assert "/mlflow/runs/create" not in server.paths
