"""Fixtures of the interop tests: the programs of this build, and a way to start them under MPI.

The environment comes from ctest; to run pytest by hand, set RANKLOG_BIN_DIR to build/<preset>/bin.
"""

import os
import pathlib
import shlex
import subprocess
import time

import pytest

ALL_SKIPPED = 77  # what ctest shows as "skipped"


def pytest_sessionfinish(session, exitstatus):
    """A file of which every test was skipped is a skip for ctest too, not a success."""
    outcomes = session.config.pluginmanager.get_plugin("terminalreporter").stats
    if exitstatus == pytest.ExitCode.OK and "skipped" in outcomes and "passed" not in outcomes:
        session.exitstatus = ALL_SKIPPED


@pytest.fixture(scope="session")
def bin_dir():
    """The directory of this build's programs."""
    directory = os.environ.get("RANKLOG_BIN_DIR")
    if not directory:
        pytest.fail("RANKLOG_BIN_DIR is not set; run the tests with ctest")
    return pathlib.Path(directory)


def run_checked(command, env, cwd, timeout, check):
    """Runs `command`; on a timeout asks it to end first, so that a launcher can stop its ranks."""
    with subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                stdout, stderr = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                stdout, stderr = process.communicate()
            pytest.fail(f"{shlex.join(command)} ran longer than {timeout} s\n{stdout}\n{stderr}")
    if check and process.returncode != 0:
        pytest.fail(f"{shlex.join(command)} ended with {process.returncode}\n{stdout}\n{stderr}")
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


@pytest.fixture
def mpirun(bin_dir, tmp_path):
    """mpirun(n, program, *args, env=None, check=True, timeout=120, cwd=tmp_path).

    Runs `program` (a name in bin_dir, or a path) on n ranks and returns the CompletedProcess with
    its output as text. A failure shows the output unless check is False. Under both Open MPI and
    MPICH the ranks inherit the environment of this process, so `env` adds to that.
    """
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()

    def run(n, program, *args, env=None, check=True, timeout=120, cwd=None):
        command = [*launcher, str(n), str(bin_dir / program), *map(str, args)]
        return run_checked(command, {**os.environ, **(env or {})}, cwd or tmp_path, timeout, check)

    return run


@pytest.fixture
def ranklog_tool(bin_dir, tmp_path):
    """ranklog_tool(*args, check=True): runs the command-line tool, returns the CompletedProcess."""

    def run(*args, check=True, timeout=60):
        command = [str(bin_dir / "ranklog"), *map(str, args)]
        return run_checked(command, dict(os.environ), tmp_path, timeout, check)

    return run


@pytest.fixture
def remote_job(mpirun, tmp_path):
    """remote_job(tracker, secrets, n_ranks=2, env={}, check=True, directory=None, name=value...):
    runs remote_job with that tracker, in a directory of its own unless one is given, and checks
    that no secret shows, neither in what it says nor in what it writes."""
    numbers = iter(range(100))

    def run(tracker, secrets, n_ranks=2, env=None, check=True, directory=None, **arguments):
        if directory is None:
            directory = tmp_path / f"runs{next(numbers)}"
            directory.mkdir()
        arguments.setdefault("trackers", f"hdf5,{tracker}")
        done = mpirun(n_ranks, "interop_remote_job", directory,
                      *(f"{name}={value}" for name, value in arguments.items()), env=env, check=check)
        output = (done.stdout + done.stderr).encode()
        written = [path for path in directory.rglob("*") if path.is_file()]
        for secret in secrets:
            assert secret.encode() not in output, output.decode()
            assert not [path for path in written if secret.encode() in path.read_bytes()]
        done.directory = directory
        return done

    return run


@pytest.fixture
def stub(stub_type):
    """stub(...): starts a stub_type, which the test file chooses. At its end no request to any of
    them may have been wrong."""
    made = []

    def make(*arguments, **named):
        made.append(stub_type(*arguments, **named))
        return made[-1]

    yield make
    for one in made:
        one.close()
        assert not one.problems


@pytest.fixture
def data_server():
    """data_server(logdir, is_complete): TensorBoard's data provider, which keeps all points, once
    `is_complete(provider)` is true."""
    from tensorboard.data import server_ingester
    from tensorboard.util import grpc_util

    ingesters = []

    def start(logdir, is_complete):
        ingester = server_ingester.SubprocessServerDataIngester(
            server_ingester.get_server_binary(), str(logdir), reload_interval=1,
            channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
            samples_per_plugin={"scalars": 0, "images": 0, "histograms": 0})
        ingester.start()
        ingesters.append(ingester)
        deadline = time.monotonic() + 60
        while not is_complete(ingester.data_provider):
            assert time.monotonic() < deadline, "the data server did not read all"
            time.sleep(0.1)
        return ingester.data_provider

    yield start
    for ingester in ingesters:
        ingester._stdin_handle.close()  # ends the server, as the end of tensorboard does


SYNC_STEPS = 60  # of sync_job


@pytest.fixture(scope="module")
def start_sync_job(bin_dir, tmp_path_factory):
    """start_sync_job(n_ranks, directory, trackers, *args, env={}): a Popen of sync_job. It has a
    home without any vendor's settings."""
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    home = str(tmp_path_factory.mktemp("home"))

    def start(n_ranks, directory, trackers, *args, env=None):
        command = [*launcher, str(n_ranks), str(bin_dir / "interop_sync_job"), str(directory), trackers,
                   *map(str, args)]
        return subprocess.Popen(command, env={**os.environ, "HOME": home, **(env or {})}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    return start


@pytest.fixture(scope="module")
def sync_job(start_sync_job):
    """sync_job(...): as start_sync_job, but waits for it; returns the run directory and stderr."""

    def run(n_ranks, directory, *args, **named):
        with start_sync_job(n_ranks, directory, *args, **named) as job:
            stdout, stderr = job.communicate(timeout=120)
        assert job.returncode == 0, stdout + stderr
        return directory / "sync" / "run", stderr

    return run


@pytest.fixture
def sync(bin_dir, tmp_path):
    """sync(*args, env={}, check=True): runs `ranklog sync` and returns the CompletedProcess."""

    def run(*args, env=None, check=True, timeout=120):
        command = [str(bin_dir / "ranklog"), "sync", *map(str, args)]
        return run_checked(command, {**os.environ, "HOME": str(tmp_path), **(env or {})}, tmp_path,
                           timeout, check)

    return run
