"""What happens to the run file of a job whose disk fills up, or whose file somebody takes away: the
job goes on, says so once, and its last words are what was lost."""

import os
import re
import shutil
import subprocess
import time

import h5py
import numpy as np
import pytest

N_STEPS = 2000
STEPS_PER_S = 500


@pytest.fixture
def start(bin_dir, tmp_path):
    """Starts interop_attempt on two ranks, for N_STEPS steps."""
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    jobs = []

    def launch(name, steps_per_s):
        job = subprocess.Popen(
            [*launcher, "2", str(bin_dir / "interop_attempt"), "runs", name, "0", str(N_STEPS),
             str(steps_per_s), "new"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        jobs.append(job)
        return job

    yield launch
    for job in jobs:
        job.kill()
        job.communicate()


def wait_for_rows(path):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with h5py.File(path, locking=False) as file:
                if file["metrics/loss/step"].shape[0] > 0:
                    return
        except (OSError, KeyError):
            pass
        time.sleep(0.05)
    pytest.fail(f"{path} got no rows")


def assert_rows(path, n_rows):
    with h5py.File(path) as file:
        loss = file["metrics/loss"]
        assert np.array_equal(loss["step"][:], np.arange(n_rows))
        assert np.array_equal(loss["value"][:], np.arange(n_rows))


def end_of(job):
    """What the job said as it happened, and its closing summary, once it has ended well."""
    stdout, stderr = job.communicate(timeout=60)
    assert job.returncode == 0, stderr
    assert f"ended before step {N_STEPS}" in stdout
    lines = [line for line in stderr.splitlines() if "tracker 'hdf5'" in line]
    return [line for line in lines if "failed in" in line], lines[-1]


def test_a_full_disk_costs_the_rows_that_do_not_fit(start, ranklog_tool, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "ranklog-test", str(runs)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a small file system")
    try:
        reports, summary = end_of(start("full", STEPS_PER_S))
        path = runs / "attempts/full/run.h5"
        assert ranklog_tool("validate", path).returncode == 0
        with h5py.File(path) as file:
            n_rows = len(file["metrics/loss/step"]) if "metrics/loss/step" in file else 0
        if n_rows > 0:
            assert_rows(path, n_rows)
    finally:
        subprocess.run(["umount", "-l", str(runs)], check=True)
    assert n_rows < N_STEPS
    assert sum("it is tried again" in line for line in reports) == 1, reports
    assert "No space left" in reports[0]
    lost = re.search(r"(\d+) rows could not be written to .*run\.h5", summary)
    assert lost and int(lost[1]) >= N_STEPS - n_rows, summary


def test_a_removed_directory_comes_back_with_all_rows(start, tmp_path):
    directory = tmp_path / "runs/attempts/gone"
    job = start("gone", STEPS_PER_S)
    wait_for_rows(directory / "run.h5")
    shutil.rmtree(directory)
    reports, summary = end_of(job)
    assert len(reports) == 1 and "it is not there any more" in reports[0], reports
    assert "failed 1 time" in summary
    assert_rows(directory / "run.h5", N_STEPS)


def test_a_file_in_the_place_of_the_run_is_left_alone(start, tmp_path):
    path = tmp_path / "runs/attempts/taken/run.h5"
    other = tmp_path / "other"
    other.write_text("mine", encoding="utf-8")
    job = start("taken", STEPS_PER_S)
    wait_for_rows(path)
    os.replace(other, path)
    reports, summary = end_of(job)
    assert len(reports) == 1 and "there is another file in its place" in reports[0], reports
    assert "failed 1 time" in summary
    assert path.read_text(encoding="utf-8") == "mine"
    kept = [found for found in path.parent.glob("run.h5.*") if not found.name.endswith(".journal")]
    assert len(kept) == 1
    assert_rows(kept[0], N_STEPS)
