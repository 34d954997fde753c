"""The command-line tool on real runs, as a terminal and as a script see it."""

import json
import os
import shutil
import subprocess
import time

import h5py
import pytest

N_RANKS = 3
N_STEPS = 20
QUIET_S = 3 * 3600 + 60


@pytest.fixture(scope="session")
def recorded(bin_dir, tmp_path_factory):
    """A directory with one completed run, runs/digits/baseline, of three ranks."""
    directory = tmp_path_factory.mktemp("recorded")
    launcher = os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()
    subprocess.run([*launcher, str(N_RANKS), str(bin_dir / "interop_tool_runs"), "runs",
                    "baseline", str(N_STEPS), "0"],
                   cwd=directory, check=True, timeout=120, capture_output=True)
    return directory


@pytest.fixture
def workplace(recorded, tmp_path):
    """A copy of `recorded` that a test may change."""
    return shutil.copytree(recorded, tmp_path / "workplace")


@pytest.fixture
def tool(bin_dir):
    """tool(cwd, *args, width=80, locale="C.UTF-8"): the CompletedProcess, output as bytes."""

    def run(cwd, *args, width=80, locale="C.UTF-8"):
        environment = {**os.environ, "COLUMNS": str(width), "LC_ALL": locale}
        return subprocess.run([str(bin_dir / "ranklog"), *map(str, args)], cwd=cwd,
                              env=environment, capture_output=True, timeout=60, check=False)

    return run


def run_files(workplace):
    """The run files below `workplace`, as the tool names them."""
    return sorted((workplace / "runs").rglob("run.h5"))


def metrics_by_key(document):
    return {metric["key"]: metric for metric in document["metrics"]}


def set_age(run_file, age_s):
    """The tool tries again, for a while, what was changed a moment ago."""
    then = time.time() - age_s
    os.utime(run_file, (then, then))


def set_status(run_file, status, age_s):
    with h5py.File(run_file, "r+") as file:
        file.attrs["status"] = status
    set_age(run_file, age_s)


def assert_one_error_line(process):
    lines = process.stderr.decode().splitlines()
    assert len(lines) == 1, process.stderr
    assert lines[0].startswith("ranklog: ")


def test_the_tool_does_not_need_mpi(bin_dir):
    libraries = subprocess.run(["ldd", str(bin_dir / "ranklog")], capture_output=True, text=True,
                               check=True).stdout
    assert "libmpi" not in libraries


def test_ls_lists_a_run(recorded, tool):
    process = tool(recorded, "ls")
    assert process.returncode == 0
    assert process.stderr == b""
    title, line = process.stdout.decode().splitlines()
    assert title.split() == ["RUN", "STATUS", "RANKS", "STEP", "TIME", "CREATED", "METRICS"]
    assert line.split()[1:4] == ["completed", str(N_RANKS), str(N_STEPS - 1)]
    assert line.split()[-1] == "6"


def test_the_name_that_ls_shows_can_be_given_to_show(recorded, tool):
    name = tool(recorded, "ls").stdout.decode().splitlines()[1].split()[0]
    assert tool(recorded, "show", name).returncode == 0


def test_ls_as_json_says_the_same(recorded, tool):
    document = json.loads(tool(recorded, "ls", "runs", "--json").stdout)
    (run,) = document["runs"]
    assert document["schema"] == 1
    assert run["status"] == "completed"
    assert run["quiet_s"] is None
    assert run["n_ranks"] == N_RANKS
    assert run["last_step"] == N_STEPS - 1
    assert run["n_metrics"] == 6
    assert run["run_name"] == "baseline"


def test_ls_of_a_directory_without_runs_says_so(tmp_path, tool):
    process = tool(tmp_path, "ls")
    assert process.returncode == 0
    assert process.stdout == b"no runs below .\n"


