import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dashboards import live_feed, people, queries
from inspector.access import Present
from inspector.home import Home
from inspector.store import EVERY_STATION, Person, Store

MADE_LINE = Path(__file__).parents[2] / "browser" / "made_line.py"


@pytest.fixture(autouse=True)
def _main_stays(monkeypatch):
    """Give back the main module: streamlit puts the page in its place, and processes that later tests start would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session")
def made_line() -> ModuleType:
    spec = importlib.util.spec_from_file_location("made_line", MADE_LINE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["made_line"] = module
    spec.loader.exec_module(module)
    return module


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
