"""A real MLflow server on loopback, and a stub that answers as a script says."""

import http.server
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


class StubServer:
    """Answers as the real one would, until `fault(request number, path)` says otherwise.

    `fault` returns None for a good answer, or a tuple (status, body, headers), or "close", "half",
    "hang". `batches` holds the bodies of log-batch requests that got a good answer.
    """

    def __init__(self, fault=lambda n, path: None, certificate=None):
        self.batches, self.paths, self.headers, self.updates = [], [], [], []
        self.run_tags, self.lock, self.closing = None, threading.Lock(), threading.Event()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def answer(self, status, body, headers=None):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.split("?")[0].removeprefix("/api/2.0")
                with stub.lock:
                    stub.paths.append(path)
                    stub.headers.append(dict(self.headers))
                    wish = fault(len(stub.paths), path)
                if wish == "close":
                    self.close_connection = True
                elif wish == "half":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"run\":")
                    self.close_connection = True
                elif wish == "hang":
                    stub.closing.wait(60)
                    self.close_connection = True
                elif wish:
                    self.answer(*wish)
                else:
                    self.answer(*stub.good(path, body))

            do_GET = do_POST = do_PUT = handle_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that leave are part of the tests

        self.server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.uri = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def good(self, path, body):
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

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
