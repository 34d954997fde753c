"""06_cuda: says what is missing where there is no GPU; else the loss falls on every rank."""

import subprocess

import numpy as np
import pytest


@pytest.fixture
def can_run(bin_dir, tmp_path):
    done = subprocess.run([bin_dir / "06_cuda"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, check=False)
    if done.returncode != 0:
        assert done.stdout in (
            "06_cuda: there is no GPU here; run it on a node that has one\n",
            "06_cuda: built without CUDA; configure ranklog with -DRANKLOG_WITH_CUDA=ON "
            "(nvcc 12 or newer)\n")
    return done.returncode == 0


def test_the_loss_of_all_ranks_falls_or_the_program_says_what_is_missing(can_run, mpirun, run_of,
                                                                        tmp_path):
    if not can_run:
        return
    for run in (tmp_path / "runs" / "cuda").iterdir():
        run.rename(tmp_path / run.name)
    mpirun(2, "06_cuda")
    (run,) = (tmp_path / "runs" / "cuda").iterdir()
    loss = run_of("cuda", run.name)["train/loss"]
    assert len(loss["value"]) == 200
    assert loss["value"][-1] < loss["value"][0] / 100
    np.testing.assert_array_equal(loss["count"], [2 * 4096] * 200)
