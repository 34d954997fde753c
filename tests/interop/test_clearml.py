"""The clearml tracker: its offline sessions through ClearML's own importer, and its REST client,
both against a stub that checks requests by ClearML's schemas, also one that misbehaves."""

import json
import math
import os
import random
import re
import time

import pytest
from clearml_stub import KEY, SECRET, ClearmlStub
from stub_server import FAULTS, free_port, make_certificate, undelivered
from whole_runs import clearml_session_of, import_clearml_session

N_STEPS = 2000
SECRETS = (SECRET, KEY, "eyJhbGciOiAiSFMyNTYi")  # the last one begins every token
PARAMETERS = {"learning_rate": "0.01", "shuffle": "True", "nothing": "", "layers": "[64, 32]",
              "optimizer/name": "adam", "optimizer/späße (%)": "1", "too_long": "x" * 7000}


@pytest.fixture
def stub_type():
    return ClearmlStub


@pytest.fixture
def job(remote_job, tmp_path):
    """job(server or None, ...): as remote_job, with the keys of that server or without any."""

    def run(server, n_ranks=2, env=None, **named):
        keys = server.environment if server else {}
        return remote_job("clearml", SECRETS, n_ranks,
                          env={"HOME": str(tmp_path), **keys, **(env or {})}, **named)

    return run


def session_of(directory):
    return clearml_session_of(directory / "interop" / "run")


def loss(step, n_ranks):
    return 1 / (step + 1) + (n_ranks - 1) / 2


def check_curves(server, task, n_ranks, n_steps):
    steps = range(n_steps)
    values = server.curve(task, "train/loss", "train")
    assert [s for s, _ in values] == list(steps)
    assert all(math.isclose(v, loss(s, n_ranks), rel_tol=1e-15) for s, v in values)
    assert server.curve(task, "train", "train") == [(s, s / 2) for s in steps]
    assert server.curve(task, "späße/日本", "train") == [(s, float(s)) for s in steps]
    assert server.curve(task, "acc@5 (%)", "train") == [(s, float(s)) for s in steps]
    assert server.curve(task, "big", "train") == [(s, 2**53 + 1 + 2 * s) for s in steps]


def check_task(server, task_id, n_ranks=4, n_steps=N_STEPS):
    task = server.tasks[task_id]
    check_curves(server, task_id, n_ranks, n_steps)
    assert not [e for e in server.events[task_id] if e.get("metric", "").startswith("weird")]
    assert server.curve(task_id, "Summary", "best") == [(-2**31, 0.25)]
    assert server.log(task_id) == [f"step {s}  note: step {s}" for s in range(0, n_steps, 1000)]
    assert task["name"] == "run" and list(server.projects) == ["interop"]
    assert {name: item["value"] for name, item in task["hyperparams"]["General"].items()} == PARAMETERS
    assert task["hyperparams"]["ranklog"]["n_ranks"]["value"] == str(n_ranks)
    configuration = json.loads(task["configuration"]["General"]["value"])
    assert configuration["optimizer"] == {"name": "adam", "späße (%)": 1}
    assert configuration["nothing"] is None and configuration["layers"] == [64, 32]

    plots = {e["metric"]: json.loads(e["plot_str"])["data"][0]
             for e in server.events[task_id] if e["type"] == "plot"}
    assert plots["results"]["cells"]["values"] == [["a", "b"], [0.5, 1.5]]
    assert plots["results"]["header"]["values"] == ["name", "score"]
    assert (plots["weights"]["x"], plots["weights"]["y"]) == ([0.5, 2.0], [5.0, 7.0])
    samples = {e["metric"]: e for e in server.events[task_id] if e["type"] == "training_debug_image"}
    assert set(samples) == {"samples/first", "plots"}
    check_files(server, task, samples)


def check_files(server, task, samples):
    import io
    import urllib.parse

    from PIL import Image

    def fetch(url):
        return server.files[urllib.parse.unquote(url.removeprefix(server.uri))]

    pixels = Image.open(io.BytesIO(fetch(samples["samples/first"]["url"])))
    assert pixels.size == (8, 4) and list(pixels.tobytes()) == [i * 2 for i in range(8 * 4 * 3)]
    assert samples["samples/first"]["iter"] == 10
    assert fetch(samples["plots"]["url"]) == b"<svg/>"
    assert f".{task['id']}/" in samples["plots"]["url"]
    artifacts = {artifact["key"]: artifact for artifact in task["execution"]["artifacts"]}
    assert list(artifacts) == ["notes/notes.txt"]
    assert fetch(artifacts["notes/notes.txt"]["uri"]) == b"kept with the run\n"


