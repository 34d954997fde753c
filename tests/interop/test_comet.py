"""The comet_ml tracker: its offline archives through Comet's own uploader, and its REST client, both
against a stub that checks the documented fields, also one that misbehaves."""

import io
import json
import math
import re
import subprocess
import sys
import time

import pytest
from comet_stub import KEY, CometStub
from stub_server import FAULTS, free_port, make_certificate, undelivered
from whole_runs import comet_archive_of, upload_comet_archive

PARAMETERS = {"learning_rate": 0.01, "shuffle": True, "nothing": None, "layers": "[64, 32]",
              "optimizer/name": "adam", "optimizer/späße (%)": 1, "too_long": "x" * 7000}
FIRST = f"{1:032x}"  # the key of the first experiment that the stub makes


@pytest.fixture
def stub_type():
    return CometStub


@pytest.fixture
def job(remote_job, tmp_path):
    """job(server or None, ...): as remote_job, with the key of that server or without any."""

    def run(server, n_ranks=2, env=None, **named):
        key = server.environment if server else {}
        return remote_job("comet_ml", (KEY,), n_ranks,
                          env={"HOME": str(tmp_path), **key, **(env or {})}, **named)

    return run


def archive_of(directory):
    return comet_archive_of(directory / "interop" / "run")


def check_curves(server, key, n_ranks, n_steps):
    steps = range(n_steps)
    values = server.curve(key, "train/loss")
    assert [s for s, _ in values] == list(steps)
    assert all(math.isclose(v, 1 / (s + 1) + (n_ranks - 1) / 2, rel_tol=1e-15) for s, v in values)
    assert server.curve(key, "train") == [(s, s / 2) for s in steps]
    assert server.curve(key, "späße/日本") == [(s, float(s)) for s in steps]
    assert server.curve(key, "acc@5 (%)") == [(s, float(s)) for s in steps]
    assert server.curve(key, "big") == [(s, 2**53 + 1 + 2 * s) for s in steps]


def check_experiment(server, key, n_ranks, n_steps):
    experiment = server.experiments[key]
    check_curves(server, key, n_ranks, n_steps)
    rare = range(0, n_steps, 100)
    assert server.curve(key, "weird/nan") == [(s, "NaN") for s in rare]
    assert server.curve(key, "weird/inf") == [(s, "Infinity") for s in rare]
    assert server.curve(key, "weird/ninf") == [(s, "-Infinity") for s in rare]
    assert [(s, v) for n, s, v in experiment["points"] if n == "best"] == [(None, 0.25)]
    assert experiment["parameters"] == PARAMETERS
    assert experiment["others"]["note"] == f"step {n_steps - 1 - (n_steps - 1) % 1000}"
    assert experiment["others"]["ranklog.n_ranks"] == str(n_ranks)
    assert "".join(experiment["output"]) == "".join(
        f"step {s}  note: step {s}\n" for s in range(0, n_steps, 1000))
    assert experiment["others"]["created"]["projectName"] == "interop"

    from PIL import Image
    (name, (data, step)), = experiment["images"].items()
    pixels = Image.open(io.BytesIO(data))
    assert (name, step) == ("samples/first.png", "10") and pixels.size == (8, 4)
    assert list(pixels.tobytes()) == [i * 2 for i in range(8 * 4 * 3)]
    assert {name: data for name, (data, _) in experiment["assets"].items()} == {
        "results.csv": b"name,score\r\na,0.5\r\nb,1.5\r\n", "plots/curve one.svg": b"<svg/>",
        "notes/notes.txt": b"kept with the run\n"}


def test_every_value_of_a_4_rank_job_arrives_over_rest(stub, job):
    """T3: metrics, text, parameters, media."""
    server = stub()
    done = job(server, 4, steps=150, with_extras=1)
    assert "not delivered" not in done.stderr
    check_experiment(server, FIRST, 4, 150)
    assert server.experiments[FIRST]["others"]["created"] == {
        "workspaceName": "home", "projectName": "interop", "experimentName": "run"}
    times = server.experiments[FIRST]["times"]
    assert times["endTimeMillis"] >= times["startTimeMillis"] > 1_600_000_000_000


def test_every_value_of_a_4_rank_job_is_in_its_offline_archive(stub, job, tmp_path):
    done = job(None, 4, steps=2000, with_extras=1, env={"COMET_WORKSPACE": "team"})
    assert "kept as an offline archive" in done.stderr
    archive = archive_of(done.directory)
    assert f"comet upload '{archive}.zip'" in done.stderr
    server = stub()
    key = upload_comet_archive(server, f"{archive}.zip", tmp_path)
    assert key == archive.name
    check_experiment(server, key, 4, 2000)
    assert server.experiments[key]["others"]["Name"] == "run"
    assert server.experiments[key]["others"]["created"]["workspaceName"] == "team"
    assert server.experiments[key]["others"]["ranklog.outcome"] == "completed"


def test_the_folder_of_a_killed_job_can_be_packed_and_uploaded_and_the_run_goes_on(stub, job, tmp_path):
    job(None, steps=1_000_000, pause_us=300, with_files=0, check=False, directory=tmp_path,
        kill_after_ms=2000, trackers="comet_ml")
    archive = archive_of(tmp_path)
    packed = tmp_path / f"{archive.name}.zip"
    subprocess.run([sys.executable, "-m", "zipfile", "-c", packed, *archive.iterdir()], check=True)
    server = stub()
    points = server.curve(upload_comet_archive(server, packed, tmp_path), "train")
    assert len(points) > 100 and points == [(s, s / 2) for s in range(len(points))]

    job(None, first=50, steps=80, with_files=0, directory=tmp_path, resume="yes", trackers="comet_ml")
    resumed = stub()
    check_curves(resumed, upload_comet_archive(resumed, f"{archive_of(tmp_path)}.zip", tmp_path), 2, 80)


