"""Every example of the OpenAPI document works when it is sent as it stands."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from inspector.parts import Diagnosis, Text
from inspector.store import store as store_module
from tests.unit.inspector.api.conftest import part
from tests.unit.inspector.api.test_api import PretendBench, png

RECORDING = Path(__file__).parents[1] / "layout-1.mcap"


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


@pytest.fixture
def there(store, new_home, document, tmp_path, monkeypatch):
    """What the examples speak of, put where it is asked for; return the folder for references."""
    operation = document["paths"]["/v1/results/{inspection_id}"]["get"]
    (inspection_id,) = operation["parameters"][0]["schema"]["examples"]
    monkeypatch.setattr(store_module, "timed_id", lambda: inspection_id)
    suggested = part("A7-000210")
    fix = replace(suggested.suggestions[0], fix_id="set-belt-tension")
    store.add(replace(suggested, diagnosis=Diagnosis((), Text("Nothing.", "无。")), suggestions=(fix,)))
    monkeypatch.undo()
    (named,) = document["paths"]["/v1/recording"]["get"]["parameters"][0]["schema"]["examples"]
    (new_home.recordings / named).parent.mkdir(parents=True)
    shutil.copy(RECORDING, new_home.recordings / named)
    inbox = tmp_path / "inbox"
    (inbox / "2026-11-24").mkdir(parents=True)
    (inbox / "2026-11-24" / "A7-000210.png").write_bytes(png())
    return inbox


def examples_of(place):
    """Return the examples of a parameter or a property; without any, none can be sent."""
    return place.get("examples") or place.get("schema", {}).get("examples") or []


def resolved(document, schema):
    return document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def requests_of(document):
    """Yield (label, method, path, what is sent) for each example; what is required comes along with its own."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", [])
            placed, needed = path, {"query": {}, "header": {}}
            for parameter in parameters:
                if parameter["required"]:
                    value = examples_of(parameter)[0] if examples_of(parameter) else "demo-press"
                    placed = placed.replace(f"{{{parameter['name']}}}", str(value))
                    if parameter["in"] != "path":
                        needed[parameter["in"]][parameter["name"]] = value
            bodies = list(bodies_of(document, operation))
            for body in bodies or [{}]:
                yield f"{method} {path} {body}", method, placed, {"params": needed["query"], "headers": needed["header"], **body}
            for parameter in parameters:
                for value in [] if parameter["required"] else examples_of(parameter):
                    sent = {"params": dict(needed["query"]), "headers": dict(needed["header"]), **(bodies[0] if bodies else {})}
                    sent["params" if parameter["in"] == "query" else "headers"][parameter["name"]] = value
                    yield f"{method} {path} {parameter['name']}={value}", method, placed, sent


def bodies_of(document, operation):
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = resolved(document, content["schema"])
        if kind == "application/json":
            assert schema["examples"], operation["summary"]
            for example in schema["examples"]:
                yield {"json": example}
        else:
            fields = {name: examples_of(field)[0] for name, field in schema["properties"].items() if examples_of(field)}
            assert set(schema["required"]) <= set(fields)
            yield {"data": fields, "files": {"image": png()}}


def test_each_example_works_as_it_stands(make_client, document, there):
    client = make_client(bench=PretendBench(), inbox=there)
    sent = 0
    for label, method, path, more in requests_of(document):
        more = {**more, "headers": {name: f"{value}-{sent}" for name, value in more["headers"].items()}}  # a key is used once
        reply = client.request(method, path, **more)
        assert reply.is_success, (label, reply.text)
        sent += 1
    assert sent >= 20


def test_each_answer_that_has_an_example_is_documented(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert any(status.startswith("2") for status in operation["responses"]), (method, path)
