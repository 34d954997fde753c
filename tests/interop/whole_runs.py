"""All that a vendor's own software finds of a run of sync_job, in a form that can be compared with
==; and how what was written for later is handed to the vendor."""

import json
import math
import os
import re
import subprocess
import sys


def number(value):
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def read_tensorboard(run):
    """By TensorBoard's Python reader that honours restarts for every kind of value."""
    from tensorboard.backend.event_processing import plugin_event_accumulator as ea
    from tensorboard.plugins.hparams import plugin_data_pb2
    from tensorboard.util import tensor_util

    accumulator = ea.EventAccumulator(str(run), size_guidance={ea.TENSORS: 0})
    accumulator.Reload()
    found = {tag: [(e.step, e.wall_time, number(tensor_util.make_ndarray(e.tensor_proto).tolist()))
                   for e in accumulator.Tensors(tag)]
             for tag in accumulator.Tags()["tensors"] if not tag.startswith("_hparams_/")}
    found["hparams"] = {}
    for tag, metadata in accumulator.summary_metadata.items():
        if tag.startswith("_hparams_/"):
            data = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)
            data.session_start_info.ClearField("start_time_secs")  # taken twice by the job
            data.session_end_info.ClearField("end_time_secs")
            found["hparams"][tag] = data
    return found


def read_wandb(run):
    (log,) = run.glob("wandb/offline-run-*/*.wandb")
    done = subprocess.run([sys.executable, "-m", "wandb", "leet", "inspect", "--json", log.parent],
                          env={**os.environ, "HOME": str(run)}, capture_output=True, text=True,
                          timeout=200)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    rows = [record["history"]["item"] for record in records if record["type"] == "history"]
    for row in rows:
        # The job takes the time of its start twice, for the run file and for W&B.
        assert abs(row.pop("_runtime")) < 100
    run_record = next(r["run"] for r in records if r["type"] == "run")
    return {"rows": rows, "config": [r["config"] for r in records if r["type"] == "config"][-1],
            "exit": [r["exit"]["exit_code"] for r in records if r["type"] == "exit"],
            "run": {key: run_record.get(key) for key in ("run_id", "project", "display_name", "host")}}


def read_dvclive(run):
    return {str(path.relative_to(run)): path.read_bytes()
            for path in sorted((run / "dvclive").rglob("*")) if path.is_file()}


def read_jsonl(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kinds = {line["metric"]["key"]: line["metric"]["reduction"] for line in lines if "metric" in line}
    rows = [line for line in lines if "step" in line]
    for row in rows:
        for key, metric in row["metrics"].items():
            # The run file has the mean only of what is reduced to it.
            is_all_finite = not metric.get("nan_count") and not isinstance(metric.get("value"), str)
            if kinds[key] not in ("mean", "gather") or not is_all_finite:
                metric.pop("mean", None)
    others = [line for line in lines if "step" not in line]
    for line in others:
        line.pop("created", None), line.pop("finished", None)
    rows.sort(key=lambda row: row["time"])
    return {"rows": rows, "others": sorted(others, key=str)}


def read_mlflow(uri, experiment):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    points = {key: sorted((p.step, p.timestamp, number(p.value))
                          for p in client.get_metric_history(run.info.run_id, key))
              for key in run.data.metrics}
    tags = {key: value for key, value in run.data.tags.items()
            if not key.startswith("mlflow.source") and key not in ("mlflow.user",)}
    return {"points": points, "params": run.data.params, "tags": tags, "status": run.info.status,
            "name": run.info.run_name}


# ClearML: a stub's task, the folder of an offline session, and the way from this to that.

def clearml_session_of(run):
    (session,) = (path for path in run.glob("clearml/offline-*") if path.is_dir())
    return session


def import_clearml_session(server, path, home):
    """The id of the task that ClearML's importer makes of a session, a folder or a zip archive."""
    program = ("import sys; from clearml import Task;"
               "print('imported', Task.import_offline_session(sys.argv[1]))")
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=120,
        env={**os.environ, **server.environment, "HOME": str(home), "CLEARML_OFFLINE_MODE": "0",
             "CLEARML_CONFIG_FILE": str(home / "none"), "CLEARML_CACHE_DIR": str(home / "cache")})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    return re.search(r"imported (\S+)", done.stdout)[1]


def clearml_curves(events):
    """What a ClearML server keeps: of one place and iteration the newest point."""
    curves = {}
    for event in events:
        if event["type"] == "training_stats_scalar":
            curve = curves.setdefault((event["metric"], event["variant"]), {})
            curve[event["iter"]] = (event["timestamp"], event["value"])
    return curves


def clearml_lines(events):
    return sorted((event["timestamp"], event["msg"]) for event in events if event["type"] == "log")


def clearml_parameters(task):
    return {section: {name: item["value"] for name, item in items.items()
                      if not name.startswith("outcome")}
            for section, items in task["hyperparams"].items()}