def test_show_as_json_has_the_numbers_of_the_job(recorded, tool):
    run_file = run_files(recorded)[0]
    document = json.loads(tool(recorded, "show", run_file, "--json").stdout)
    assert document["status"] == "completed"
    assert document["config"]["learning_rate"] == 0.01
    assert document["config"]["optimizer"]["name"] == "adam"
    loss = metrics_by_key(document)["train/loss"]
    means = [1 / (step + 1) + (N_RANKS - 1) / 2 for step in range(N_STEPS)]
    assert loss["last"] == pytest.approx(means[-1], rel=1e-14)
    assert loss["mean"] == pytest.approx(sum(means) / N_STEPS, rel=1e-14)
    assert loss["min"] == pytest.approx(1 / N_STEPS, rel=1e-14)
    assert loss["max"] == pytest.approx(1 + N_RANKS - 1, rel=1e-14)
    assert loss["n_rows"] == N_STEPS
    assert loss["last_step"] == N_STEPS - 1


def test_the_worst_rank_is_named_with_its_host(recorded, tool):
    document = json.loads(tool(recorded, "show", run_files(recorded)[0], "--json").stdout)
    worst = metrics_by_key(document)["train/loss"]["worst_rank"]
    assert worst["rank"] == N_RANKS - 1
    assert worst["n_rows_held"] == N_STEPS
    assert worst["n_rows_compared"] == N_STEPS
    assert worst["host"] == document["hosts"][0] != ""


def test_a_metric_on_which_all_ranks_agree_has_no_worst_rank(recorded, tool):
    document = json.loads(tool(recorded, "show", run_files(recorded)[0], "--json").stdout)
    assert metrics_by_key(document)["time/step"]["worst_rank"] is None


def test_sums_are_exact_integers(recorded, tool):
    document = json.loads(tool(recorded, "show", run_files(recorded)[0], "--json").stdout)
    last = metrics_by_key(document)["samples"]["last"]
    assert isinstance(last, int)
    assert last == 32 * N_RANKS


def test_a_nan_is_counted_and_shown(recorded, tool):
    run_file = run_files(recorded)[0]
    metric = metrics_by_key(json.loads(tool(recorded, "show", run_file, "--json").stdout))
    assert metric["unstable"]["n_nan_rows"] == 1
    assert metric["unstable"]["first_nan_step"] == 3
    assert metric["unstable"]["first_nan_rank"] == 0
    text = tool(recorded, "show", run_file).stdout.decode()
    assert f"unstable: NaN in 1 of {N_STEPS} rows, first at step 3 on rank 0 (" in text


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("command", ["ls", "show"])
def test_no_line_is_wider_than_the_terminal(recorded, tool, command, width):
    arguments = [run_files(recorded)[0]] if command == "show" else []
    text = tool(recorded, command, *arguments, width=width).stdout.decode()
    assert max(len(line) for line in text.splitlines()) <= width


def test_a_wide_terminal_and_wide_show_the_whole_key(recorded, tool):
    key = "a/rather/long/key/of/the/encoder/layers/11/attention/output"
    run_file = run_files(recorded)[0]
    assert key not in tool(recorded, "show", run_file).stdout.decode()
    assert key in tool(recorded, "show", run_file, width=160).stdout.decode()
    assert key in tool(recorded, "show", run_file, "--wide").stdout.decode()


def test_escape_sequences_of_a_file_do_not_reach_the_terminal(workplace, tool):
    run_file = run_files(workplace)[0]
    with h5py.File(run_file, "r+") as file:
        file["metrics/train/loss"].attrs["unit"] = "\x1b]0;title\x07"
        file.attrs["project"] = "dig\x1b[31mits"
    for arguments in (["ls"], ["show", run_file], ["show", run_file, "--json"],
                      ["ls", "--json"]):
        output = tool(workplace, *arguments, width=200).stdout
        assert all(byte >= 0x20 or byte == 0x0A for byte in output)
    text = tool(workplace, "show", run_file, width=200).stdout.decode()
    assert "\\x1b[2J" in text  # the configuration
    assert "\\x1b]0;title\\x07" in text  # the unit
    assert "\\x1b[31mdone" in text  # the text metric


