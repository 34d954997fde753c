"""02_digits: the curve does not depend on the number of ranks, and the network learns."""

import os
import re

import h5py
import numpy as np
import pytest

N_TRAINING = 1347
BATCH_SIZE = 32
STEPS_PER_EPOCH = 43  # 42 full batches and one of 3 images


def train(mpirun, n_ranks, n_epochs):
    name = f"n{n_ranks}"
    result = mpirun(n_ranks, "02_digits", "--epochs", n_epochs, "--project-dir", "runs",
                    "--run-name", name)
    return name, result.stdout


def test_the_curve_is_the_same_at_every_number_of_ranks(mpirun, run_of):
    runs = {}
    for n_ranks in (1, 2, 3, 4, 8):
        name, _ = train(mpirun, n_ranks, 4)
        runs[n_ranks] = run_of("digits", name)
    alone = runs[1]["train/loss"]
    assert len(alone["value"]) == 4 * STEPS_PER_EPOCH
    assert alone["value"][-STEPS_PER_EPOCH:].mean() < 0.2 * alone["value"][:5].mean()
    for n_ranks, run in runs.items():
        for key in ("train/loss", "train/accuracy", "eval/loss", "eval/accuracy", "grad_norm"):
            np.testing.assert_array_equal(run[key]["step"], runs[1][key]["step"], err_msg=key)
            np.testing.assert_allclose(run[key]["value"], runs[1][key]["value"], rtol=0, atol=1e-9,
                                       err_msg=f"{key} at {n_ranks} ranks")


def test_the_rows_say_how_many_images_and_ranks_there_were(mpirun, run_of, n_ranks):
    name, _ = train(mpirun, n_ranks, 1)
    run = run_of("digits", name)
    batches = np.full(STEPS_PER_EPOCH, BATCH_SIZE)
    batches[-1] = N_TRAINING - BATCH_SIZE * (STEPS_PER_EPOCH - 1)
    assert batches[-1] == 3
    assert run["samples"]["value"].dtype.kind == "i" or "integers" in run["samples"]
    np.testing.assert_array_equal(run["samples"]["value"], batches)
    np.testing.assert_array_equal(run["samples"]["count"], [n_ranks] * STEPS_PER_EPOCH)
    np.testing.assert_array_equal(run["grad_norm"]["min"], run["grad_norm"]["max"])

    # Ranks without an image in the last batch are absent, not zero and not NaN.
    loss = run["train/loss"]
    np.testing.assert_array_equal(loss["count"][:-1], [n_ranks] * (STEPS_PER_EPOCH - 1))
    assert loss["count"][-1] == min(n_ranks, 3)
    assert np.isfinite(loss["value"]).all() and (loss["min"] > 0).all()

    by_rank = run["loss_by_rank"]
    assert by_rank["count"][-1] == min(n_ranks, 3)
    assert not by_rank["nan_count"].any() and np.isfinite(by_rank["value"]).all()
    per_rank = by_rank["per_rank"]
    assert per_rank.shape[:2] == (STEPS_PER_EPOCH, n_ranks)
    per_rank = per_rank.reshape(STEPS_PER_EPOCH, n_ranks)
    assert np.isfinite(per_rank[:-1]).all()
    np.testing.assert_array_equal(np.isfinite(per_rank[-1]), np.arange(n_ranks) < 3)
    np.testing.assert_array_equal(np.nanmin(per_rank, axis=1), loss["min"])


def test_it_learns_and_says_so(mpirun, run_of, tmp_path):
    name, stdout = train(mpirun, 4, 15)
    printed = re.search(r"^held-out accuracy: (0\.\d+)$", stdout, re.MULTILINE)
    assert printed, stdout
    accuracy = run_of("digits", name)["eval/accuracy"]
    assert len(accuracy["value"]) == 15
    assert accuracy["value"][-1] == pytest.approx(float(printed.group(1)), abs=5e-5)
    assert accuracy["value"][-1] >= 0.95

    run_dir = tmp_path / "runs" / "digits" / name
    assert f"run directory: {run_dir}" in stdout.splitlines()
    wants_tensorboard = os.environ["RANKLOG_HAS_TENSORBOARD"] == "ON"
    assert bool(list(run_dir.rglob("*tfevents*"))) == wants_tensorboard
    with h5py.File(run_dir / "run.h5", "r") as file:
        assert file["config"].attrs["batch_size"] == BATCH_SIZE
        assert file["config/optimizer"].attrs["learning_rate"] == 0.05
        assert list(file["config/network"].attrs["layers"]) == [64, 32, 10]


@pytest.mark.parametrize("text, complaint", [
    (None, "cannot read"),
    ("1,2,3\n", ":1: expected a whole number from 0 to 16"),
    (",".join(["0"] * 65) + ",7\n", ":1: more than 65 numbers"),
    ("", "no images"),
])
def test_a_bad_data_file_ends_the_job_with_a_message(mpirun, tmp_path, text, complaint):
    file = tmp_path / "other.csv"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    result = mpirun(2, "02_digits", "--data", file, check=False)
    assert result.returncode != 0
    assert complaint in result.stderr and str(file) in result.stderr
