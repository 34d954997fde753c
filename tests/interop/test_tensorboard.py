"""TensorBoard's own readers find in our event files what was logged.

Both of them: EventAccumulator (Python, what scripts use) and the data server (what `tensorboard`
uses). The HParams table comes from TensorBoard's plugin on top of the data server.
"""

import math
import time

import numpy as np
import pytest

pytest.importorskip("tensorboard")

from tensorboard import context as tb_context
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (api_pb2, backend_context, get_experiment,
                                         list_session_groups, plugin_data_pb2)

N_STEPS = 1000
UNICODE_KEY = "метрика/量 ñ"
PROGRAM = "interop_write_tensorboard"


@pytest.fixture
def logdir(tmp_path):
    return tmp_path / "runs"


def accumulate(run_dir):
    """All events of a run, without the sampling that the reader does by default."""
    keep_all = {event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
    accumulator = event_accumulator.EventAccumulator(str(run_dir), size_guidance=keep_all)
    accumulator.Reload()
    return accumulator


def expected_loss(step, n_ranks):
    return np.float32(1 / (1 + step) + (n_ranks - 1) / 2)


def context():
    return tb_context.RequestContext()


def scalars(data, run, tag):
    read = data.read_scalars(context(), experiment_id="", plugin_name="scalars",
                             downsample=10**6,
                             run_tag_filter=provider.RunTagFilter(runs=[run], tags=[tag]))
    return read.get(run, {}).get(tag, [])


def texts(data, run, tag):
    read = data.read_tensors(context(), experiment_id="", plugin_name="text", downsample=1000,
                             run_tag_filter=provider.RunTagFilter(runs=[run], tags=[tag]))
    return [(d.step, d.numpy.item().decode()) for d in read.get(run, {}).get(tag, [])]


@pytest.mark.parametrize("n_ranks", [1, 3])
def test_event_accumulator_reads_every_scalar(mpirun, logdir, n_ranks):
    begin = time.time()
    mpirun(n_ranks, PROGRAM, logdir, "a", N_STEPS)
    found = accumulate(logdir / "project" / "a")

    loss = found.Scalars("train/loss")
    assert [e.step for e in loss] == list(range(N_STEPS))
    assert [np.float32(e.value) for e in loss] == [expected_loss(s, n_ranks)
                                                   for s in range(N_STEPS)]
    assert all(begin - 1 <= e.wall_time <= time.time() + 1 for e in loss)
    assert [e.value for e in found.Scalars("samples")] == [3 * n_ranks] * N_STEPS
    assert [e.value for e in found.Scalars(UNICODE_KEY)] == list(range(N_STEPS))
    special = [e.value for e in found.Scalars("special")]
    assert math.isnan(special[0]) and special[1:] == [math.inf, -math.inf]

    assert found.Scalars("train/loss_max")[0].value == n_ranks
    assert found.Scalars("train/loss_min")[0].value == 1
    ranks = np.arange(n_ranks)
    assert found.Scalars("train/loss_std")[0].value == pytest.approx(ranks.std())


def test_gathered_values_have_a_tag_for_each_rank_below_the_limit(mpirun, logdir):
    mpirun(3, PROGRAM, logdir, "a", 4)
    found = accumulate(logdir / "project" / "a")
    assert [e.value for e in found.Scalars("by_rank_rank1")] == [100.5] * 4
    assert "by_rank_rank0" in found.Tags()["scalars"]
    assert "by_rank_rank2" not in found.Tags()["scalars"]  # max_ranks is 2


def test_event_accumulator_reads_text_and_what_was_written_directly(mpirun, logdir):
    mpirun(1, PROGRAM, logdir, "a", 4)
    found = accumulate(logdir / "project" / "a")
    assert found.SummaryMetadata("note").plugin_data.plugin_name == "text"
    assert [(e.step, e.tensor_proto.string_val[0].decode()) for e in found.Tensors("note")] == [
        (3, "## Größe\nline two"), (4, "later")]
    assert found.Scalars("direct")[0].value == 2.5
    assert found.Tensors("direct_text")[0].tensor_proto.string_val[0] == b"by hand"


def test_hparams_messages_parse_with_tensorboards_protobufs(mpirun, logdir):
    mpirun(1, PROGRAM, logdir, "a", 4)
    found = accumulate(logdir / "project" / "a")

    def content(tag):
        metadata = found.SummaryMetadata(tag)
        assert metadata.plugin_data.plugin_name == "hparams"
        return plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)

    hparams = content("_hparams_/session_start_info").session_start_info.hparams
    assert hparams["learning_rate"].number_value == 1e-5
    assert hparams["batch_size"].number_value == 32
    assert hparams["seed"].string_value == "9007199254740993"
    assert hparams["nesterov"].bool_value is True
    assert hparams["optimizer/name"].string_value == "adäm"
    assert hparams["optimizer/betas"].string_value == "[0.9, 0.999]"
    assert hparams["scheduler"].string_value == "null"
    assert hparams["clip"].string_value == "Infinity"
    end = content("_hparams_/session_end_info").session_end_info
    assert end.status == api_pb2.STATUS_SUCCESS
    assert abs(end.end_time_secs - time.time()) < 60


