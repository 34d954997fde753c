"""Attempts at one run, as h5py and xarray see them, and what a second job is told."""

import os
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
import xarray


def columns(group):
    """Every dataset of a metric with one row a step, by name."""
    return {name: data[:] for name, data in group.items()
            if isinstance(data, h5py.Dataset) and name not in ("rank", "element", "time")}


def assert_continuous(path, end):
    with h5py.File(path) as file:
        loss = file["metrics/loss"]
        steps = np.arange(end)
        assert np.array_equal(loss["step"][:], steps)
        assert np.array_equal(loss["value"][:], steps)
        assert np.array_equal(file["metrics/loss/rare/step"][:], steps[::7])
        assert np.array_equal(file["metrics/loss/rare/value"][:], -steps[::7])
        assert [text.decode() for text in file["text/note/value"][:]] == [f"step {s}" for s in steps]
    with xarray.open_dataset(path, group="metrics/loss", engine="h5netcdf") as data:
        assert np.array_equal(data["value"].sel(step=slice(3, 9)), np.arange(3, 10))
    with xarray.open_dataset(path, group="metrics/each", engine="h5netcdf") as data:
        assert data["per_rank"].dims == ("step", "rank")


def test_three_attempts_equal_one(mpirun, ranklog_tool, tmp_path):
    mpirun(2, "interop_attempt", "runs", "whole", 0, 150, 0, "new")
    mpirun(2, "interop_attempt", "runs", "parts", 0, 100, 0, "new")
    mpirun(2, "interop_attempt", "runs", "parts", 50, 120, 0, "resume")
    mpirun(2, "interop_attempt", "runs", "parts", 30, 150, 0, "resume")
    whole, parts = (tmp_path / f"runs/attempts/{name}/run.h5" for name in ("whole", "parts"))
    assert_continuous(parts, 150)
    with h5py.File(whole) as a, h5py.File(parts) as b:
        for key in ("metrics/loss", "metrics/n", "metrics/each", "metrics/loss/rare", "text/note"):
            expected, found = columns(a[key]), columns(b[key])
            assert expected.keys() == found.keys()
            for name, cells in expected.items():
                np.testing.assert_array_equal(cells, found[name], err_msg=f"{key}/{name}")
        assert dict(a["metrics/loss"].attrs) == dict(b["metrics/loss"].attrs)
        assert sorted(b["run"]) == ["0", "1", "2"]
        assert [b[f"run/{n}"].attrs.get("from_step") for n in (0, 1, 2)] == [None, 50, 30]
        replaced = b["run/0/abandoned/1/metrics/loss"]
        assert np.array_equal(replaced["step"][:], np.arange(50, 100))
        assert np.array_equal(b["run/1/abandoned/2/metrics/loss/step"][:], np.arange(50, 120))
        assert np.array_equal(b["run/0/abandoned/2/metrics/loss/step"][:], np.arange(30, 50))
    with xarray.open_dataset(parts, group="run/0/abandoned/1/metrics/each", engine="h5netcdf") as data:
        assert data["per_rank"].dims == ("step", "rank")
        assert np.array_equal(data["per_rank"].sel(step=60), [60, 60.5])
    assert "valid" in ranklog_tool("validate", parts).stdout
    assert "149" in ranklog_tool("show", parts).stdout


def test_an_attempt_with_other_ranks(mpirun, ranklog_tool, tmp_path):
    mpirun(2, "interop_attempt", "runs", "a", 0, 40, 0, "new")
    mpirun(3, "interop_attempt", "runs", "a", 40, 80, 0, "resume")
    mpirun(1, "interop_attempt", "runs", "a", 80, 120, 0, "resume")
    path = tmp_path / "runs/attempts/a/run.h5"
    assert_continuous(path, 120)
    with xarray.open_dataset(path, group="metrics/each", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"step": 120, "rank": 3}
        np.testing.assert_array_equal(data["per_rank"].sel(step=10), [10, 10.5, np.nan])
        np.testing.assert_array_equal(data["per_rank"].sel(step=50), [50, 50.5, 51])
        np.testing.assert_array_equal(data["per_rank"].sel(step=90), [90, np.nan, np.nan])
    assert "valid" in ranklog_tool("validate", path).stdout


@pytest.fixture
def start(bin_dir, tmp_path):
    """start(n, *args): a job that runs until it is told to end, and is killed at the end."""
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    jobs = []

    def launch(n, *args):
        job = subprocess.Popen([*launcher, str(n), str(bin_dir / "interop_attempt"), *map(str, args)],
                               cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
        jobs.append(job)
        return job

    yield launch
    for job in jobs:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()


def wait_for_rows(path, n_rows, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with h5py.File(path, locking=False) as file:
                if file["metrics/loss/step"].shape[0] >= n_rows:
                    return
        except (OSError, KeyError):
            pass
        time.sleep(0.1)
    pytest.fail(f"{path} has no {n_rows} rows after {timeout_s} s")


def kill(job):
    """Ends the launcher; its ranks follow when they notice, so the run is theirs a little longer."""
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()


def attempt_when_free(mpirun, *arguments, timeout_s=30):
    """Starts an attempt at a run, again while the ranks of a killed job still hold it."""
    deadline = time.monotonic() + timeout_s
    while True:
        done = mpirun(2, "interop_attempt", *arguments, check=False)
        if done.returncode == 0:
            return
        assert "run_in_use: " in done.stderr and time.monotonic() < deadline, done.stderr
        time.sleep(0.2)


def test_a_killed_job_is_resumed(start, mpirun, ranklog_tool, tmp_path):
    path = tmp_path / "runs/attempts/k/run.h5"
    job = start(2, "runs", "k", 0, 10**9, 300, "new")
    wait_for_rows(path, 100)
    kill(job)
    attempt_when_free(mpirun, "runs", "k", 0, 2000, 0, "auto")
    assert_continuous(path, 2000)
    with h5py.File(path) as file:
        assert file["run/0"].attrs["status"] == "interrupted"
        assert file.attrs["status"] == "completed"
        assert file["run/1"].attrs["from_step"] >= 100
    assert "valid" in ranklog_tool("validate", path).stdout


def test_a_second_job_is_refused_and_told_why(start, mpirun, tmp_path):
    job = start(2, "runs", "taken", 0, 10**9, 300, "new")
    wait_for_rows(tmp_path / "runs/attempts/taken/run.h5", 10)
    second = mpirun(2, "interop_attempt", "runs", "taken", 0, 10, 0, "auto", check=False)
    assert second.returncode != 0
    lines = [line for line in second.stderr.splitlines() if line.startswith("run_in_use: ")]
    assert len(lines) == 2 and lines[0] == lines[1], second.stderr
    assert os.uname().nodename in lines[0] and "process " in lines[0]
    kill(job)
    attempt_when_free(mpirun, "runs", "taken", 0, 10, 0, "resume")


def test_mpirun_forwards_a_stop(start, tmp_path):
    job = start(3, "runs", "s", 0, 10**9, 300, "new")
    path = tmp_path / "runs/attempts/s/run.h5"
    wait_for_rows(path, 50)
    os.kill(job.pid, signal.SIGUSR1)
    stdout, stderr = job.communicate(timeout=60)
    assert job.returncode == 0, stderr
    end = int(stdout.split()[-1])
    with h5py.File(path) as file:
        assert file["metrics/loss/step"].shape[0] == end + 1
        assert set(file["metrics/loss/count"][:]) == {3}
        assert file.attrs["status"] == "completed"
