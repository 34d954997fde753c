"""`ranklog validate` accepts our files and names the defect in each damaged one."""

import json
import os
import shutil
import struct
import subprocess

import h5py
import numpy as np
import pytest

DAMAGES = {}


def damage(object_, *words):
    """Registers a way to damage a file: the object that must be named, and words of the defect."""
    def register(function):
        DAMAGES[function.__name__] = (function, object_, words)
        return function
    return register


def h5(function):
    """A damage that is done with h5py."""
    def change(path):
        with h5py.File(path, "r+") as file:
            function(file)
    change.__name__ = function.__name__
    return change


def set_rows(dataset, n_rows):
    dataset.resize(n_rows, axis=0)


def replace(file, path, data, **options):
    del file[path]
    file.create_dataset(path, data=data, maxshape=(None,) * np.ndim(data), **options)


@damage("/", "ranklog")
@h5
def no_format(file):
    del file.attrs["ranklog_format"]


@damage("/", "format", "newer version")
@h5
def newer_format(file):
    file.attrs["ranklog_format"] = 99


@damage("/", "run_name", "missing")
@h5
def no_run_name(file):
    del file.attrs["run_name"]


@damage("/", "n_ranks", "integer")
@h5
def ranks_as_text(file):
    file.attrs["n_ranks"] = "two"


@damage("/", "n_ranks", "less than 1")
@h5
def no_ranks(file):
    file.attrs.modify("n_ranks", 0)


@damage("/", "status", "running, completed or failed")
@h5
def unknown_status(file):
    file.attrs["status"] = "perhaps"


@damage("/", "run_id", "hexadecimal")
@h5
def wrong_run_id(file):
    file.attrs["run_id"] = "../../etc"


@damage("/", "created", "ISO 8601")
@h5
def created_in_words(file):
    file.attrs["created"] = "yesterday"


@damage("/run", "no attempt")
@h5
def no_attempts(file):
    for name in list(file["run"]):
        del file["run"][name]


@damage("/run/1", "from_step", "missing")
@h5
def attempt_without_start(file):
    del file["run/1"].attrs["from_step"]


@damage("/ranks", "0, 1, 2")
@h5
def ranks_out_of_order(file):
    file["ranks/rank"][...] = [1, 0]


@damage("/ranks", "pid", "missing")
@h5
def no_pids(file):
    del file["ranks/pid"]


@damage("/config", "found twice")
@h5
def cycle_in_the_configuration(file):
    file["config/nested/again"] = file["config"]


@damage("/metrics/loss", "unit", "missing")
@h5
def no_unit(file):
    del file["metrics/loss"].attrs["unit"]


@damage("/metrics/loss", "kind or reduction")
@h5
def unknown_reduction(file):
    file["metrics/loss"].attrs["reduction"] = "median"


@damage("/metrics/loss", "key", "does not belong here")
@h5
def another_key(file):
    file["metrics/loss"].attrs["key"] = "gain"


@damage("/metrics/n", "two groups", "loss")
@h5
def the_same_key_twice(file):
    file["metrics/n"].attrs["key"] = "loss"


@damage("/metrics/loss", "min", "missing")
@h5
def no_minima(file):
    del file["metrics/loss/min"]


@damage("/metrics/loss", "value", "rows where 'step' has")
@h5
def short_column(file):
    set_rows(file["metrics/loss/value"], 5)


@damage("/metrics/loss", "count", "integers")
@h5
def counts_of_the_wrong_type(file):
    replace(file, "metrics/loss/count", np.ones(file["metrics/loss/step"].shape), chunks=(16,))


@damage("/metrics/loss", "value", "dimensions")
@h5
def values_in_a_square(file):
    n = file["metrics/loss/step"].shape[0]
    replace(file, "metrics/loss/value", np.zeros((n, 2)), chunks=(16, 2))


@damage("/metrics/loss", "claims", "rows")
@h5
def huge_dimensions(file):
    set_rows(file["metrics/loss/value"], 2**60)


@damage("/metrics/loss/step", "row 4", "stands behind")
@h5
def steps_out_of_order(file):
    file["metrics/loss/step"][3] = 1000


@damage("/metrics/loss/step", "negative")
@h5
def negative_step(file):
    file["metrics/loss/step"][0] = -5


@damage("/metrics/loss", "row 2", "count -1")
@h5
def negative_count(file):
    file["metrics/loss/count"][2] = -1


