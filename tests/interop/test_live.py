"""Reading a run while its job writes it: nothing wrong, nothing old, and the job does not notice.

RANKLOG_LIVE_S sets how long each job runs (default 8; 60 for the measurement in docs/format.md).
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import xarray

LIVE_S = float(os.environ.get("RANKLOG_LIVE_S", "8"))
FLUSH_INTERVAL_S = 1.2  # of the exchange and of the file, 0.6 each
STEPS_PER_S = 500


class Job:
    """A job on two ranks that logs STEPS_PER_S rows a second for LIVE_S."""

    def __init__(self, bin_dir, directory):
        launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
        self.path = directory / "runs/attempts/live/run.h5"
        self.n_steps = int(LIVE_S * STEPS_PER_S)
        self.process = subprocess.Popen(
            [*launcher, "2", str(bin_dir / "interop_attempt"), "runs", "live", "0", str(self.n_steps),
             str(STEPS_PER_S), "new"],
            cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not self.path.exists():
            if time.monotonic() > deadline or not self.is_running():
                self.process.kill()
                pytest.fail(f"the job did not start: {self.process.communicate()}")
            time.sleep(0.05)

    def is_running(self):
        return self.process.poll() is None

    def check_end(self):
        _, stderr = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, stderr
        assert stderr == ""
        # In a process of its own: HDF5 shows what a handle of this one, left open somewhere, knew.
        check = ("import h5py, numpy, sys; loss = h5py.File(sys.argv[1])['metrics/loss'];"
                 "steps = numpy.arange(int(sys.argv[2]));"
                 "assert numpy.array_equal(loss['step'][:], steps);"
                 "assert numpy.array_equal(loss['value'][:], steps)")
        subprocess.run([sys.executable, "-c", check, str(self.path), str(self.n_steps)], check=True,
                       timeout=60)


@pytest.fixture
def job(bin_dir, tmp_path):
    job = Job(bin_dir, tmp_path)
    yield job
    if job.is_running():
        job.process.kill()
        job.process.communicate()


class Age:
    """The oldest view of the run that a reader got, by its newest row, once there were rows."""

    def __init__(self):
        self.worst_s = 0.0
        self.n = 0

    def see(self, newest_row_time, asked_at):
        self.worst_s = max(self.worst_s, asked_at - newest_row_time)
        self.n += 1


def assert_consistent(steps, values):
    n = min(len(steps), len(values))
    assert np.array_equal(steps[:n], np.arange(n))
    assert np.array_equal(values[:n], np.arange(n))


def test_h5py_that_opens_reads_and_closes(job):
    age, n_retries = Age(), 0
    while job.is_running():
        asked_at = time.time()
        try:
            with h5py.File(job.path) as file:
                loss = file["metrics/loss"]
                steps, values, times = loss["step"][:], loss["value"][:], loss["time"][:]
        except (OSError, KeyError, RuntimeError):
            n_retries += age.n > 0  # docs/format.md: an open that falls into a flush may fail
            continue
        assert_consistent(steps, values)
        if len(times) and job.is_running():
            age.see(times[-1], asked_at)
        time.sleep(0.02)
    job.check_end()
    print(f"h5py: {age.n} reads, {n_retries} tried again, oldest view {age.worst_s:.2f} s")
    assert age.n > 10
    assert n_retries <= age.n / 10
    assert age.worst_s <= FLUSH_INTERVAL_S + 2


def test_h5py_that_keeps_the_file_open(job):
    file, n_reads, n_reopened = None, 0, 0
    while job.is_running():
        try:
            if file is None:
                file = h5py.File(job.path)
            loss = file["metrics/loss"]
            assert_consistent(loss["step"][:], loss["value"][:])
            n_reads += 1
        except (OSError, KeyError, RuntimeError):
            n_reopened += 1
            if file is not None:
                file.close()
            file = None
        time.sleep(0.02)
    if file is not None:
        file.close()
    job.check_end()
    print(f"h5py, kept open: {n_reads} reads, {n_reopened} reopened")
    assert n_reads > 10


def read_with_xarray(path):
    with xarray.open_dataset(path, group="metrics/loss", engine="h5netcdf",
                             decode_times=False, cache=False) as data:
        return data["step"].values, data["value"].values, data["time"].values


def test_xarray(job):
    # Each read in a process of its own: xarray keeps a file open whose reading failed, and HDF5 then
    # mixes what it knew of that one into each later read of the same process.
    age, last_error = Age(), None
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        while job.is_running():
            asked_at = time.time()
            try:
                steps, values, times = pool.apply(read_with_xarray, (job.path,))
            except (OSError, KeyError, RuntimeError, ValueError) as error:
                last_error = error
                continue
            assert_consistent(steps, values)
            if len(times) and job.is_running():
                age.see(times[-1], asked_at)
            time.sleep(0.05)
    job.check_end()
    print(f"xarray: {age.n} reads, oldest view {age.worst_s:.2f} s")
    assert age.n > 5, last_error
    assert age.worst_s <= FLUSH_INTERVAL_S + 2


def test_tail_follows_to_the_end(job, bin_dir):
    tail = subprocess.Popen([str(bin_dir / "ranklog"), "tail", str(job.path), "--key", "loss", "--key",
                             "note", "--follow", "--interval", "0.1", "--json", "-n", "1000000"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    steps, age = [], Age()
    for line in tail.stdout:
        row = json.loads(line)
        assert row["values"]["loss"] == row["step"]
        assert row["values"]["note"] == f"step {row['step']}"
        if steps:
            age.see(row["time"], time.time())
        steps.append(row["step"])
    assert tail.wait(timeout=30) == 0, tail.stderr.read()
    job.check_end()
    assert steps == list(range(job.n_steps))
    print(f"tail: {len(steps)} rows, oldest {age.worst_s:.2f} s")


def test_show_and_ls_work_all_the_time(job, ranklog_tool):
    n = 0
    while job.is_running():
        document = json.loads(ranklog_tool("show", job.path, "--json").stdout)
        for metric in document["metrics"]:
            if metric["key"] == "loss" and metric["n_rows"] > 0:
                assert metric["last"] == metric["last_step"] == metric["max"]
                n += 1
        assert ranklog_tool("ls", job.path.parents[2], "--json").returncode == 0
        assert ranklog_tool("validate", job.path).returncode == 0
    job.check_end()
    assert n > 3
