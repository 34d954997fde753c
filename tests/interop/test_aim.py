"""The aim tracker against a real `aim server`, read back with Aim's SDK and through the API of
`aim up`, and against servers that are away, come back, refuse or talk nonsense."""

import math
import os
import re
import subprocess
import time

import pytest
from aim_servers import AimServers
from mlflow_servers import StubServer
from stub_server import free_port, make_certificate, undelivered
from whole_runs import aim_points

CONTEXT = {"cluster": "test"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    started = AimServers(tmp_path_factory.mktemp("aim"))
    started.server.start()
    started.page.start()
    yield started
    started.kill()


@pytest.fixture
def stub_type():
    return StubServer


@pytest.fixture
def job(mpirun, tmp_path):
    """job(repo, n_ranks, name=value...): runs aim_job and returns its output."""

    def run(repo, n_ranks=1, env=None, **arguments):
        return mpirun(n_ranks, "interop_aim_job", tmp_path,
                      *(f"{name}={value}" for name, value in arguments.items()),
                      env={"RANKLOG_AIM_REPO": repo, **(env or {})})

    return run


def run_id(directory):
    import h5py

    with h5py.File(directory / "interop/run/run.h5", "r", locking=False) as file:
        value = file.attrs["run_id"]
        return value.decode() if isinstance(value, bytes) else value


def points(run, name, context=None):
    """(step, value) as stored, whole numbers exactly."""
    from aim.storage.context import Context

    found = aim_points(run.series_run_trees[2], Context(context or CONTEXT).idx, name)
    assert all(when > 1.6e9 for _, _, when in found)
    return [(step, value) for step, value, _ in found]


def close(values, expected):
    return len(values) == len(expected) and all(
        a == c and math.isclose(b, d, rel_tol=1e-15) for (a, b), (c, d) in zip(values, expected))


def loss(steps, n_ranks):
    return [(s, 1 / (s + 1) + (n_ranks - 1) / 2) for s in steps]


def test_every_value_step_context_param_text_and_image_of_a_4_rank_job_is_read_back(
        servers, job, tmp_path):
    """T4: hparams, tracked values with step and context, aim.Image."""
    done = job(servers.repo, 4, steps=300)
    assert "not delivered" not in done.stderr, done.stderr
    run, info = servers.finished_run(run_id(tmp_path))
    check_numbers(run, servers, info)
    check_objects(run)
    assert (run.name, run.experiment, run.description) == ("run", "interop", "a job")
    assert sorted(run.tags) == ["nightly", "späße"]
    params = run["hparams"]
    assert params.pop("long") == "x" * 7000
    assert params == {"learning_rate": 0.01, "shuffle": True, "nothing": None, "layers": [64, 32],
                      "optimizer": {"name": "adam", "späße (%)": 1}, "empty": {}}
    assert run["ranklog", "n_ranks"] == 4
    assert info["params"]["hparams"]["optimizer"] == params["optimizer"]
    assert info["props"]["experiment"]["name"] == "interop"
    assert run.end_time >= run.creation_time > 1.6e9


def check_numbers(run, servers, info):
    from aim.storage.context import Context

    steps, rare = range(300), range(0, 300, 10)
    assert close(points(run, "train/loss"), loss(steps, 4))
    assert points(run, "späße/日本") == [(s, float(s)) for s in steps]
    assert points(run, "big") == [(s, 2**60 + 1 + 2 * s) for s in steps]
    nans = points(run, "weird/nan")
    assert [s for s, _ in nans] == list(rare) and all(math.isnan(v) for _, v in nans)
    assert points(run, "weird/inf") == [(s, math.inf) for s in rare]
    for rank in range(4):
        assert points(run, "by_rank", {**CONTEXT, "rank": rank}) == [(s, float(rank + s))
                                                                    for s in rare]
    validation = {**CONTEXT, "subset": "val"}
    assert points(run, "val/loss", validation) == [(s, s / 2) for s in rare]
    _, (_, epochs, _) = run.get_metric("val/loss", Context(validation)).data.items_list()
    assert list(epochs) == [s / 10 for s in rare]

    found = {(one["name"], tuple(one["context"].items())) for one in info["traces"]["metric"]}
    assert len(found) == 11
    # `aim up` shows at most 200 points of a metric, a sample of longer ones.
    of_page = [list(zip(trace["iters"], trace["values"])) for trace in servers.page.get(
        f"/api/runs/{run.hash}/metric/get-batch/", [{"name": "train/loss", "context": CONTEXT},
                                                    {"name": "val/loss", "context": validation}])]
    assert len(of_page[0]) > 100
    assert close(of_page[0], [loss(steps, 4)[step] for step, _ in of_page[0]])
    assert of_page[1] == [(s, s / 2) for s in rare]
    trace = run.meta_run_tree.collect(("traces", Context(CONTEXT).idx, "train/loss"))
    assert math.isclose(trace["first"], 2.5) and trace["first_step"] == 0
    assert math.isclose(trace["last"], 1 / 300 + 1.5) and trace["last_step"] == 299
    assert (trace["min"], trace["max"]) == (trace["last"], trace["first"])
    assert (trace["dtype"], trace["version"]) == ("float", 2)


def check_objects(run):
    from aim.storage.context import Context

    context = Context(CONTEXT)

    def values(sequence):
        steps, columns = sequence.data.items_list()
        return list(zip(steps, columns[0]))

    notes = values(run.get_text_sequence("note", context))
    assert [(s, text.data) for s, text in notes] == [(s, f"späße, step {s}") for s in (0, 100, 200)]
    [(step, image)] = values(run.get_image_sequence("samples/first", context))
    pixels = image.to_pil_image()
    assert step == 10 and pixels.size == (8, 4) and pixels.mode == "RGB"
    assert list(pixels.tobytes()) == [i * 2 % 256 for i in range(8 * 4 * 3)]
    [(step, pair)] = values(run.get_image_sequence("samples/pair", context))
    assert step == 11 and [one.to_pil_image().size for one in pair] == [(2, 2), (4, 4)]
    [(step, image)] = values(run.get_image_sequence("samples/large", context))
    assert image.to_pil_image().tobytes() == bytes(i * 2 % 256 for i in range(700 * 500 * 3))
    [(step, weights)] = values(run.get_distribution_sequence("weights", context))
    assert step == 10 and list(weights.weights) == [1, 0, 5, 2]
    assert list(weights.ranges) == [0, 1, 2, 3, 4]


def test_a_resumed_job_continues_its_run(servers, job, tmp_path):
    job(servers.repo, 2, steps=60, with_files=0)
    resumed_at = time.time()
    job(servers.repo, 2, first=40, steps=90, with_files=0, resume="yes")
    run, _ = servers.finished_run(run_id(tmp_path), after=resumed_at)
    assert close(points(run, "train/loss"), loss(range(90), 2))
    assert points(run, "by_rank", {**CONTEXT, "rank": 1}) == [(s, 1.0 + s) for s in range(0, 90, 10)]
    from aim.storage.context import Context

    trace = run.meta_run_tree.collect(("traces", Context(CONTEXT).idx, "train/loss"))
    assert trace["first_step"] == 0 and trace["last_step"] == 89 and trace["first"] == 1.5
    assert trace["max"] == 1.5 and math.isclose(trace["min"], 1 / 90 + 0.5)


def test_what_was_pending_arrives_after_a_tls_server_was_killed_and_restarted(
        servers, tmp_path_factory, tmp_path, bin_dir):
    certificate, public = make_certificate(tmp_path)
    secure = AimServers(tmp_path_factory.mktemp("secure"), str(certificate))
    secure.server.start()
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    process = subprocess.Popen(
        [*launcher, "2", str(bin_dir / "interop_aim_job"), str(tmp_path), "steps=400",
         "pause_us=10000", "with_files=0", "deadline_ms=100000"],
        env={**os.environ, "RANKLOG_AIM_REPO": secure.repo,
             "__AIM_CLIENT_SSL_CERTIFICATES_FILE__": str(public)},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        time.sleep(2.5)
        secure.server.kill()
        secure.server.start()
        _, stderr = process.communicate(timeout=150)
        assert process.returncode == 0, stderr
        assert "trying again" in stderr and "works again" in stderr
        assert "not delivered" not in stderr
        secure.page.start()
        run, _ = secure.finished_run(run_id(tmp_path))
        assert close(points(run, "train/loss"), loss(range(400), 2))
        assert points(run, "big") == [(s, 2**60 + 1 + 2 * s) for s in range(400)]
    finally:
        process.kill()
        secure.kill()


N_ROWS = 100 + 2 * 10 + 1  # of 100 steps: a row for each call of log()


@pytest.mark.parametrize("fault, words", [
    ("refused", "trying again"), ("hang", "trying again"), ("close", "trying again"),
    ((200, b"\x00\xff<html>captive portal</html>"), "makes no sense"),
    ((403, b'{"exception":{"class_name":"Forbidden","message":"not you"}}'), "403: not you"),
    ((404, b"nobody here"), "404: nobody here")])
def test_a_server_that_never_works_is_named_at_the_end_and_the_job_goes_on(stub, job, fault, words):
    repo = f"aim://127.0.0.1:{free_port()}"
    if fault != "refused":
        repo = stub(lambda n, path: fault if isinstance(fault, str) else (*fault, {})).uri
    done = job(repo, steps=100, with_files=0, deadline_ms=500, timeout_ms=300)
    assert words in done.stderr, done.stderr
    assert undelivered("aim", done.stderr) == (N_ROWS, 0)
    assert float(re.search(r"longest step ([0-9.]+) s", done.stdout)[1]) < 5


def test_a_certificate_that_does_not_verify_ends_the_delivery(stub, job, tmp_path):
    server = stub(certificate=make_certificate(tmp_path)[0])
    done = job(server.uri, steps=100, with_files=0)
    assert "certificate" in done.stderr and not server.paths
    assert undelivered("aim", done.stderr) == (N_ROWS, 0)


def test_a_repository_in_a_folder_is_an_error_that_says_what_to_do(mpirun, tmp_path):
    done = mpirun(1, "interop_aim_job", tmp_path, env={"RANKLOG_AIM_REPO": str(tmp_path)},
                  check=False)
    assert done.returncode != 0 and "aim server --repo" in done.stderr
