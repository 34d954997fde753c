"""`ranklog sync` replays a run file into each tracker: what the vendor's reader then finds is what it
finds where the job logged there itself; also after SIGKILL at RANKLOG_N_SYNC_KILLS instants.
"""

import concurrent.futures
import copy
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

for package in ("tensorboard", "wandb", "mlflow", "h5py", "clearml", "comet_ml", "aim"):
    pytest.importorskip(package)

import h5py
import whole_runs
from aim_servers import AimServers
from clearml_stub import ClearmlStub
from comet_stub import CometStub
from conftest import SYNC_STEPS
from mlflow_servers import MlflowServer

N_RANKS = 4
N_ROWS = SYNC_STEPS + SYNC_STEPS // 5 + SYNC_STEPS // 10  # calls of log()
N_KILLS = int(os.environ.get("RANKLOG_N_SYNC_KILLS", "3"))
FILES = {"tensorboard": whole_runs.read_tensorboard, "wandb": whole_runs.read_wandb,
         "dvclive": whole_runs.read_dvclive, "jsonl": whole_runs.read_jsonl,
         "clearml": whole_runs.read_clearml, "comet_ml": whole_runs.read_comet}
OFTEN = ["--option", "flush_interval_s=0.05"]  # so that a kill finds files with rows
# Of a server that keeps what it gets twice: what an interruption repeats.
REPEATED = {"mlflow": [], "aim": [], "clearml": ["lines"], "comet_ml": ["points", "lines"]}


@pytest.fixture(scope="module")
def live(sync_job, tmp_path_factory):
    """The run directory of a job that wrote the files of all trackers itself, and hdf5."""
    directory = tmp_path_factory.mktemp("live")
    return sync_job(N_RANKS, directory, ",".join(["hdf5", *FILES]), 0, SYNC_STEPS)[0]


class Place:
    """Where a tracker delivers to: the settings that lead there, and what is found there."""

    def __init__(self, servers, tracker, name):
        self.tracker, self.name, self.servers, self.options = tracker, name, servers, []
        if tracker == "mlflow":
            self.env = {"MLFLOW_TRACKING_URI": servers.mlflow.uri, "MLFLOW_EXPERIMENT_NAME": name}
        elif tracker == "aim":
            self.env = {"RANKLOG_AIM_REPO": servers.aim.repo}
        else:
            self.stub = ClearmlStub() if tracker == "clearml" else CometStub()
            servers.stubs.append(self.stub)
            self.env = self.stub.environment
        if tracker == "comet_ml":
            self.options = ["--option", "max_requests_per_s=100000"]

    def source(self, run, directory):
        """The run to deliver. Aim knows runs by their id, so that the same one would go to the same
        place again."""
        return self.copy(run, directory) if self.tracker == "aim" else run

    def copy(self, run, directory):
        other = directory / "copy"
        other.mkdir()
        shutil.copy(run / "run.h5", other)
        with h5py.File(other / "run.h5", "r+", locking=False) as file:
            file.attrs["run_id"] = self.name.encode().hex().ljust(16, "0")[:16]
        return other

    def read(self, run):
        if self.tracker == "mlflow":
            return whole_runs.read_mlflow(self.servers.mlflow.uri, self.name)
        if self.tracker == "comet_ml":
            return whole_runs.read_comet_experiment(self.stub)
        if self.tracker == "clearml":
            (task,) = self.stub.tasks
            return whole_runs.read_clearml_task(self.stub, task) | {"states": self.stub.states[task]}
        with h5py.File(run / "run.h5", "r", locking=False) as file:
            run_id = file.attrs["run_id"]
        return whole_runs.read_aim(self.servers.aim.directory,
                                   run_id.decode() if isinstance(run_id, bytes) else run_id)


class Servers:
    def __init__(self, directory):
        self.stubs = []
        with concurrent.futures.ThreadPoolExecutor() as pool:
            mlflow = pool.submit(MlflowServer(directory("mlflow")).start)
            self.aim = AimServers(directory("aim"))
            self.aim.server.start()
            self.mlflow = mlflow.result()

    def close(self):
        self.mlflow.kill()
        self.aim.kill()
        for stub in self.stubs:
            stub.close()
            assert not stub.problems


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    started = Servers(tmp_path_factory.mktemp)
    yield started
    started.close()


@pytest.fixture(scope="module")
def live_servers(servers, sync_job, tmp_path_factory):
    """The run directory of a job that logged to all servers itself, and what it left on each."""
    places = {tracker: Place(servers, tracker, "live") for tracker in REPEATED}
    env = {name: value for place in places.values() for name, value in place.env.items()}
    run, stderr = sync_job(N_RANKS, tmp_path_factory.mktemp("live"), ",".join(["hdf5", *places]),
                           0, SYNC_STEPS, env=env)
    assert "not delivered" not in stderr, stderr
    return run, places, {tracker: place.read(run) for tracker, place in places.items()}


@pytest.mark.parametrize("tracker", FILES)
def test_a_synced_run_is_what_the_job_would_have_written(live, sync, tmp_path, tracker):
    done = sync(live, "--to", tracker, "--into", tmp_path)
    synced = tmp_path / "sync" / "run"
    assert FILES[tracker](synced) == FILES[tracker](live)
    # Three log calls at every tenth step, two at every fifth.
    assert f"{N_ROWS} rows, steps 0 to {SYNC_STEPS - 1} delivered" in done.stdout
    before = sorted((path, path.stat().st_mtime_ns) for path in synced.rglob("*"))
    assert "has all already" in sync(live, "--to", tracker, "--into", tmp_path).stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in synced.rglob("*")) == before
    refused = sync(live, "--to", tracker, check=False)  # beside what the job wrote
    assert refused.returncode == 1 and "the job itself wrote it" in refused.stderr
    assert not list(live.glob("*.state")) and FILES[tracker](live) == FILES[tracker](synced)