def test_every_value_of_a_4_rank_job_arrives_over_rest(stub, job):
    """T6: curves, single values, configuration, media."""
    server = stub()
    done = job(server, 4, steps=N_STEPS, with_extras=1)
    assert "not delivered" not in done.stderr
    assert "not finite" in done.stderr
    check_task(server, "t0")
    assert server.states["t0"] == [("in_progress", ""), ("completed", "")]
    assert server.tasks["t0"]["type"] == "training"


def test_every_value_of_a_4_rank_job_is_in_its_offline_session(stub, job, tmp_path):
    done = job(None, 4, steps=N_STEPS, with_extras=1)
    assert "kept as an offline session" in done.stderr
    session = session_of(done.directory)
    assert f"clearml-task --import-offline-session '{session}.zip'" in done.stderr
    server = stub()
    task = import_clearml_session(server, f"{session}.zip", tmp_path)
    check_task(server, task)
    assert server.tasks[task]["hyperparams"]["ranklog"]["outcome"]["value"] == "completed"


def test_the_folder_of_a_killed_job_can_be_imported_and_the_run_goes_on_in_it(stub, job, tmp_path):
    chance = random.Random(int(os.environ.get("RANKLOG_SEED", "7")))
    job(None, steps=1_000_000, pause_us=300, with_files=0, check=False, directory=tmp_path,
        kill_after_ms=chance.randrange(1500, 2500), trackers="clearml")
    session = session_of(tmp_path)
    assert not list(session.parent.glob("*.zip"))
    server = stub()
    task = import_clearml_session(server, session, tmp_path)
    points = server.curve(task, "train", "train")
    assert len(points) > 100 and points == [(s, s / 2) for s in range(len(points))]

    job(None, first=50, steps=80, with_files=0, directory=tmp_path, resume="yes", trackers="clearml")
    resumed = stub()
    task = import_clearml_session(resumed, f"{session_of(tmp_path)}.zip", tmp_path)
    check_curves(resumed, task, 2, 80)
    assert len(resumed.events[task]) < 1000


def test_a_resumed_job_goes_on_in_its_task_on_the_server(stub, job, tmp_path):
    server = stub()
    job(server, steps=300, with_files=0, directory=tmp_path, trackers="clearml")
    job(server, first=200, steps=400, with_files=0, resume="yes", directory=tmp_path,
        trackers="clearml")
    assert list(server.tasks) == ["t0"]
    check_curves(server, "t0", 2, 400)
    assert [state for state, _ in server.states["t0"]] == ["in_progress", "completed"] * 2


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_of_some_requests_costs_no_row(stub, job, fault):
    server = stub(lambda n, path: FAULTS[fault] if n % 5 in (1, 2) else None)
    done = job(server, steps=200, with_files=0)
    assert undelivered("clearml", done.stderr) == (0, None)
    assert list(server.tasks) == ["t0"]
    check_curves(server, "t0", 2, 200)
    assert server.tasks["t0"]["status"] == "completed"


@pytest.mark.parametrize("fault", ["refused", "unknown name", "hang", "500", "garbage"])
def test_a_server_that_never_works_costs_a_warning_and_is_named_at_the_end(stub, job, fault):
    server = stub(lambda n, path: FAULTS.get(fault, fault))
    hosts = {"refused": f"http://127.0.0.1:{free_port()}", "unknown name": "http://ranklog.invalid"}
    begin = time.monotonic()
    done = job(server, steps=200, with_files=0, deadline_ms=1000, timeout_ms=500,
               env={"CLEARML_API_HOST": hosts.get(fault, server.uri)})
    assert time.monotonic() - begin < 60
    assert undelivered("clearml", done.stderr) == (203, 0)  # a row for each call of log()
    assert "trying again" in done.stderr
    assert float(re.search(r"longest step ([0-9.]+) s", done.stdout)[1]) < 5


