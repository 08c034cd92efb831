import sys

import pytest

from dashboards import live_feed, people, queries
from inspector.access import Present
from inspector.home import Home
from inspector.store import EVERY_STATION, Person, Store


@pytest.fixture(autouse=True)
def _main_stays(monkeypatch):
    """Give back the main module: streamlit puts the page in its place, and processes that later tests start would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def signed_in(monkeypatch):
    """Let these tests be an admin's; return what makes somebody else of them."""

    def sign_in(name="tester", **roles):
        here = Present(Person(name, roles or {EVERY_STATION: "admin"}))
        monkeypatch.setattr(people, "present", lambda: here)

    sign_in()
    return sign_in


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("INSPECTOR_HOME", str(tmp_path))
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)
    live_feed.part_view.cache_clear()
    with Store.open(Home.at(tmp_path)) as opened:
        yield opened
    queries.store().close()