@pytest.mark.parametrize("tracker", REPEATED)
def test_a_server_gets_from_sync_what_live_logging_gives(servers, live_servers, sync, tmp_path, tracker):
    run, places, expected = live_servers
    assert "has all already" in sync(run, "--to", tracker, env=places[tracker].env).stdout
    place = Place(servers, tracker, "synced")
    source = place.source(run, tmp_path)
    sync(source, "--to", tracker, "--into", tmp_path, *place.options, env=place.env)
    assert place.read(source) == expected[tracker]


@pytest.mark.parametrize("tracker", ["mlflow", "aim"])
def test_a_server_is_told_of_the_end_when_the_run_has_ended(servers, live_servers, sync, tmp_path,
                                                            tracker):
    place = Place(servers, tracker, "going")
    run = place.copy(live_servers[0], tmp_path)
    arguments = [run, "--to", tracker, "--into", tmp_path]
    for status, is_told in (("running", ("RUNNING", False)), ("completed", ("FINISHED", True))):
        with h5py.File(run / "run.h5", "r+", locking=False) as file:
            file.attrs["status"] = status
        said = sync(*arguments, env=place.env).stdout
        assert ("the run goes on" in said) == (status == "running")
        found = place.read(run)
        assert (found["status"] if tracker == "mlflow" else found["is_over"]) in is_told
    wanted = copy.deepcopy(live_servers[2][tracker])
    for one in (found, wanted):
        one.get("tags", {}).pop("ranklog.run_id", None)  # the copy's own
    assert found == wanted


def kill_and_repeat(bin_dir, arguments, env, seed, longest, whole):
    """Kills deliveries with SIGKILL, then lets one end. First deliveries that are so slow that they
    do not end by themselves, after `longest` seconds at most; then, ever later, those at full speed,
    which take about `whole` seconds and also die while they start and while they end."""
    chance = random.Random(seed)
    command = [str(bin_dir / "ranklog"), "sync", *map(str, arguments)]
    environment = {**os.environ, **env}
    slow = ["--rate", str(N_ROWS / (N_KILLS * longest))]
    kills = [(slow, chance.uniform(0.01, longest)) for _ in range(N_KILLS)]
    kills += [([], (i + chance.random()) / N_KILLS * whole) for i in range(N_KILLS)]
    n_killed = 0
    for more, seconds in kills:
        process = subprocess.Popen([*command, *more], env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            break
        n_killed += 1
    assert n_killed >= N_KILLS
    done = subprocess.run(command, env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0, done.stderr
    print(f"killed {n_killed} times; then: {done.stdout}", end="")


@pytest.mark.parametrize("tracker", FILES)
def test_killed_and_repeated_it_ends_complete_and_without_duplicates(bin_dir, live, tmp_path, tracker):
    kill_and_repeat(bin_dir, [live, "--to", tracker, "--into", tmp_path, *OFTEN],
                    {"HOME": str(tmp_path)}, tracker, 0.6, 0.1)
    assert FILES[tracker](tmp_path / "sync" / "run") == FILES[tracker](live)


@pytest.mark.parametrize("tracker", REPEATED)
def test_a_killed_and_repeated_delivery_to_a_server_ends_complete(
        servers, live_servers, bin_dir, tmp_path, tracker):
    run, _, expected = live_servers
    place = Place(servers, tracker, "killed")
    source = place.source(run, tmp_path)
    kill_and_repeat(bin_dir, [source, "--to", tracker, "--into", tmp_path, *place.options],
                    {"HOME": str(tmp_path), **place.env}, tracker, 3, 0.6)
    found, wanted = place.read(source), dict(expected[tracker])
    for name in REPEATED[tracker]:
        more, all_of_it = found.pop(name), wanted.pop(name)
        print(f"{tracker}: {len(more) - len(all_of_it)} {name} came again, of {len(all_of_it)}")
        assert set(more) == set(all_of_it)
    if tracker == "clearml":
        assert found.pop("states")[-1] == wanted.pop("states")[-1]
    assert found == wanted


def test_vendors_take_what_sync_wrote_for_later(live_servers, bin_dir, sync, tmp_path):
    """The offline session and the offline archive, after kills, through the vendors' own software."""
    run, _, expected = live_servers
    for tracker in ("clearml", "comet_ml"):
        kill_and_repeat(bin_dir, [run, "--to", tracker, "--into", tmp_path, *OFTEN],
                        {"HOME": str(tmp_path)}, 1, 0.3, 0.1)
    synced = tmp_path / "sync" / "run"
    clearml, comet = ClearmlStub(), CometStub()
    task = whole_runs.import_clearml_session(
        clearml, f"{whole_runs.clearml_session_of(synced)}.zip", tmp_path)
    wanted = dict(expected["clearml"])
    wanted.pop("states")
    assert whole_runs.read_clearml_task(clearml, task) == wanted
    whole_runs.upload_comet_archive(comet, f"{whole_runs.comet_archive_of(synced)}.zip", tmp_path)
    assert whole_runs.read_comet_experiment(comet) == expected["comet_ml"]
    for stub in (clearml, comet):
        stub.close()
        assert not stub.problems