def test_hparams_yml_holds_the_configuration(mpirun, logdir):
    yaml = pytest.importorskip("yaml")
    mpirun(1, PROGRAM, logdir, "a", 1)
    assert yaml.safe_load((logdir / "project" / "a" / "hparams.yml").read_text("utf-8")) == {
        "learning_rate": 1e-5, "batch_size": 32, "seed": 9007199254740993, "nesterov": True,
        "optimizer": {"name": "adäm", "betas": [0.9, 0.999]}, "scheduler": None,
        "clip": math.inf, "note": 'yes: "quoted"\n# not a comment', "only_a": 1}


def test_data_server_reads_the_same(mpirun, logdir, data_server):
    mpirun(2, PROGRAM, logdir, "a", N_STEPS)
    run = "project/a"
    data = data_server(logdir, lambda d: len(scalars(d, run, "train/loss")) == N_STEPS)
    loss = scalars(data, run, "train/loss")
    assert [d.step for d in loss] == list(range(N_STEPS))
    assert [np.float32(d.value) for d in loss] == [expected_loss(s, 2) for s in range(N_STEPS)]
    assert [d.value for d in scalars(data, run, UNICODE_KEY)] == list(range(N_STEPS))
    special = [d.value for d in scalars(data, run, "special")]
    assert math.isnan(special[0]) and special[1:] == [math.inf, -math.inf]
    assert [d.value for d in scalars(data, run, "by_rank_rank1")] == [100.5] * N_STEPS
    assert texts(data, run, "note") == [(3, "## Größe\nline two"), (4, "later")]


def test_hparams_table_joins_the_parameters_and_metrics_of_all_runs(mpirun, logdir, data_server):
    for run in "ab":
        mpirun(1, PROGRAM, logdir, run, 4)
    data = data_server(
        logdir, lambda d: all(scalars(d, f"project/{run}", "direct") for run in "ab"))
    backend = backend_context.Context(base_plugin.TBContext(data_provider=data))

    experiment = get_experiment.Handler(context(), backend, "",
                                        api_pb2.GetExperimentRequest()).run()
    assert {"only_a", "only_b", "learning_rate", "optimizer/betas"} <= {
        info.name for info in experiment.hparam_infos}
    assert {"train/loss", "samples"} <= {info.name.tag for info in experiment.metric_infos}

    request = api_pb2.ListSessionGroupsRequest(
        slice_size=10, allowed_statuses=[api_pb2.STATUS_SUCCESS],
        col_params=[api_pb2.ColParams(hparam="learning_rate")])
    groups = list_session_groups.Handler(context(), backend, "", request).run().session_groups
    assert sorted(group.sessions[0].name for group in groups) == ["project/a", "project/b"]
    for group in groups:
        assert group.hparams["learning_rate"].number_value == 1e-5
        assert group.sessions[0].status == api_pb2.STATUS_SUCCESS


def test_a_killed_run_is_readable_up_to_its_last_flush(mpirun, logdir, data_server):
    result = mpirun(1, PROGRAM, logdir, "a", N_STEPS, "killed", check=False)
    assert result.returncode != 0
    steps = [e.step for e in accumulate(logdir / "project" / "a").Scalars("train/loss")]
    assert steps[:N_STEPS] == list(range(N_STEPS))
    data = data_server(logdir,
                       lambda d: len(scalars(d, "project/a", "train/loss")) >= N_STEPS)
    assert [d.step for d in scalars(data, "project/a", "train/loss")] == steps