def test_a_server_that_is_lost_in_the_middle_costs_what_was_not_confirmed(stub, job):
    batches = []

    def fault(n, path):
        batches.append(path.endswith("add_batch"))
        return "close" if sum(batches) > 2 else None

    server = stub(fault)
    done = job(server, steps=800, pause_us=5000, with_files=0, deadline_ms=1000)
    n_lost, first = undelivered("clearml", done.stderr)
    steps = {s for s, _ in server.curve("t0", "train", "train")}
    assert n_lost > 0 and set(range(first)) <= steps and max(steps) <= first


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_keys_are_said_once_without_showing_them(stub, job, status):
    answer = {"meta": {"result_msg": f"no such key: {KEY}:{SECRET}"}}
    server = stub(lambda n, path: (status, json.dumps(answer).encode()))
    done = job(server, steps=200, with_files=0, check=True)
    assert len(server.paths) == 1
    assert f"HTTP status {status}: no such key" in done.stderr
    assert "check CLEARML_API_ACCESS_KEY" in done.stderr
    assert undelivered("clearml", done.stderr) == (203, 0)


def test_a_token_that_expires_in_the_middle_is_renewed(stub, job):
    server, batches = None, []

    def fault(n, path):
        if path.endswith("add_batch"):
            batches.append(n)
            if len(batches) in (1, 4):
                server.expire_token()

    server = stub(fault)
    done = job(server, steps=400, pause_us=8000, with_files=0)
    assert undelivered("clearml", done.stderr) == (0, None)
    assert server.paths.count("/v2.13/auth.login") == 3
    check_curves(server, "t0", 2, 400)


def test_a_token_of_the_environment_is_used_and_cannot_be_renewed(stub, job):
    server = stub()
    environment = {"CLEARML_API_ACCESS_KEY": "", "CLEARML_API_SECRET_KEY": ""}
    done = job(server, steps=50, with_files=0, env={**environment, "CLEARML_AUTH_TOKEN": server.token})
    assert undelivered("clearml", done.stderr) == (0, None)
    assert "/v2.13/auth.login" not in server.paths
    stale = server.token
    server.expire_token()
    done = job(server, steps=50, with_files=0, env={**environment, "CLEARML_AUTH_TOKEN": stale})
    assert "token expired" in done.stderr and undelivered("clearml", done.stderr) == (52, 0)


def test_a_batch_that_is_too_large_is_sent_in_parts(stub, job):
    server = stub()
    server.max_batch = 20_000
    done = job(server, steps=400, with_files=0)
    assert undelivered("clearml", done.stderr) == (0, None)
    check_curves(server, "t0", 2, 400)


def test_events_that_are_refused_in_an_answer_of_success_are_counted(stub, job):
    server = stub()
    server.refuse_events = 3
    done = job(server, steps=200, with_files=0)
    assert 'the server took a batch without 3 of its events: {"no index":3}' in done.stderr
    assert undelivered("clearml", done.stderr)[0] > 0


def test_a_certificate_that_does_not_verify_ends_the_delivery_until_it_is_named(stub, job, tmp_path):
    certificate, public = make_certificate(tmp_path)
    server = stub(certificate=str(certificate))
    done = job(server, steps=200, with_files=0, env={"CLEARML_API_HOST_VERIFY_CERT": "false"})
    assert "CLEARML_API_HOST_VERIFY_CERT is ignored" in done.stderr
    assert "certificate" in done.stderr and not server.paths
    assert undelivered("clearml", done.stderr) == (203, 0)
    done = job(server, steps=200, with_files=0, env={"CLEARML_API_HOST_VERIFY_CERT": str(public)})
    assert undelivered("clearml", done.stderr) == (0, None)
    check_curves(server, "t0", 2, 200)


def test_keys_come_from_clearml_conf_and_names_from_the_environment(stub, job, tmp_path):
    server = stub()
    (tmp_path / "clearml.conf").write_text(
        "# made by clearml-init\napi {\n"
        f"    web_server: {server.uri}\n    api_server: {server.uri}  # here\n"
        f"    files_server = \"{server.uri}\"\n"
        f"    credentials {{\n        \"access_key\" = \"{KEY}\"\n        \"secret_key\": \"{SECRET}\" }}\n"
        "}\nsdk { metrics { images: {quality: 87} } , hosts: [\"a}\", 'b'] }\n")
    done = job(None, steps=20, with_files=0,
               env={"CLEARML_PROJECT": "from env/sub", "CLEARML_TASK": "näme"})
    assert undelivered("clearml", done.stderr) == (0, None)
    assert list(server.projects) == ["from env/sub"] and server.tasks["t0"]["name"] == "näme"
    done = job(None, steps=20, with_files=0, env={"CLEARML_OFFLINE_MODE": "1"})
    assert len(server.tasks) == 1 and session_of(done.directory)
