"""TensorBoard's readers find images, histograms, layouts and runs of ranks, and one series after a
restart: EventAccumulator, and the data server that the `tensorboard` command uses.
"""

import os
import random
import signal
import subprocess
import time

import numpy as np
import pytest

pytest.importorskip("tensorboard")

from tensorboard import context as tb_context
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from tensorboard.plugins.custom_scalar import custom_scalars_plugin
from tensorboard.util import tensor_util

N_STEPS = 2010
N_RANKS = 4
N_KILLS = int(os.environ.get("RANKLOG_N_KILLS", "2"))
PROGRAM = "interop_write_media"
MEDIA_STEPS = [3, 1003, 2003]


def accumulate(run_dir):
    """All events of a run, without the sampling that the reader does by default.

    This is the reader behind `tensorboard --load_fast=false`; it honours restarts.
    """
    accumulator = plugin_event_accumulator.EventAccumulator(
        str(run_dir), size_guidance={plugin_event_accumulator.TENSORS: 0})
    accumulator.Reload()
    return accumulator


def series(accumulator, tag):
    """(step, value) pairs of a scalar."""
    return [(e.step, tensor_util.make_ndarray(e.tensor_proto).item())
            for e in accumulator.Tensors(tag)]


def read(data, kind, plugin, run, tag):
    """The points of one tag; kind is scalars, tensors or blob_sequences."""
    found = getattr(data, f"read_{kind}")(
        tb_context.RequestContext(), experiment_id="", plugin_name=plugin, downsample=10**6,
        run_tag_filter=provider.RunTagFilter(runs=[run], tags=[tag]))
    return found.get(run, {}).get(tag, [])


def scalar_steps(data, run, tag):
    return [d.step for d in read(data, "scalars", "scalars", run, tag)]


def expected_histogram():
    return [[0, 1, 1], [1, 2, 2], [2, 3, 1], [3, 4, 1]]


def test_event_accumulator_reads_images_histograms_and_runs_of_ranks(mpirun, tmp_path):
    mpirun(N_RANKS, PROGRAM, tmp_path, "a", "tensorboard", N_STEPS)
    run = tmp_path / "project" / "a"
    found = accumulate(run)

    images = found.Tensors("samples")
    assert [e.step for e in images] == MEDIA_STEPS
    width, height, file = images[0].tensor_proto.string_val
    assert (width, height) == (b"4", b"2") and file.startswith(b"\x89PNG")
    histogram = found.Tensors("weights")
    assert [e.step for e in histogram] == MEDIA_STEPS
    assert tensor_util.make_ndarray(histogram[0].tensor_proto).tolist() == expected_histogram()

    for rank in range(N_RANKS):
        by_rank = series(accumulate(run / f"rank{rank}"), "by_rank")
        assert by_rank == [(step, 100 * rank + 0.5) for step in range(N_STEPS)]
    assert "by_rank_rank0" not in found.Tags()["tensors"]


def test_data_server_and_dashboards_show_the_same(mpirun, tmp_path, data_server):
    mpirun(2, PROGRAM, tmp_path, "a", "tensorboard", N_STEPS)
    run = "project/a"
    data = data_server(tmp_path, lambda d: len(scalar_steps(d, run, "train/loss")) == N_STEPS)
    images = read(data, "blob_sequences", "images", run, "samples")
    assert [point.step for point in images] == MEDIA_STEPS
    blobs = [data.read_blob(tb_context.RequestContext(), blob_key=value.blob_key)
             for value in images[0].values]
    assert blobs[:2] == [b"4", b"2"] and blobs[2].startswith(b"\x89PNG")
    histogram = read(data, "tensors", "histograms", run, "weights")
    assert [d.step for d in histogram] == MEDIA_STEPS
    assert histogram[0].numpy.tolist() == expected_histogram()
    assert scalar_steps(data, f"{run}/rank1", "by_rank") == list(range(N_STEPS))

    plugin = custom_scalars_plugin.CustomScalarsPlugin(base_plugin.TBContext(data_provider=data))
    layout = plugin.layout_impl(tb_context.RequestContext(), "")
    assert '"title": "train/loss"' in layout
    assert '"lower": "train/loss_min"' in layout and '"upper": "train/loss_max"' in layout


def kill_at_a_random_instant(bin_dir, directory, seed):
    process = subprocess.Popen(
        [str(bin_dir / PROGRAM), str(directory), "a", "tensorboard", "100000000"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run = directory / "project" / "a"
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size > 10**5 for file in run.glob("events.*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 0.05))  # a job at full speed writes a lot meanwhile
    process.send_signal(signal.SIGKILL)
    process.wait()
    return run


@pytest.mark.parametrize("seed", range(N_KILLS))
def test_a_resumed_run_is_one_series_without_duplicates(bin_dir, mpirun, tmp_path, data_server,
                                                        seed):
    run = kill_at_a_random_instant(bin_dir, tmp_path, seed)
    before = [step for step, _ in series(accumulate(run), "train/loss")]
    assert before == list(range(len(before))) and len(before) > 10

    resume_from = len(before) // 2
    end = resume_from + 20
    mpirun(2, PROGRAM, tmp_path, "a", "tensorboard", end, resume_from)
    values = [np.float32(1 / (1 + s) + (0 if s < resume_from else 0.5)) for s in range(end)]
    assert series(accumulate(run), "train/loss") == list(zip(range(end), values))

    def points(data):
        return [(d.step, np.float32(d.value))
                for d in read(data, "scalars", "scalars", "project/a", "train/loss")]

    data_server(tmp_path, lambda d: points(d) == list(zip(range(end), values)))