def test_ascii_output_is_ascii(recorded, tool):
    run_file = run_files(recorded)[0]
    assert not tool(recorded, "show", run_file).stdout.isascii()
    assert tool(recorded, "show", run_file, "--ascii").stdout.isascii()
    assert tool(recorded, "show", run_file, locale="C").stdout.isascii()


def test_metrics_can_be_picked_by_pattern(recorded, tool):
    run_file = run_files(recorded)[0]
    document = json.loads(
        tool(recorded, "show", run_file, "--json", "--metrics", "train/*",
             "--metrics", "sampl?s").stdout)
    assert sorted(metrics_by_key(document)) == ["samples", "train/loss"]


def test_a_pattern_that_matches_nothing_is_an_error_of_use(recorded, tool):
    process = tool(recorded, "show", run_files(recorded)[0], "--metrics", "no-such-*")
    assert process.returncode == 2
    assert_one_error_line(process)


def test_the_configuration_can_be_left_out(recorded, tool):
    run_file = run_files(recorded)[0]
    assert b"learning_rate" in tool(recorded, "show", run_file).stdout
    assert b"learning_rate" not in tool(recorded, "show", run_file, "--no-config").stdout
    assert "config" not in json.loads(
        tool(recorded, "show", run_file, "--no-config", "--json").stdout)


def test_many_metrics_are_cut_off_with_their_number(mpirun, tool, tmp_path):
    mpirun(1, "interop_tool_runs", "runs", "many", 2, 60)
    run_file = run_files(tmp_path)[0]
    short = tool(tmp_path, "show", run_file).stdout.decode()
    assert "26 more metrics" in short
    assert "extra/59" not in short
    whole = tool(tmp_path, "show", run_file, "--all").stdout.decode()
    assert "more metrics" not in whole
    assert "extra/59" in whole


def test_a_killed_run_is_doubted(workplace, tool):
    run_file = run_files(workplace)[0]
    set_status(run_file, "running", QUIET_S)
    assert "running? (quiet 3h)" in tool(workplace, "ls").stdout.decode()
    assert "running? (quiet 3h)" in tool(workplace, "show", run_file).stdout.decode()
    document = json.loads(tool(workplace, "show", run_file, "--json").stdout)
    assert document["status"] == "running"
    assert QUIET_S <= document["quiet_s"] < QUIET_S + 60


def test_a_running_run_is_not_doubted(workplace, tool):
    set_status(run_files(workplace)[0], "running", 0)
    line = tool(workplace, "ls").stdout.decode().splitlines()[1]
    assert "running" in line
    assert "quiet" not in line


def test_ls_lists_an_unreadable_run_with_its_error(workplace, tool):
    broken = workplace / "runs" / "broken" / "run.h5"
    broken.parent.mkdir()
    broken.write_bytes(b"not HDF5 \x1b[2J")
    set_age(broken, QUIET_S)
    process = tool(workplace, "ls")
    assert process.returncode == 1
    assert_one_error_line(process)
    lines = process.stdout.decode().splitlines()
    assert any(line.startswith("broken") and "unreadable: " in line for line in lines)
    assert any("completed" in line for line in lines)
    document = json.loads(tool(workplace, "ls", "--json").stdout)
    assert [("error" in run) for run in document["runs"]].count(True) == 1


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + bytes(2000)])
def test_show_of_a_damaged_file_fails_with_one_line(tmp_path, tool, content):
    (tmp_path / "run.h5").write_bytes(content)
    set_age(tmp_path / "run.h5", QUIET_S)
    process = tool(tmp_path, "show", ".")
    assert process.returncode == 1
    assert process.stdout == b""
    assert_one_error_line(process)


