"""A Comet server on loopback: the REST interface, version 2, which our client uses, checked against
the documented fields; and as much of what Comet's own uploader of archives uses as it needs."""

import email
import gzip
import json
import urllib.parse

from stub_server import FaultyServer

KEY = "c0met-s3cr3t-key"

# The fields of requests: comet.com/docs/v2/api-and-sdk/rest-api/write-endpoints; "!" is required.
FIELDS = {
    "create": "workspaceName! projectName! experimentName",
    "metric": "experimentKey! metricName! metricValue! context step epoch timestamp",
    "parameter": "experimentKey! parameterName! parameterValue! step timestamp context",
    "log-other": "experimentKey! key! value! timestamp",
    "tags": "experimentKey! addedTags!",
    "output": "experimentKey! runContext outputLines!",
    "set-start-end-time": "experimentKey! startTimeMillis endTimeMillis",
    "update-status": "experimentKey! isAlive error hasCrashed",
}


class CometStub(FaultyServer):
    """`experiments` by key: points [(name, step, value)], parameters, others, output, assets and
    images {name: (bytes, step)}, tags, times."""

    def __init__(self, *arguments, **named):
        self.experiments, self.n_created = {}, 0
        super().__init__(*arguments, **named)

    @property
    def environment(self):
        return {"COMET_URL_OVERRIDE": f"{self.uri}/clientlib/", "COMET_API_KEY": KEY}

    def experiment(self, key):
        return self.experiments.setdefault(key, {
            "points": [], "parameters": {}, "others": {}, "output": [], "assets": {}, "images": {},
            "tags": [], "times": {}})

    def good(self, path, body, headers):
        with self.lock:
            try:
                return self.answer(path, body, headers)
            except Exception as error:  # shown by the test
                self.problems.append((path, repr(error)))
                return 400, json.dumps({"msg": repr(error), "sdk_error_code": 0}).encode()

    def answer(self, path, body, headers):
        if headers.get("Authorization") != KEY:
            return 400, json.dumps({"msg": f"no such key: {headers.get('Authorization')}",
                                    "sdk_error_code": 90212}).encode()
        path, _, query = path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        data = {}
        if path.endswith(("upload-asset", "asset/upload", "visualizations/upload")):
            self.take_file(query, body, headers)
        elif "/rest/v2/write/experiment/" in path and body:
            data = self.take(path.split("/")[-1], json.loads(body))
        elif path == "/api/rest/v2/account-details":
            data = {"userName": "u", "defaultWorkspaceName": "home"}
        elif path.endswith("set-status"):
            data = {"isAliveBeatDurationMillis": 10000}
        elif path == "/api/rest/v2/experiment/metadata":
            if query["experimentKey"] not in self.experiments:
                return 400, b'{"msg": "no such run", "sdk_error_code": 90211}'
        elif path.startswith("/clientlib/"):
            data = self.uploader(path.removeprefix("/clientlib/"), json.loads(body or b"{}"))
        return 200, json.dumps(data).encode()

    def take(self, call, request):
        names = FIELDS[call].split()
        assert set(request) <= {name.rstrip("!") for name in names}, request
        assert all(name[:-1] in request for name in names if name.endswith("!")), request
        if call == "create":
            self.n_created += 1
            key = f"{self.n_created:032x}"
            self.experiment(key)["others"]["created"] = request
            return {"experimentKey": key, "link": "", "name": request["experimentName"]}
        experiment = self.experiment(request["experimentKey"])
        if call == "metric":
            experiment["points"].append((request["metricName"], request.get("step"), request["metricValue"]))
        elif call == "parameter":
            experiment["parameters"][request["parameterName"]] = request["parameterValue"]
        elif call == "log-other":
            experiment["others"][request["key"]] = request["value"]
        elif call == "tags":
            experiment["tags"] += request["addedTags"]
        elif call == "output":
            for line in request["outputLines"]:
                assert set(line) == {"output", "stderr", "localTimestamp", "offset"}
                experiment["output"].append(line["output"])
        elif call == "set-start-end-time":
            experiment["times"] = request
        return {"msg": "Saved"}

    def take_file(self, query, body, headers):
        form = email.message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        experiment = self.experiment(query.get("experimentKey") or query["experimentId"])
        is_image = query.get("type") == "image" or "figName" in query
        name = query.get("figName") or query["fileName"]
        kept = experiment["images" if is_image else "assets"]
        kept[name] = (form.get_payload()[0].get_payload(decode=True), query.get("step"))

    def uploader(self, call, request):
        """What comet_ml 3.58 asks when it uploads an archive."""
        values = request.get("values", ())
        if call == "batch/logger/experiment/metric":
            self.experiment(request["experimentKey"])["points"] += [
                (v["metricName"], v["step"], v["metricValue"]) for v in values]
        elif call == "batch/logger/experiment/parameter":
            self.experiment(request["experimentKey"])["parameters"].update(
                {v["parameterName"]: v["parameterValue"] for v in values})
        elif call == "tags/add-tags-to-experiment":
            self.experiment(request["experimentKey"])["tags"] += request["addedTags"]
        elif call == "status-report/offline-metadata":
            self.experiment(request["experimentKey"])["times"] = request
        elif call == "logger/add/run":
            self.experiment(request["experimentKey"])["others"]["created"] = {
                "projectName": request["projectName"], "workspaceName": request["teamName"]}
            return {"token": "t", "runId": "run", "projectId": "project", "msg": {}, "sessionId": "s",
                    "project_id": "project", "focus_link": self.uri, "run_id": "run",
                    "experimentKey": request["experimentKey"], "feature_toggles": {}}
        elif call == "isAlive/ver":
            return {"version": "3.0.0"}
        elif call == "status-report/update":
            return {"is_alive_beat_duration_millis": 10000, "gpu_monitor_interval_millis": 60000,
                    "cpu_monitor_interval_millis": 60000, "pending_rpcs": False}
        return {}

    def curve(self, key, name):
        return sorted((step, value) for n, step, value in self.experiments[key]["points"] if n == name)
