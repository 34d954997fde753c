"""A real MLflow server on loopback, and a stub that answers as a script says."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

from stub_server import FaultyServer, free_port


class MlflowServer:
    """`mlflow server` on a SQLite file; start() and kill() may alternate, the data stays."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, timeout=150):
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                       "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1",
                   "--backend-store-uri", f"sqlite:///{self.directory / 'mlflow.db'}",
                   "--artifacts-destination", str(self.directory / "artifacts"),
                   "--host", "127.0.0.1", "--port", str(self.port)]
        self.log = open(self.directory / "server.log", "ab")
        # A session of its own, so that kill() reaches the worker, too.
        self.process = subprocess.Popen(command, env=environment, cwd=self.directory,
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.uri + "/health", timeout=2):
                    return self
            except OSError:
                assert self.process.poll() is None, (self.directory / "server.log").read_text()
                time.sleep(0.1)
        raise AssertionError((self.directory / "server.log").read_text())

    def kill(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.log.close()
            self.process = None


class StubServer(FaultyServer):
    """`batches` holds the bodies of log-batch requests that got a good answer."""

    def __init__(self, *arguments, **named):
        self.batches, self.updates, self.run_tags = [], [], None
        super().__init__(*arguments, **named)

    def good(self, path, body, headers):
        path = path.split("?")[0].removeprefix("/api/2.0")
        run = {"info": {"run_id": "r1", "experiment_id": "1", "lifecycle_stage": "active",
                        "artifact_uri": "mlflow-artifacts:/1/r1/artifacts"}}
        if path.endswith("experiments/get-by-name"):
            return 404, b'{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"}'
        with self.lock:
            if path.endswith("runs/log-batch"):
                self.batches.append(json.loads(body))
            elif path.endswith("runs/update"):
                self.updates.append(json.loads(body))
            elif path.endswith("runs/search"):
                return 200, json.dumps({"runs": [run] if self.run_tags else []}).encode()
            elif path.endswith("runs/create"):
                assert self.run_tags is None, "a second run was made"
                self.run_tags = json.loads(body)["tags"]
        answers = {"experiments/create": {"experiment_id": "1"}, "runs/create": {"run": run},
                   "runs/get": {"run": run}}
        found = [answer for end, answer in answers.items() if path.endswith(end)]
        return 200, json.dumps(found[0] if found else {}).encode()

    def metrics(self, key):
        """(step, value) of all points that were confirmed, repeated ones once."""
        points = {(m["timestamp"], m["step"], m["value"]) for batch in self.batches
                  for m in batch.get("metrics", ()) if m["key"] == key}
        return sorted((step, value) for _, step, value in points)