def test_a_truncated_run_never_crashes_the_tool(workplace, tool):
    run_file = run_files(workplace)[0]
    content = run_file.read_bytes()
    for n_bytes in range(0, len(content), max(1, len(content) // 40)):
        run_file.write_bytes(content[:n_bytes])
        set_age(run_file, QUIET_S)
        process = tool(workplace, "show", run_file)
        assert process.returncode in (0, 1)
        assert process.returncode == 0 or process.stderr.startswith(b"ranklog: ")


def tear(run_file):
    """Makes the file look as in the middle of a flush: one column is ahead of the others."""
    with h5py.File(run_file, "r+") as file:
        file["metrics/train/loss/value"].resize(N_STEPS + 1, axis=0)


def test_a_read_that_meets_a_flush_is_tried_again(workplace, bin_dir):
    run_file = run_files(workplace)[0]
    whole = run_file.with_name("whole.h5")
    shutil.copy(run_file, whole)
    tear(run_file)
    journal = run_file.with_name(run_file.name + ".journal")
    journal.touch()  # only a file with a journal is being written
    with subprocess.Popen([str(bin_dir / "ranklog"), "show", str(run_file)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(0.5)
        os.replace(whole, run_file)
        journal.unlink()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_a_metric_that_stays_unreadable_does_not_hide_the_others(workplace, tool):
    run_file = run_files(workplace)[0]
    tear(run_file)
    set_age(run_file, QUIET_S)
    process = tool(workplace, "show", run_file)
    assert process.returncode == 1
    assert_one_error_line(process)
    lines = process.stdout.decode().splitlines()
    assert any(line.startswith("train/loss") and "unreadable: " in line for line in lines)
    assert any(line.startswith("samples") and str(32 * N_RANKS) in line for line in lines)


def test_a_run_that_does_not_exist_fails_with_one_line(tmp_path, tool):
    process = tool(tmp_path, "show", "nowhere\x1b[2J")
    assert process.returncode == 1
    assert_one_error_line(process)
    assert b"\x1b" not in process.stderr


def test_show_of_a_directory_of_runs_points_to_ls(recorded, tool):
    process = tool(recorded, "show", "runs")
    assert process.returncode == 1
    assert b"ranklog ls runs" in process.stderr


@pytest.mark.parametrize("arguments", [[], ["show"], ["list"], ["ls", "--no-such-option"]])
def test_wrong_usage_is_told_in_one_line(tmp_path, tool, arguments):
    process = tool(tmp_path, *arguments)
    assert process.returncode == 2
    assert process.stdout == b""
    assert_one_error_line(process)


def test_a_reader_that_goes_away_is_no_error(recorded, bin_dir):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        process = subprocess.run([str(bin_dir / "ranklog"), "show", str(run_files(recorded)[0])],
                                 stdout=write_end, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(write_end)
    assert process.returncode == 0
    assert process.stderr == b""


def test_a_full_disk_is_an_error(recorded, bin_dir):
    with open("/dev/full", "wb") as full:
        process = subprocess.run([str(bin_dir / "ranklog"), "ls", str(recorded)], stdout=full,
                                 stderr=subprocess.PIPE, timeout=60, check=False)
    assert process.returncode == 1
    assert_one_error_line(process)


@pytest.mark.parametrize("command", ["", "ls", "show", "tail", "recover", "validate", "sync", "doctor"])
def test_help_fits_eighty_columns(tmp_path, tool, command):
    process = tool(tmp_path, *command.split(), "--help")
    assert process.returncode == 0
    assert max(len(line) for line in process.stdout.decode().splitlines()) <= 80


def test_the_version_is_told(tmp_path, tool):
    process = tool(tmp_path, "--version")
    assert process.returncode == 0
    assert process.stdout.startswith(b"ranklog ")


def test_a_finished_run_says_of_itself_what_its_rows_say(workplace, tool):
    """`show` reads the summary of a finished run; without one it reads the rows."""
    run_file = run_files(workplace)[0]
    said = tool(workplace, "show", run_file, "--json")
    shown = tool(workplace, "show", run_file)
    with h5py.File(run_file, "r+") as file:
        assert "compared_rows" in file["summary"]
        del file["summary"]
    counted = tool(workplace, "show", run_file, "--json")
    assert metrics_by_key(json.loads(said.stdout)) == metrics_by_key(json.loads(counted.stdout))
    assert shown.stdout == tool(workplace, "show", run_file).stdout
