"""A short walk over the whole specification; the long one is `python -m tests.bench.api_walk`."""

from starlette.testclient import TestClient

from tests.bench.api_walk import walk
from tests.unit.inspector.api.conftest import TOKEN


def test_every_answer_is_as_documented(client):
    answers = walk(client.app, TOKEN, examples=1)
    document = TestClient(client.app).get("/openapi.json").json()
    labels = {f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations}
    assert {answer.rsplit(" ", 1)[0] for answer in answers} == labels
