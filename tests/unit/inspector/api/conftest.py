import pytest
from limits import parse
from starlette.testclient import TestClient

from inspector.access.passwords import token_hash
from inspector.api import Limits, Service, application
from inspector.commands.installation import Knowledge
from inspector.knowledge.seed import load_seed
from inspector.parts import Defect, Inspection, ModelRef, PartRecord, Suggestion, Text, Trigger, Verdict
from inspector.store import SCOPES, Store

TOKEN = "a-token-of-tests"


def part(part_id="p1", outcome="fail"):
    trigger = Trigger("demo-press", part_id, 0)
    verdict = Verdict(outcome, 0.9, 0.5, ModelRef("demo", "1.0.0", "ab" * 32), defects=(Defect("scratch", 0.9),))
    suggestion = Suggestion("tension-belt", Text("Raise the tension.", "提高张力。"), 0.7, (), 3, 2)
    return Inspection(PartRecord(trigger, {}, {}, {}), verdict, suggestions=(suggestion,))


@pytest.fixture
def store(new_home):
    with Store.open(new_home) as opened:
        fixes, cases = load_seed()
        opened.seed_knowledge(fixes, cases, "demo")
        opened.clients.add("tests", tuple(SCOPES), token_hash(TOKEN))
        opened.beat("demo-press", 1_800_000_000_000_000_000, {"camera": {"state": "ok", "drops": 2}, "note": "no channel"})
        for number in range(3):
            opened.add(part(f"p{number}"))
        yield opened


@pytest.fixture
def make_client(store, new_home):
    """Return what makes a client of a service with other limits."""

    def make(token=TOKEN, **settings):
        settings.setdefault("limits", Limits(requests=parse("100000 per minute")))
        service = Service(store, new_home, lambda: Knowledge(store, new_home.root), **settings)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return TestClient(application(service), headers=headers, raise_server_exceptions=False)

    return make


@pytest.fixture
def client(make_client):
    return make_client()
