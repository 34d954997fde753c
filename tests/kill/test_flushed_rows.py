"""A 4-rank job at full speed is killed: no flushed row is lost, and h5py opens the file.

RANKLOG_KILLS (default 30) says how often; at least half of the kills strike inside a flush. The last
line of the output (pytest -s) has the counts.
"""

import json
import os
import pathlib
import random
import shlex
import signal
import subprocess
import time

import h5py
import numpy
import pytest

N_RANKS = 4
N_KEYS = 8
LATE_STEP = 40
N_KILLS = int(os.environ.get("RANKLOG_KILLS", "30"))
SEED = int(os.environ.get("RANKLOG_KILL_SEED", "1"))
VICTIMS = ("self", "other", "all")
# The writes to the files of a run of which one is picked for a kill inside a flush.
MAX_CALL = 1500


def wait_until(condition, limit_s=60):
    """True once `condition()` is, False after `limit_s`."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def start_of(pid):
    """When the process started, which tells it from a later one of the same number; None once it is
    gone or a zombie. One of several threads: its files stay locked until the last thread has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        n_threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" and n_threads < 2 else int(fields[19])


class Process:
    """A process that is never taken for another that got its number."""

    def __init__(self, pid):
        self.pid = pid
        self.start = start_of(pid)

    @property
    def is_alive(self):
        """Whether it still runs."""
        return self.start is not None and start_of(self.pid) == self.start

    def kill(self):
        """SIGKILL, if it still runs."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # The handle is of whatever has the number now, so look after it was taken.
            if self.is_alive:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)


class Job:
    """One run of kill_job in `directory`."""

    def __init__(self, directory, bin_dir, *arguments):
        self.directory = directory
        launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
        # What a killed launcher leaves behind goes away with the directory.
        environment = {**os.environ, "OMPI_MCA_orte_tmpdir_base": str(directory / "mpi"),
                       "OMPI_MCA_btl_vader_backing_directory": str(directory / "mpi")}
        (directory / "mpi").mkdir()
        command = [*launcher, str(N_RANKS), str(bin_dir / "kill_job"), str(directory), *arguments]
        self.command = shlex.join(command)
        self.process = subprocess.Popen(command, env=environment, cwd=directory, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.launcher = Process(self.process.pid)
        self.ranks = []

    def wait_for_pids(self):
        """Waits until all ranks log, and knows their processes from then on."""
        path = self.directory / "pids"
        if not wait_until(lambda: path.exists() or self.process.poll() is not None) \
                or not path.exists():
            self.end()
            pytest.fail(f"{self.command} did not start: {self.process.stdout.read()}")
        self.ranks = [Process(int(line)) for line in path.read_text(encoding="utf-8").split()]

    def strike(self, victim):
        """Kills rank 0, rank 2, or the launcher with all ranks."""
        everyone = [self.launcher, *self.ranks]
        for process in {"self": self.ranks[:1], "other": self.ranks[2:3], "all": everyone}[victim]:
            process.kill()

    def end(self):
        """Waits until nothing of the job runs."""
        wait_until(lambda: self.process.poll() is not None, 20)
        for process in [self.launcher, *self.ranks]:
            process.kill()
        self.process.wait()
        assert wait_until(lambda: not any(rank.is_alive for rank in self.ranks))

    @property
    def n_acknowledged(self):
        """Rows that a flush had acknowledged; a line that was cut off does not count."""
        path = self.directory / "acknowledged"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = text[:text.rfind("\n") + 1].split()
        return int(lines[-1]) if lines else 0


def check_rows(path):
    """Reads everything with h5py, checks every value, and returns the number of rows."""
    with h5py.File(path, "r") as file:
        assert file.attrs["project"] == "kill"
        assert file["config"].attrs["lr"] == 0.5
        metrics = file["metrics"]
        if "key0" not in metrics:
            return 0
        n = len(metrics["key0/step"])
        steps = numpy.arange(n)
        for key in range(N_KEYS):
            group = metrics[f"key{key}"]
            numpy.testing.assert_array_equal(group["step"], steps)
            numpy.testing.assert_array_equal(group["value"], steps * 10.0 + key + 1.5)
            numpy.testing.assert_array_equal(group["min"], steps * 10.0 + key)
            numpy.testing.assert_array_equal(group["max"], steps * 10.0 + key + 3)
            numpy.testing.assert_array_equal(group["count"], numpy.full(n, N_RANKS))
        numpy.testing.assert_array_equal(metrics["by_rank/per_rank"],
                                         steps[:, None] * 10.0 + numpy.arange(N_RANKS))
        assert list(file["text/note/value"].asstr()) == [f"at {step}" for step in steps]
        if n > LATE_STEP:
            late = metrics["key0/late"]
            numpy.testing.assert_array_equal(late["step"], steps[LATE_STEP:])
            numpy.testing.assert_array_equal(late["value"], steps[LATE_STEP:] * 10.0 + 9 + 1.5)
        return n


def run_and_kill(directory, bin_dir, victim, is_forced, chance):
    """Starts a job, kills it and returns it."""
    if is_forced:
        job = Job(directory, bin_dir, str(chance.randint(1, MAX_CALL)), victim)
        job.wait_for_pids()
    else:
        job = Job(directory, bin_dir)
        job.wait_for_pids()
        time.sleep(chance.uniform(0, 0.3))
        job.strike(victim)
    job.end()
    return job


def test_no_flushed_row_is_lost_when_the_job_is_killed(tmp_path, bin_dir, ranklog_tool):
    chance = random.Random(SEED)
    counts = {"kills": 0, "forced inside a flush": 0, "file needed its journal": 0,
              "opened by h5py before recover": 0, "acknowledged rows": 0, "rows read": 0}
    for i in range(N_KILLS):
        directory = tmp_path / str(i)
        directory.mkdir()
        is_forced = i % 2 == 0
        job = run_and_kill(directory, bin_dir, VICTIMS[i // 2 % 3], is_forced, chance)
        path = directory / "kill" / "run" / "run.h5"
        n_acknowledged = job.n_acknowledged
        what = f"kill {i} of {job.command} after {n_acknowledged} acknowledged rows"

        shown = json.loads(ranklog_tool("show", path, "--json").stdout)
        n_shown = max((metric["n_rows"] for metric in shown["metrics"]), default=0)
        assert n_shown >= n_acknowledged, what
        try:
            n_plain = check_rows(path)
        except (OSError, KeyError, AssertionError) as error:
            n_plain = error
        recovered = json.loads(ranklog_tool("recover", path, "--json").stdout)
        was_in_flush = recovered["action"] == "completed"
        if not was_in_flush:
            assert n_plain == n_shown, f"{what}: h5py before recover: {n_plain}"
        n_read = check_rows(path)
        assert n_read == n_shown >= n_acknowledged, what
        assert json.loads(ranklog_tool("recover", path, "--json").stdout)["action"] == "none"

        counts["kills"] += 1
        counts["forced inside a flush"] += is_forced
        counts["file needed its journal"] += was_in_flush
        counts["opened by h5py before recover"] += n_plain == n_read
        counts["acknowledged rows"] += n_acknowledged
        counts["rows read"] += n_read
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    assert counts["forced inside a flush"] * 3 >= counts["kills"]
