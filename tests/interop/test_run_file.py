"""The run file read by h5py, xarray, ncdump and h5dump. docs/format.md shows the same lines."""

import pathlib
import re
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import xarray

STEPS = np.arange(50)
RANKS = 2
DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "format.md"


@pytest.fixture(scope="module")
def run_file(bin_dir, tmp_path_factory):
    """One finished run of two ranks."""
    return write_run(bin_dir, tmp_path_factory.mktemp("runs"))


def write_run(bin_dir, directory, *arguments, check=True):
    import os

    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    command = [*launcher, str(RANKS), str(bin_dir / "interop_write_run"), str(directory)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert done.returncode != 0, "the program was to be killed"
    return directory / "known" / "run" / "run.h5"


def python_blocks():
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S)


def test_identity_and_configuration_are_attributes(run_file):
    with h5py.File(run_file) as f:
        assert f.attrs["ranklog_format"] == 1
        assert f.attrs["project"] == "known"
        assert f.attrs["run_name"] == "run"
        assert f.attrs["status"] == "completed"
        assert f.attrs["n_ranks"] == RANKS
        config = f["config"].attrs
        assert list(config) == ["learning_rate", "batch_size", "shuffle", "nothing", "layers"]
        assert config["learning_rate"] == 1e-2
        assert config["batch_size"] == 32
        assert config["shuffle"] is np.True_
        assert isinstance(config["nothing"], h5py.Empty)
        assert config["layers"].tolist() == [64, 32]
        assert f["config/optimizer"].attrs["name"] == "adam"
        assert f["run/0"].attrs["jobsize"] == RANKS


def test_h5py_reads_the_values(run_file):
    with h5py.File(run_file) as f:
        loss = f["metrics/train/loss"]
        assert loss["step"][:].tolist() == STEPS.tolist()
        assert loss["value"][:].tolist() == (STEPS + 0.5).tolist()
        assert loss["min"][:].tolist() == STEPS.tolist()
        assert loss["max"][:].tolist() == (STEPS + 1.0).tolist()
        assert set(loss["std"][:]) == {0.5}
        assert set(loss["min_rank"][:]) == {0} and set(loss["max_rank"][:]) == {1}
        assert set(loss["count"][:]) == {RANKS} and set(loss["nan_count"][:]) == {0}
        assert loss.attrs["unit"] == "nat" and loss.attrs["reduction"] == "mean"
        samples = f["metrics/train/samples/value"]
        assert samples.dtype == np.int64
        assert set(samples[:]) == {2**60 + 2**59}
        assert f["metrics/loss_by_rank/per_rank"][:].tolist() == [[s, s + 1] for s in STEPS]
        assert f["text/note/value"].asstr()[:].tolist() == ["Grüße"] * 5


def test_metrics_logged_together_share_their_steps(run_file):
    with h5py.File(run_file) as f:
        assert f["metrics/train/loss/step"] == f["metrics/train/samples/step"]
        assert f["metrics/train/loss/step"] != f["metrics/eval/loss/step"]


def test_steps_are_a_dimension_scale_with_all_its_users(run_file):
    with h5py.File(run_file) as f:
        step = f["metrics/train/loss/step"]
        value = f["metrics/train/loss/value"]
        assert step.is_scale and value.dims[0][0] == step
        users = {f[reference].name.split("/")[-1] for reference, _ in step.attrs["REFERENCE_LIST"]}
        assert {"time", "value", "min", "max", "count"} <= users
        spans = f["metrics/spans/per_rank"]
        assert [len(dim) for dim in spans.dims] == [1, 1, 1]


def test_leaf_and_prefix_and_dataset_names_are_found_by_the_key_attribute(run_file):
    with h5py.File(run_file) as f:
        keys = {}
        f["metrics"].visititems(lambda path, obj: keys.update({obj.attrs["key"]: path})
                                if "key" in obj.attrs else None)
    assert {"eval", "eval/loss", "eval/loss/aux", "eval/value"} <= set(keys)
    assert keys["eval/loss"] == "eval/loss" and keys["eval/loss/aux"] == "eval/loss/aux"
    assert len(set(keys.values())) == len(keys)


def test_nan_is_data_and_is_counted(run_file):
    with h5py.File(run_file) as f:
        found = []
        f["metrics"].visititems(lambda _, obj: found.append(obj)
                                if obj.attrs.get("key") == "eval/value" else None)
        group = found[0]
        assert np.isnan(group["value"][:]).all()
        assert set(group["nan_count"][:]) == {RANKS}
        assert set(group["first_nan_rank"][:]) == {0}


def test_xarray_opens_a_metric_with_step_as_coordinate(run_file):
    data = xarray.open_dataset(run_file, group="metrics/train/loss", engine="h5netcdf")
    assert "step" in data.coords
    assert data["value"].dims == ("step",)
    assert float(data["value"].sel(step=7)) == 7.5
    assert data["time"].dtype.kind == "M"
    assert data["value"].attrs["units"] == "nat"
    data.close()


def test_xarray_opens_gathered_values_by_rank_and_element(run_file):
    with xarray.open_dataset(run_file, group="metrics/loss_by_rank", engine="h5netcdf") as data:
        assert float(data["per_rank"].sel(step=7, rank=1)) == 8
    with xarray.open_dataset(run_file, group="metrics/spans", engine="h5netcdf") as data:
        assert data["per_rank"].dims == ("step", "rank", "element")
        assert float(data["per_rank"].sel(step=10, rank=1, element=1)) == 11.5


def test_xarray_opens_ranks_summary_and_the_whole_tree(run_file):
    with xarray.open_dataset(run_file, group="ranks", engine="h5netcdf") as ranks:
        assert ranks["world_rank"].values.tolist() == list(range(RANKS))
    with xarray.open_dataset(run_file, group="summary", engine="h5netcdf") as summary:
        row = summary.sel(key="train/loss")
        assert float(row["last"]) == 49.5
        assert (float(row["min"]), float(row["max"])) == (0, 50)
        assert int(row["count"]) == RANKS * len(STEPS)
    with xarray.open_datatree(run_file, engine="h5netcdf") as tree:
        assert tree["metrics/train/loss/value"].size == len(STEPS)


@pytest.mark.parametrize("tool,arguments", [("ncdump", ["-h"]), ("h5dump", []), ("h5ls", ["-r"])])
def test_command_line_tools_read_the_file(run_file, tool, arguments):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *arguments, str(run_file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "loss" in done.stdout


def test_a_killed_run_opens_plainly_with_what_was_flushed(bin_dir, tmp_path):
    path = write_run(bin_dir, tmp_path, "killed", check=False)
    with h5py.File(path) as f:
        assert f.attrs["status"] == "running"
        assert len(f["metrics/train/loss/value"]) == len(STEPS)


def test_the_examples_of_the_format_description_work(run_file, monkeypatch, capsys):
    monkeypatch.chdir(run_file.parent)
    blocks = python_blocks()
    assert len(blocks) >= 3
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), {})  # our own document
    assert capsys.readouterr().out
