"""A model that is put into service takes over on a running line, and goes back with it."""

import time
from types import SimpleNamespace

import pytest

from inspector.errors import ModelError
from inspector.home import Home
from inspector.store import Store
from stations.succession import Succession


def wait_for(check):
    deadline_s = time.monotonic() + 20
    while (found := check()) is None and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return found


@pytest.fixture
def store(new_home):
    with Store.open(new_home) as opened:
        yield opened


def put(store, tmp_path, name, replaces):
    model = {"folder": str(tmp_path / name), "name": name, "version": "1.0.0", "sha256": name * 8}
    store.services.activate("press", model, str(replaces), {})


def test_what_is_put_into_service_takes_over_once_and_goes_back(store, tmp_path):
    base = tmp_path / "base"
    follows = Succession(store, Home(tmp_path), "press", base, lambda folder: SimpleNamespace(folder=folder))
    follows.look()
    assert follows.take() is None
    put(store, tmp_path, "new", base)
    follows.look()
    assert wait_for(follows.take).folder == (tmp_path / "new").resolve()
    follows.look()
    assert follows.take() is None
    store.services.roll_back("press")
    follows.look()
    assert wait_for(follows.take).folder == base.resolve()


def test_a_model_that_cannot_be_read_leaves_the_one_before(store, tmp_path, caplog):
    def opened(_folder):
        raise ModelError("weights are damaged")

    follows = Succession(store, Home(tmp_path), "press", tmp_path / "base", opened)
    put(store, tmp_path, "new", tmp_path / "base")
    follows.look()
    assert wait_for(lambda: caplog.text or None)
    assert "weights are damaged" in caplog.text
    assert follows.take() is None