def read_clearml_task(server, task_id):
    task, events = server.tasks[task_id], server.events[task_id]
    return {"curves": clearml_curves(events), "lines": clearml_lines(events),
            "parameters": clearml_parameters(task), "name": task["name"], "type": task["type"],
            "configuration": json.loads(task["configuration"]["General"]["value"]),
            "projects": list(server.projects)}


def read_clearml(run):
    """The files of an offline session. Every event counts: the importer sends them all."""
    session = clearml_session_of(run)

    def events(name):
        return sorted((event for line in (session / name).read_text().splitlines()
                       for event in json.loads(line)), key=str)

    task = json.loads((session / "task.json").read_text())
    task.pop("offline_folder")
    return {"metrics": events("metrics.jsonl"), "log": events("log.jsonl"), "task": task,
            "is_packed": (session.parent / f"{session.name}.zip").exists()}


# Comet: the same.

def comet_archive_of(run):
    (archive,) = (path for path in run.glob("comet_ml/*") if path.is_dir())
    return archive


def upload_comet_archive(server, archive, home):
    """The key of the experiment that Comet's own uploader makes of an archive."""
    done = subprocess.run(
        [sys.executable, "-c", "import comet_ml.scripts.comet as it; it.main()", "upload", str(archive)],
        capture_output=True, text=True, timeout=120, cwd=home,
        env={**os.environ, **server.environment, "HOME": str(home)})
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Number of uploaded experiments: 1" in output and "ERROR" not in output, output
    return list(server.experiments)[-1]


def read_comet_experiment(server):
    """The experiment of a stub that has points; an interruption may leave empty ones beside it."""
    (found,) = (one for one in server.experiments.values() if one["points"])
    own = ("created", "Name", "offline_experiment")  # of the way that it came
    return {"points": sorted(found["points"], key=str), "parameters": found["parameters"],
            "others": {key: value for key, value in found["others"].items() if key not in own},
            "lines": sorted("".join(found["output"]).splitlines()),
            "project": found["others"]["created"]["projectName"]}


def read_comet(run):
    """The files of an offline archive."""
    archive = comet_archive_of(run)
    messages = [json.loads(line) for line in (archive / "messages.json").read_text().splitlines()]

    def of_type(kind):
        return [message["payload"] for message in messages if message["type"] == kind]

    experiment = json.loads((archive / "experiment.json").read_text())
    experiment.pop("start_time"), experiment.pop("stop_time")
    return {"points": sorted(str((p["metric"], p["local_timestamp"])) for p in of_type("metric_msg")),
            "parameters": {p["param"]["paramName"]: p["param"]["paramValue"]
                           for p in of_type("parameter_msg")},
            "others": {p["key"]: p["value"] for p in of_type("log_other")},
            "lines": [(p["local_timestamp"], p["output"]) for p in of_type("standard_output")],
            "experiment": experiment, "is_packed": (archive.parent / f"{archive.name}.zip").exists()}


# Aim: a repository in a folder. Its SDK finds a run when a server of pages has indexed it; what the
# tracking server stored can be read without.

def aim_points(metrics, context_hash, name):
    """(step, value, time), sorted, of a metric as stored, whole numbers exactly."""
    tree = metrics.subtree((context_hash, name))
    steps, values, times, epochs = (dict(tree.subtree(column).items())
                                    for column in ("step", "val", "time", "epoch"))
    assert steps.keys() == values.keys() == times.keys() == epochs.keys()
    return sorted((steps[key], values[key], times[key]) for key in steps)


def aim_objects(objects, context_hash, name):
    """(step, text or pixels, time), sorted."""
    tree = objects.subtree((context_hash, name))
    values, times = (dict(tree.subtree(column).items()) for column in ("val", "time"))
    assert values.keys() == times.keys()

    def plain(value):
        return value.to_pil_image().tobytes() if hasattr(value, "to_pil_image") else value.data

    return sorted((step, plain(values[step]), times[step]) for step in values)


def read_aim(directory, run_id):
    import aim

    [name] = [path.name for path in (directory / ".aim/meta/chunks").iterdir()
              if path.name.startswith(run_id)]
    repository = aim.Repo(str(directory))
    run = repository.request_tree("meta", name, read_only=True).subtree(("meta", "chunks", name))
    sequences = repository.request_tree("seqs", name, read_only=True).subtree("seqs")
    metrics, objects = sequences.subtree(("v2", "chunks", name)), sequences.subtree(("chunks", name))
    contexts, found = run.collect("contexts"), {}
    for index, traces in run.collect("traces").items():
        for key, trace in traces.items():
            is_metric = trace["dtype"] in ("int", "float", "number", "float64")
            points = (aim_points(metrics, index, key) if is_metric
                      else aim_objects(objects, index, key))
            assert (trace["first_step"], trace["last_step"]) == (points[0][0], points[-1][0])
            found[key, str(contexts[index])] = [(s, number(value), t) for s, value, t in points]
    params = run.collect("attrs")
    params["ranklog"].pop("run_id")
    properties = repository.request_props(name, read_only=True)
    return {"points": found, "params": params, "name": properties.name,
            "experiment": properties.experiment, "is_over": run.collect("end_time") is not None}
