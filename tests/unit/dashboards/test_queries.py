from datetime import datetime

import pytest

from dashboards import live_feed, queries


def test_only_files_of_the_part_itself_are_found(store, made_line, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    assert queries.picture_file(inspection_id, "camera").is_file()
    assert queries.heat_map_file(inspection_id, "camera").is_file()
    for camera in ("../../../secret", "/etc/passwd", "..", "", "nothing", "camera.heat"):
        assert queries.picture_file(inspection_id, camera) is None
    for other in ("..", "../" + inspection_id, "no-such-part", "", "a/b", "\x00"):
        assert queries.picture_file(other, "camera") is None


def test_a_part_without_evidence_has_no_pictures(store, made_line):
    stored = queries.inspection(store.add(made_line.inspection(1)))
    for path in stored.folder.iterdir():
        path.unlink()
    assert queries.pictures(stored) == {}
    assert queries.evidence(stored).waveforms == {}


def test_damaged_evidence_is_no_evidence(store, made_line):
    stored = queries.inspection(store.add(made_line.inspection(1)))
    (stored.folder / "series.npz").write_bytes(b"not a zip")
    assert queries.evidence(stored).series == {}


def test_the_last_finding_is_the_newest_that_needs_a_person(store, made_line):
    assert queries.latest_finding("demo-press") is None
    store.add(made_line.inspection(1, outcome="review"))
    failed = store.add(made_line.inspection(2, fault=made_line.FAULTS[1]))
    store.add(made_line.inspection(3))
    assert queries.latest_finding("demo-press").inspection_id == failed


def test_neighbours_and_what_to_compare_with(store, made_line):
    wall_ns = 1_700_000_000_000_000_000
    spans_s = (0, 1, 2, 7200)
    ids = [
        store.add(made_line.inspection(n, fault=made_line.FAULTS[0] if n == 2 else None, wall_utc_ns=wall_ns + s * 10**9))
        for n, s in enumerate(spans_s)
    ]
    assert queries.neighbours(queries.inspection(ids[0])) == (None, ids[1])
    assert queries.neighbours(queries.inspection(ids[2])) == (ids[1], ids[3])
    assert queries.neighbours(queries.inspection(ids[3])) == (ids[2], None)
    assert queries.last_passed(queries.inspection(ids[2])).summary.inspection_id == ids[1]
    assert queries.last_passed(queries.inspection(ids[0])) is None


def test_an_answer_is_kept(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    queries.answer(inspection_id, "helped", "tension-belt")
    assert [(item.kind, item.fix_id) for item in queries.feedback(inspection_id)] == [("helped", "tension-belt")]


def test_the_machine_of_a_shipped_station_is_known(store, made_line):
    stored = queries.inspection(store.add(made_line.inspection(1)))
    assert queries.machine(stored).shaft_hz == 24.5
    other = queries.inspection(store.add(made_line.inspection(2, station="elsewhere")))
    assert queries.machine(other).shaft_hz is None


@pytest.mark.parametrize("hour", [(5, 22), (6, 6), (13, 6), (14, 14), (21, 14), (22, 22), (23, 22), (0, 22)])
def test_a_shift_starts_at_six_two_or_ten(hour):
    now, start = hour
    began = queries.shift_start(datetime(2026, 11, 23, now, 30))
    assert began.hour == start
    assert 0 <= (datetime(2026, 11, 23, now, 30) - began).total_seconds() < 8 * 3600


def test_a_setting_that_has_become_unsafe_is_suggested_no_more(store, made_line):
    inspection_id = store.add(made_line.inspection(1, fault=made_line.FAULTS[0]))
    station = queries.inspection(inspection_id).summary.station
    (before,) = (one["parameters"] for one in queries.inspection(inspection_id).document["suggestions"][:1])
    assert before
    pulse = live_feed.Pulse(station)
    assert live_feed.news(pulse, None)["part"]["suggestion"]["parameters"]
    store.keep_limits(station, {(one["name"], one["unit"]): (one["value"] + 1, one["value"] + 2) for one in before})
    assert queries.inspection(inspection_id).document["suggestions"][0]["parameters"] == []
    assert live_feed.news(pulse, None)["part"]["suggestion"]["parameters"] == []
