"""What each vendor's own software reads from a run of the project "project" named "run".

A series is a list of (step, value) in the order in which the vendor has it.
"""

import json
import os
import subprocess
import sys
import time

from tensorboard import context as tb_context
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.data import provider, server_ingester
from tensorboard.util import grpc_util, tensor_util


def run_tool(*command, cwd, environment=None):
    """The output of a vendor's command-line tool."""
    done = subprocess.run([sys.executable, "-m", *map(str, command)], cwd=cwd,
                          env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class EventAccumulator:
    """TensorBoard's Python reader, the one that honours restarts."""

    def __init__(self, run_dir):
        keep_all = {plugin_event_accumulator.TENSORS: 0}
        self.events = plugin_event_accumulator.EventAccumulator(str(run_dir), size_guidance=keep_all)
        self.events.Reload()

    def series(self, tag):
        if tag not in self.events.Tags()["tensors"]:
            return []
        return [(e.step, tensor_util.make_ndarray(e.tensor_proto).item())
                for e in self.events.Tensors(tag)]


class DataServer:
    """The reader behind the `tensorboard` command."""

    def __init__(self, logdir, run):
        self.run = run
        self.ingester = server_ingester.SubprocessServerDataIngester(
            server_ingester.get_server_binary(), str(logdir), reload_interval=1,
            channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
            samples_per_plugin={"scalars": 0, "images": 0})
        self.ingester.start()

    def _points(self, kind, plugin, tag):
        found = getattr(self.ingester.data_provider, f"read_{kind}")(
            tb_context.RequestContext(), experiment_id="", plugin_name=plugin, downsample=10**6,
            run_tag_filter=provider.RunTagFilter(runs=[self.run], tags=[tag]))
        return found.get(self.run, {}).get(tag, [])

    def scalars(self, tag):
        return [(d.step, d.value) for d in self._points("scalars", "scalars", tag)]

    def texts(self, tag):
        return [(d.step, d.numpy.item().decode()) for d in self._points("tensors", "text", tag)]

    def images(self, tag):
        """(step, [width, height, file...])"""
        read = self.ingester.data_provider.read_blob
        return [(d.step, [read(tb_context.RequestContext(), blob_key=v.blob_key) for v in d.values])
                for d in self._points("blob_sequences", "images", tag)]

    def wait_until(self, is_complete):
        deadline = time.monotonic() + 60
        while not is_complete(self):
            assert time.monotonic() < deadline, "the data server did not read all"
            time.sleep(0.1)

    def close(self):
        self.ingester._stdin_handle.close()  # ends the server, as the end of tensorboard does


def wandb_environment(home):
    """No setting of the machine's user, and no way to W&B's own servers."""
    environment = {name: "" for name in os.environ if name.startswith("WANDB_")}
    return {**environment, "HOME": str(home)}


class WandbLog:
    """The rows of an offline run, as W&B's record reader gives them."""

    def __init__(self, run, home):
        (log,) = run.glob("*.wandb")
        lines = run_tool("wandb", "leet", "inspect", "--json", log, cwd=home,
                         environment=wandb_environment(home)).splitlines()
        self.records = [json.loads(line) for line in lines if line.startswith("{")]

    def of_type(self, kind):
        return [record[kind] for record in self.records if record["type"] == kind]

    def series(self, key):
        rows = [row["item"] for row in self.of_type("history")]
        return [(row["_step"], row[key]) for row in rows if key in row]


class MlflowRun:
    """The one run of an experiment, read with MlflowClient; `run` is None if there is none."""

    def __init__(self, uri, experiment):
        from mlflow import MlflowClient

        self.client = MlflowClient(uri)
        found = self.client.get_experiment_by_name(experiment)
        runs = self.client.search_runs([found.experiment_id]) if found else []
        assert len(runs) < 2
        self.run = runs[0] if runs else None

    def series(self, key):
        if self.run is None:
            return []
        points = self.client.get_metric_history(self.run.info.run_id, key)
        return sorted(((p.step, p.value) for p in points), key=lambda p: p[0])

    def artifact(self, path, directory):
        with open(self.client.download_artifacts(self.run.info.run_id, path, str(directory)),
                  "rb") as file:
            return file.read()


class DvcliveTables:
    """The tables of a dvclive folder, as DVCLive's loader gives them."""

    def __init__(self, directory):
        self.plots = directory / "plots" / "metrics"

    def series(self, key, kind=str):
        from dvclive.utils import parse_tsv

        path = self.plots / f"{key}.tsv"
        if not path.exists():
            return []
        column = key.rsplit("/", 1)[-1]
        return [(int(row["step"]), kind(row[column])) for row in parse_tsv(path)]


def dvc(repository, *arguments):
    """A dvc command's output; its analytics and update check would use the network."""
    return run_tool("dvc", *arguments, cwd=repository,
                    environment={"DVC_NO_ANALYTICS": "1", "CI": "1"})
