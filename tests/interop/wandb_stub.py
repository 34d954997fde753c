"""A W&B server on loopback, as much of one as `wandb sync` needs, that keeps what it receives."""

import http.server
import json
import threading


class StubServer:
    """`with StubServer() as server:` then use server.environment and look at server.runs.

    A run is a dict: upserts (the variables of each UpsertBucket), history (a dict for each line),
    summary (the last one), events, output (lines), files (name: bytes), exit_code (None until the
    client says that the run is complete).
    """

    def __init__(self):
        self.runs = {}
        self.unknown = []  # requests that the stub has no answer to
        self._lock = threading.Lock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def environment(self):
        """What makes the W&B client talk to this server and to nothing else."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "0" * 40,
                "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "false"}

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._http.shutdown()
        self._http.server_close()

    def _run(self, name):
        return self.runs.setdefault(name, {
            "upserts": [], "history": [], "summary": None, "events": [], "output": [],
            "files": {}, "exit_code": None})

    def _graphql(self, request):
        operation, variables = request["operationName"], request.get("variables") or {}
        if operation == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        if operation == "UpsertBucket":
            run = self._run(variables["name"])
            run["upserts"].append(variables)
            project = {"id": "project", "name": variables["project"],
                       "entity": {"id": "entity", "name": variables["entity"] or "entity"}}
            return {"upsertBucket": {"inserted": True, "bucket": {
                "id": "bucket", "name": variables["name"], "config": "{}", "sweepName": None,
                "displayName": variables["displayName"], "description": "", "project": project,
                "historyLineCount": len(run["history"])}}}
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{variables['run']}/{name}"}
                     for name in variables["files"]]
            return {"createRunFiles": {"runID": "bucket", "uploadHeaders": [], "files": files}}
        return None

    def _file_stream(self, name, request):
        run = self._run(name)
        for file, key in (("wandb-history.jsonl", "history"), ("wandb-events.jsonl", "events")):
            if file in request.get("files", {}):
                part = request["files"][file]
                run[key][part["offset"]:] = map(json.loads, part["content"])
        if "wandb-summary.json" in request.get("files", {}):
            run["summary"] = json.loads(request["files"]["wandb-summary.json"]["content"][-1])
        if "output.log" in request.get("files", {}):
            run["output"] += request["files"]["output.log"]["content"]
        if request.get("complete"):
            run["exit_code"] = request["exitcode"]

    def _handler(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def answer(self, status, content):
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                body = self.body()
                parts = self.path.strip("/").split("/")
                with server._lock:
                    if self.path == "/graphql":
                        data = server._graphql(json.loads(body))
                        if data is not None:
                            return self.answer(200, {"data": data})
                    elif parts[0] == "files" and parts[-1] == "file_stream":
                        server._file_stream(parts[3], json.loads(body))
                        return self.answer(200, {})
                    elif parts[0] != "sdk":  # telemetry, which 404 switches off
                        server.unknown.append((self.path, body[:1000]))
                return self.answer(404, {})

            def do_PUT(self):
                _, _, run, name = self.path.split("/", 3)
                body = self.body()
                with server._lock:
                    server._run(run)["files"][name] = body
                self.answer(200, {})

        return Handler
