"""A ClearML API and files server on loopback, as much of one as our client and the importer of
offline sessions need. Requests of version 2.13, which are ours, are checked against the schemas
that ClearML publishes in its package."""

import base64
import email
import importlib
import json
import re

import jsonschema
from stub_server import FaultyServer

KEY, SECRET = "ACCESSKEY", "s3cr3t-key"


def check(schema, value, definitions=None):
    """`value` has the form of `schema`, and no member that it does not name."""
    jsonschema.Draft7Validator({"definitions": definitions or {}, **schema}).validate(value)
    if schema.get("properties"):
        assert set(value) <= set(schema["properties"]), set(value) - set(schema["properties"])


class ClearmlStub(FaultyServer):
    """`tasks` holds what was made and edited, by id; `events` the events of each task; `files` what
    was uploaded, by path. Tokens end in a number, and only the newest is taken."""

    def __init__(self, *arguments, **named):
        self.projects, self.tasks, self.events, self.files = {}, {}, {}, {}
        self.states, self.tokens, self.max_batch = {}, 0, None
        self.keys = f"{KEY}:{SECRET}"
        self.refuse_events = 0  # of each batch, in an answer that is a success
        super().__init__(*arguments, **named)

    @property
    def environment(self):
        return {"CLEARML_API_HOST": self.uri, "CLEARML_FILES_HOST": self.uri,
                "CLEARML_WEB_HOST": self.uri, "CLEARML_API_ACCESS_KEY": KEY,
                "CLEARML_API_SECRET_KEY": SECRET}

    def expire_token(self):
        self.tokens += 1

    @property
    def token(self):
        def part(value):
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        claims = {"exp": 4102444800, "api_version": "2.23", "server_version": "1.14.0",
                  "feature_set": "basic", "number": self.tokens}
        return ".".join([part({"alg": "HS256", "typ": "JWT"}), part(claims), "c2lnbmF0dXJl"])

    def good(self, path, body, headers):
        with self.lock:
            try:
                return self.answer(path, body, headers)
            except Exception as error:  # shown by the test
                self.problems.append((path, repr(error)))
                return self.refuse(400, "stub", repr(error))

    def refuse(self, status, name, message):
        meta = self.meta(name, status)
        return status, json.dumps({"meta": {**meta, "result_msg": message}, "data": {}}).encode()

    def meta(self, name, status=200):
        return {"id": "i", "trx": "t", "result_code": status, "result_subcode": 0,
                "result_msg": "OK", "error_stack": None,
                "endpoint": {"name": name, "requested_version": "2.13", "actual_version": "2.13"}}

    def answer(self, path, body, headers):
        if path == "/":
            return self.take_file(body, headers)
        name = path.split("/")[-1]
        authorization = headers.get("Authorization", "")
        if name == "auth.login":
            if authorization != "Basic " + base64.b64encode(self.keys.encode()).decode():
                return self.refuse(401, name, f"invalid credentials: {authorization}")
            self.tokens += 1
            data = {"token": self.token}
        elif authorization != f"Bearer {self.token}":
            return self.refuse(401, name, "token expired")
        else:
            self.check_request(path, name, body)
            if name == "events.add_batch" and self.max_batch and len(body) > self.max_batch:
                return 413, b"too large"
            call = getattr(self, name.replace(".", "_"), lambda request: {})
            data = call(body if name == "events.add_batch" else json.loads(body or b"{}"))
        return 200, json.dumps({"meta": self.meta(name), "data": data}).encode()

    def check_request(self, path, name, body):
        if not path.startswith("/v2.13/"):
            return
        service, action = name.split(".")
        module = importlib.import_module(f"clearml.backend_api.services.v2_13.{service}")
        if name == "events.add_batch":
            kinds = {"training_stats_scalar": module.MetricsScalarEvent, "plot": module.MetricsPlotEvent,
                     "training_debug_image": module.MetricsImageEvent, "log": module.TaskLogEvent}
            for line in body.decode().splitlines():
                event = json.loads(line, parse_constant=lambda word: 1 / 0)
                check(kinds[event["type"]]._schema, event, module.AddRequest._schema["definitions"])
            return
        class_name = "".join(word.capitalize() for word in action.split("_")) + "Request"
        check(getattr(module, class_name)._schema, json.loads(body))

    def take_file(self, body, headers):
        if headers.get("Authorization") != f"Bearer {self.token}":
            return self.refuse(401, "files", "token expired")
        form = email.message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        for part in form.get_payload():
            name = re.search(r'; name="([^"]*)"', str(part["Content-Disposition"]))[1]
            self.files[name] = part.get_payload(decode=True)
        return 200, b"[]"

    def projects_get_all(self, request):
        return {"projects": [{"id": id, "name": name} for name, id in self.projects.items()
                             if re.search(request["name"], name)]}

    def projects_create(self, request):
        assert request["name"] not in self.projects
        self.projects[request["name"]] = f"p{len(self.projects)}"
        return {"id": self.projects[request["name"]]}

    def projects_get_by_id(self, request):
        names = [name for name, id in self.projects.items() if id == request["project"]]
        return {"project": {"id": request["project"], "name": names[0]}}

    def tasks_create(self, request):
        task = f"t{len(self.tasks)}"
        self.tasks[task] = {"execution": {"artifacts": []}, "hyperparams": {}, "configuration": {},
                            "script": {}, "status": "created", **request, "id": task}
        self.events[task], self.states[task] = [], []
        return {"id": task}

    def tasks_get_all(self, request):
        return {"tasks": [task for task in self.tasks.values()
                          if task["project"] in request.get("project", [task["project"]])
                          and re.search(request.get("name", ""), task["name"])
                          and task["id"] in request.get("id", [task["id"]])]}

    def tasks_get_by_id(self, request):
        return {"task": self.tasks[request["task"]]}

    def tasks_edit(self, request):
        self.tasks[request["task"]].update({k: v for k, v in request.items() if k not in ("task", "force")})
        return {"updated": 1, "fields": {}}

    def tasks_edit_hyper_params(self, request):
        sections = self.tasks[request["task"]]["hyperparams"]
        for item in request["hyperparams"]:
            sections.setdefault(item["section"], {})[item["name"]] = item
        return {"updated": 1}

    def tasks_edit_configuration(self, request):
        for item in request["configuration"]:
            self.tasks[request["task"]]["configuration"][item["name"]] = item
        return {"updated": 1}

    def tasks_add_or_update_artifacts(self, request):
        self.tasks[request["task"]]["execution"]["artifacts"] += request["artifacts"]
        return {"updated": 1}

    def state(self, request, state):
        self.states[request["task"]].append((state, request.get("status_reason") or ""))
        self.tasks[request["task"]]["status"] = state
        return {"updated": 1, "fields": {"status": state}}

    def tasks_started(self, request):
        return self.state(request, "in_progress")

    def tasks_completed(self, request):
        return self.state(request, "completed")

    def tasks_failed(self, request):
        return self.state(request, "failed")

    def events_add_batch(self, body):
        lines = [json.loads(line) for line in body.decode().splitlines()]
        for event in lines[self.refuse_events:]:
            self.events[event["task"]].append(event)
        n = min(self.refuse_events, len(lines))
        return {"added": len(lines) - n, "errors": n, "errors_info": {"no index": n} if n else {}}

    def curve(self, task, title, series):
        """[(iteration, value)], later points of one iteration in place of earlier ones."""
        points = {event["iter"]: event["value"] for event in self.events[task]
                  if event["type"] == "training_stats_scalar"
                  and (event["metric"], event["variant"]) == (title, series)}
        return sorted(points.items())

    def log(self, task):
        return [event["msg"] for event in self.events[task] if event["type"] == "log"]