@damage("/metrics/loss", "are said to be NaN")
@h5
def more_nan_than_values(file):
    file["metrics/loss/nan_count"][2] = 7


@damage("/metrics/loss", "there is no rank 9")
@h5
def a_rank_that_never_was(file):
    file["metrics/loss/max_rank"][1] = 9


@damage("/metrics/loss", "minimum", "above the maximum")
@h5
def minimum_above_maximum(file):
    file["metrics/loss/min"][6] = 1e9


@damage("/metrics/each/per_rank_count", "the ranks gave 1")
@h5
def counts_that_lie(file):
    file["metrics/each/per_rank_count"][3] = [1, 0]


@damage("/metrics/each", "per_rank", "missing")
@h5
def no_gathered_values(file):
    del file["metrics/each/per_rank"]


@damage("/text/note", "not valid UTF-8")
@h5
def text_that_is_no_utf8(file):
    file["text/note/value"][3] = b"\xff\xfe broken"


@damage("/metrics/loss/value", "leads nowhere")
@h5
def broken_link(file):
    del file["metrics/loss/value"]
    file["metrics/loss/value"] = h5py.SoftLink("/nowhere")


@damage("/metrics/elsewhere", "leads nowhere")
@h5
def link_out_of_the_file(file):
    file["metrics/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")


@damage("/metrics/loss/again", "found twice")
@h5
def cycle_of_groups(file):
    file["metrics/loss/again"] = file["metrics"]


@damage("/summary", "no metric")
@h5
def summary_of_nothing(file):
    file["summary/key"][0] = "never logged"


@damage("/summary", "count")
@h5
def summary_that_lies(file):
    file["summary/count"][0] = 1


@damage("/", "cannot")
def torn_superblock(path):
    with open(path, "r+b") as file:
        file.write(b"\0" * 16)


@damage("/", "cannot")
def end_that_is_elsewhere(path):
    with open(path, "r+b") as file:
        file.seek(8 + 4 + 8 + 8 + 8)  # superblock 0: signature, versions, base, free space, end
        file.write(struct.pack("<Q", 2**40))


@damage("/", "cannot")
def truncated(path):
    os.truncate(path, os.path.getsize(path) // 2)


@damage("/", "cannot")
def empty(path):
    os.truncate(path, 0)


@damage("/", "cannot")
def text_file(path):
    path.write_text("step,value\n1,2\n", encoding="utf-8")


@pytest.fixture(scope="session")
def whole(bin_dir, tmp_path_factory):
    """A finished run of two attempts on two ranks."""
    directory = tmp_path_factory.mktemp("whole")
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    for arguments in (["0", "40", "0", "new"], ["20", "60", "0", "resume"]):
        subprocess.run([*launcher, "2", str(bin_dir / "interop_attempt"), "runs", "a", *arguments],
                       cwd=directory, check=True, timeout=120, capture_output=True)
    return directory / "runs/attempts/a/run.h5"


def validate(bin_dir, *paths):
    process = subprocess.run([str(bin_dir / "ranklog"), "validate", "--json", *map(str, paths)],
                             capture_output=True, text=True, timeout=60, check=False)
    return process.returncode, json.loads(process.stdout)


def test_there_are_thirty():
    assert len(DAMAGES) >= 30


def test_a_run_as_we_write_it_is_valid(bin_dir, whole):
    code, document = validate(bin_dir, whole)
    assert (code, document["runs"][0]["defects"]) == (0, [])


@pytest.mark.parametrize("name", DAMAGES)
def test_the_defect_is_named(name, bin_dir, whole, tmp_path):
    change, object_, words = DAMAGES[name]
    path = tmp_path / "run.h5"
    shutil.copy(whole, path)
    change(path)
    code, document = validate(bin_dir, path)
    assert code == 1
    defects = document["runs"][0]["defects"]
    named = [defect["what"] for defect in defects if defect["object"].startswith(object_)]
    assert any(all(word in what for word in words) for what in named), defects
    shown = subprocess.run([str(bin_dir / "ranklog"), "show", str(path)], capture_output=True,
                           timeout=60, check=False)
    assert shown.returncode in (0, 1), shown.stderr


def test_several_runs_are_told_apart(bin_dir, whole, tmp_path):
    path = tmp_path / "run.h5"
    shutil.copy(whole, path)
    os.truncate(path, 100)
    code, document = validate(bin_dir, whole, path)
    assert code == 1
    assert [run["is_valid"] for run in document["runs"]] == [True, False]
