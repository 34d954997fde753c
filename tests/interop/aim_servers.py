"""Aim's own servers on loopback: the tracking server that jobs write to, and the page's read API."""

import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time
import urllib.request

from mlflow_servers import free_port

BIN = pathlib.Path(sys.executable).parent
AIM = str(BIN / "aim")


class AimProcess:
    """`aim <command>` on a repository; start() and kill() may alternate, the data stays."""

    def __init__(self, command, directory, ready, certificate=None):
        self.command, self.directory, self.ready = command, pathlib.Path(directory), ready
        self.port, self.process, self.certificate = free_port(), None, certificate
        self.uri = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def start(self, timeout=120):
        arguments = [AIM, self.command, "--host", "127.0.0.1",
                     "--port", str(self.port), "--repo", str(self.directory), "-y"]
        if self.certificate:
            arguments += ["--ssl-certfile", self.certificate, "--ssl-keyfile", self.certificate]
        environment = {**os.environ, "AIM_UI_TELEMETRY_ENABLED": "0", "PYTHONWARNINGS": "ignore",
                       # `aim` starts uvicorn from the path.
                       "PATH": f"{BIN}:{os.environ['PATH']}"}
        self.log_path = self.directory / f"{self.command}.log"
        self.log = open(self.log_path, "ab")
        # A session of its own, so that kill() reaches the workers, too.
        self.process = subprocess.Popen(arguments, env=environment, cwd=self.directory,
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                self.get(self.ready)
                return self
            except OSError:
                assert self.process.poll() is None, self.log_path.read_text()
                time.sleep(0.1)
        raise AssertionError(self.log_path.read_text())

    def get(self, path, body=None):
        context = None
        if self.certificate:
            context = ssl.create_default_context(cafile=self.certificate)
        request = urllib.request.Request(self.uri + path, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return json.load(answer)

    def kill(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.log.close()
            self.process = None


class AimServers:
    """A repository with both servers; `certificate`: a PEM file with its key, for TLS."""

    def __init__(self, directory, certificate=None):
        self.directory = pathlib.Path(directory)
        subprocess.run([AIM, "init", "--repo", str(directory), "-y"],
                       check=True, capture_output=True, timeout=120)
        self.server = AimProcess("server", directory, "/status/", certificate)
        self.page = AimProcess("up", directory, "/api/projects/")

    @property
    def repo(self):
        return self.server.uri if self.server.certificate else self.server.uri.replace("http", "aim")

    def finished_run(self, run_id, after=0, timeout=60):
        """The SDK's view and the API's view of a run, once the page's indexer has found its end,
        one after that time."""
        import aim

        [found] = [path.name for path in (self.directory / ".aim/meta/chunks").iterdir()
                   if path.name.startswith(run_id)]
        deadline = time.monotonic() + timeout
        info = None
        while info is None or (info["props"]["end_time"] or 0) <= after:
            assert time.monotonic() < deadline, f"the page does not know the end of the run: {info}"
            time.sleep(0.2)
            try:
                info = self.page.get(f"/api/runs/{found}/info/")
            except OSError:
                continue
        return aim.Run(found, repo=aim.Repo.from_path(str(self.directory)), read_only=True), info

    def kill(self):
        self.server.kill()
        self.page.kill()