def test_a_resumed_job_goes_on_in_its_experiment_on_the_server(stub, job, tmp_path):
    server = stub()
    job(server, steps=50, with_files=0, directory=tmp_path, trackers="comet_ml")
    job(server, first=50, steps=80, with_files=0, resume="yes", directory=tmp_path,
        trackers="comet_ml")
    assert list(server.experiments) == [FIRST]
    check_curves(server, FIRST, 2, 80)


def test_curves_become_thinner_beyond_the_limit_of_requests_and_end_with_their_last_value(stub, job):
    server = stub()
    begin = time.monotonic()
    done = job(server, steps=600, pause_us=2000, with_files=0, rate=4)  # and 500 at once
    n_requests, most = len(server.paths), 510 + 4 * (time.monotonic() - begin)
    n_lost, first = undelivered("comet_ml", done.stderr)
    assert 500 < n_requests < most and n_lost > 100 and first > 0
    assert "to stay below Comet's limit of requests" in done.stderr
    curve = server.curve(FIRST, "train")
    assert curve[-1] == (599, 299.5) and all(value == step / 2 for step, value in curve)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_of_some_requests_costs_no_row(stub, job, fault):
    server = stub(lambda n, path: FAULTS[fault] if n in (2, 3, 60) else None)
    done = job(server, steps=40, with_files=0)
    assert undelivered("comet_ml", done.stderr) == (0, None)
    check_curves(server, FIRST, 2, 40)


@pytest.mark.parametrize("fault", ["refused", "unknown name", "hang", "500", "garbage"])
def test_a_server_that_never_works_costs_a_warning_and_is_named_at_the_end(stub, job, fault):
    server = stub(lambda n, path: FAULTS.get(fault, fault))
    hosts = {"refused": f"http://127.0.0.1:{free_port()}", "unknown name": "http://ranklog.invalid"}
    begin = time.monotonic()
    done = job(server, steps=200, with_files=0, deadline_ms=1000, timeout_ms=500,
               env={"COMET_URL_OVERRIDE": hosts.get(fault, server.uri)})
    assert time.monotonic() - begin < 60
    assert undelivered("comet_ml", done.stderr) == (203, 0)  # a row for each call of log()
    assert "trying again" in done.stderr
    assert float(re.search(r"longest step ([0-9.]+) s", done.stdout)[1]) < 5


def test_a_server_that_is_lost_in_the_middle_costs_what_was_not_confirmed(stub, job):
    # After the text of the first step, which goes with the flush of each second.
    server = stub(lambda n, path: "close" if n > 300 and lines_taken() else None)

    def lines_taken():
        return any(one["output"] for one in server.experiments.values())

    done = job(server, steps=300, pause_us=8000, with_files=0, deadline_ms=1000)
    n_lost, first = undelivered("comet_ml", done.stderr)
    steps = [s for s, _ in server.curve(FIRST, "train")]
    assert steps == list(range(len(steps))) and first <= len(steps)
    # 300 rows of all keys, 3 of the rare ones, and one of text, which goes last.
    assert len(steps) - 1 <= 304 - n_lost <= len(steps) + 3


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_wrong_key_is_said_once_without_showing_it(stub, job, status):
    answer = json.dumps({"msg": f"API key {KEY} is not registered", "sdk_error_code": 90212})
    server = stub(lambda n, path: (status, answer.encode()))
    done = job(server, steps=200, with_files=0)
    assert len(server.paths) == 1
    assert f"HTTP status {status}: API key [secret] is not registered" in done.stderr
    assert "check COMET_API_KEY" in done.stderr
    assert undelivered("comet_ml", done.stderr) == (203, 0)


def test_a_file_that_is_too_large_costs_that_file_only(stub, job):
    server = stub(lambda n, path: (413, b"too large") if path.endswith("upload-asset") else None)
    done = job(server, steps=20)
    assert "HTTP status 413" in done.stderr
    assert undelivered("comet_ml", done.stderr) == (0, None)
    check_curves(server, FIRST, 2, 20)


def test_a_certificate_that_does_not_verify_ends_the_delivery(stub, job, tmp_path):
    certificate, _ = make_certificate(tmp_path)
    server = stub(certificate=str(certificate))
    done = job(server, steps=200, with_files=0)
    assert "certificate" in done.stderr and not server.paths
    assert undelivered("comet_ml", done.stderr) == (203, 0)


def test_key_and_names_come_from_comet_config(stub, job, tmp_path):
    server = stub()
    (tmp_path / ".comet.config").write_text(
        f"[comet]\napi_key = {KEY}\nworkspace=team\nproject_name: näme\n"
        f"url_override={server.uri}/clientlib/\n")
    done = job(None, steps=5, with_files=0)
    assert undelivered("comet_ml", done.stderr) == (0, None)
    assert server.experiments[FIRST]["others"]["created"] == {
        "workspaceName": "team", "projectName": "näme", "experimentName": "run"}
    done = job(None, steps=5, with_files=0, env={"COMET_MODE": "OFFLINE"})
    assert len(server.experiments) == 1 and archive_of(done.directory)
