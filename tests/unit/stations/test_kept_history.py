from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from inspector.clock import SteppedClock
from inspector.diagnosis import History
from stations.kept_history import EVERY_NS, KeptHistory

S_NS = 1_000_000_000
WALL_NS = 1_700_000_000 * S_NS


def an_hour() -> History:
    history = History()
    t_ns = np.arange(0, 3600 * S_NS, 5 * S_NS)
    history.add_samples("oil", t_ns, np.random.default_rng(1).normal(40, 1, len(t_ns)) + (t_ns > 3000 * S_NS) * 9, "degC")
    return history


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return the file that an hour was kept in, at 3600 s on a clock that began at 0."""
    clock = SteppedClock(0, WALL_NS)
    keeper = KeptHistory(tmp_path / "history" / "press.json", clock)
    clock.sleep_until_ns(3600 * S_NS)
    keeper.keep(an_hour())
    return tmp_path / "history" / "press.json"


def test_a_restart_of_the_computer_moves_the_history_to_the_new_clock(kept: Path) -> None:
    rebooted = SteppedClock(50 * S_NS, WALL_NS + 3660 * S_NS)
    history = KeptHistory(kept, rebooted).load()
    assert history.newest_ns == 3595 * S_NS - 3610 * S_NS
    before, after = an_hour().measure(3600 * S_NS)["oil.long_jump"], history.measure(rebooted.now_ns())["oil.long_jump"]
    assert after.value == pytest.approx(before.value, abs=0.5)
    assert after.start_s == pytest.approx(before.start_s - 60, abs=30)


def test_it_is_written_once_a_minute(tmp_path: Path) -> None:
    clock, path = SteppedClock(0, WALL_NS), tmp_path / "press.json"
    keeper = KeptHistory(path, clock)
    keeper.keep(an_hour())
    assert not path.exists()
    clock.sleep_until_ns(EVERY_NS)
    keeper.keep(an_hour())
    first = path.read_bytes()
    keeper.keep(History())
    assert path.read_bytes() == first


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1, "channels": {}, "wall_minus_clock_ns": "x"}', '{"format": 9}'])
def test_a_file_that_is_no_history_begins_anew_and_says_so(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "press.json"
    path.write_text(text, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert KeptHistory(path, SteppedClock(0, WALL_NS)).load().newest_ns is None
    assert "begins anew" in caplog.text


def test_a_wall_clock_that_was_set_back_begins_anew(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert KeptHistory(kept, SteppedClock(0, WALL_NS)).load().newest_ns is None
    assert "set back" in caplog.text


def test_no_file_is_no_history_and_a_full_disk_stops_no_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = SteppedClock(0, WALL_NS)
    assert KeptHistory(tmp_path / "none.json", clock).load().newest_ns is None
    (tmp_path / "file").write_text("")
    keeper = KeptHistory(tmp_path / "file" / "press.json", clock)
    clock.sleep_until_ns(EVERY_NS)
    keeper.keep(an_hour())
    assert "cannot be kept" in caplog.text
