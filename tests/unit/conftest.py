import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from argon2 import PasswordHasher

from inspector.access import passwords
from inspector.home import Home
from inspector.store import Store

MADE_LINE = Path(__file__).parents[1] / "browser" / "made_line.py"


@pytest.fixture(scope="session")
def made_line() -> ModuleType:
    """What makes whole inspections up."""
    spec = importlib.util.spec_from_file_location("made_line", MADE_LINE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["made_line"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("empty"))
    Store.open(home, f"sqlite:///{home.root / 'inspector.db'}").close()
    return home.root / "inspector.db"


@pytest.fixture
def new_home(_empty_database, tmp_path, monkeypatch):
    """An installation whose tables are there already: making them takes most of the time of a small test."""
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)
    shutil.copy(_empty_database, tmp_path)
    return Home(tmp_path)


@pytest.fixture
def quick_hashes(monkeypatch):
    """Argon2 at its cheapest: slow hashes are tested where they matter."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
