import errno
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.errors import StoreError
from inspector.home import Home
from inspector.parts import (
    Case,
    Cause,
    Channel,
    Defect,
    Diagnosis,
    Fix,
    Frame,
    HeatMap,
    Inspection,
    ModelRef,
    Parameter,
    PartRecord,
    PartTruth,
    Series,
    Suggestion,
    Text,
    Trigger,
    Verdict,
    Waveform,
)
from inspector.store import Store
from inspector.store.evidence import load_evidence

T0_NS = 1_700_000_000_000_000_000
HOUR_NS = 3_600_000_000_000
BELT = Parameter("belt_tension", 0.5, "MPa", 0.4, 0.6)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def inspection(
    part: str = "p1",
    outcome: str = "fail",
    *,
    station: str = "demo-press",
    cause: str = "belt_slip",
    kind: str = "scratch",
    wall_ns: int = T0_NS,
) -> Inspection:
    rng = np.random.default_rng(0)
    channels = {
        "camera": Channel("camera", "image"),
        "microphone": Channel("microphone", "audio", "FS"),
        "motor_vibration": Channel("motor_vibration", "vibration", "m/s2"),
        "motor_temp": Channel("motor_temp", "series", "degC"),
    }
    record = PartRecord(
        Trigger(station, part, 5_000_000_000),
        channels,
        frames={"camera": Frame(5_000_000_000, rng.integers(0, 255, (48, 64, 3), np.uint8))},
        waveforms={
            "microphone": Waveform(4_100_000_000, 16000.0, rng.uniform(-0.5, 0.5, 1600).astype(np.float32), "FS"),
            "motor_vibration": Waveform(4_100_000_000, 12800.0, rng.normal(size=1280).astype(np.float32), "m/s2"),
        },
        series={"motor_temp": Series(np.array([4_000_000_000, 4_500_000_000]), np.array([40.0, np.nan]), "degC")},
        wall_utc_ns=wall_ns,
    )
    verdict = Verdict(outcome, 0.9, 0.5, ModelRef("line", "1", "ab"), (Defect(kind, 0.8, "camera", (1, 2, 3, 4)),))  # type: ignore[arg-type]
    diagnosis = Diagnosis((Cause(cause, 0.7, Text("Belt slip", "皮带打滑")),), Text("scratch: belt slips", "划痕：皮带打滑"))
    suggestion = Suggestion("tension-belt", Text("Set the belt tension", "调整皮带张力"), 0.8, (BELT,), 3, 2)
    heat = HeatMap("camera", np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64), "grad-cam")
    return Inspection(record, verdict, diagnosis, (suggestion,), (heat,), {"align": 1.0, "judge": 20.0, "localize": 90.0})


# --- inspections ---------------------------------------------------------------------------------------------------------------


def test_an_inspection_comes_back_whole(store: Store) -> None:
    inspection_id = store.add(inspection(), PartTruth("scratch", "belt_slip"))
    stored = store.get(inspection_id)
    assert stored is not None
    assert stored.document["suggestions"][0]["parameters"] == [
        {"name": "belt_tension", "value": 0.5, "unit": "MPa", "low": 0.4, "high": 0.6},
    ]
    summary = stored.summary
    assert (summary.part_id, summary.outcome, summary.kind, summary.cause, summary.has_heat_map) == (
        "p1",
        "fail",
        "scratch",
        "belt_slip",
        True,
    )
    assert summary.verdict_ms == 21.0
    assert (stored.truth_label, stored.truth_cause, stored.evidence_note) == ("scratch", "belt_slip", None)
    assert store.find("p1") == store.latest_id("demo-press") == inspection_id
    assert store.get("nothing") is None
    assert store.find("p1", "elsewhere") is None


def test_evidence_comes_back_by_channel(store: Store) -> None:
    original = inspection()
    stored = store.get(store.add(original))
    assert stored is not None
    evidence = load_evidence(stored.folder)
    vibration = evidence.waveforms["motor_vibration"]
    np.testing.assert_array_equal(vibration.samples, original.record.waveforms["motor_vibration"].samples)
    assert (vibration.start_ns, vibration.sample_rate_hz, vibration.unit) == (-900_000_000, 12800.0, "m/s2")
    temperature = evidence.series["motor_temp"]
    assert list(temperature.t_ns) == [-1_000_000_000, -500_000_000]
    np.testing.assert_array_equal(temperature.values, [40.0, np.nan])
    assert set(evidence.pictures) == set(evidence.heat_maps) == {"camera"}
    assert set(evidence.sounds) == {"microphone"}
    heat = cv2.imread(str(evidence.heat_maps["camera"]), cv2.IMREAD_UNCHANGED)
    assert heat is not None
    assert (heat.shape, heat.dtype, heat[0, 0], heat[-1, -1]) == ((48, 64), np.uint8, 0, 255)


def test_a_16_bit_picture_is_kept_visible(store: Store) -> None:
    part = inspection()
    pixels = np.full((1, 40), 4095, np.uint16)
    stored = store.get(store.add(replace(part, record=replace(part.record, frames={"camera": Frame(0, pixels)}), heat_maps=())))
    assert stored is not None
    picture = cv2.imread(str(stored.folder / "camera.jpg"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (1, 40)
    assert picture.min() > 250


def test_a_channel_name_cannot_leave_the_folder(store: Store, home: Home) -> None:
    part = inspection()
    frames = {"../../out": part.record.frames["camera"]}
    waveforms = {"series": part.record.waveforms["motor_vibration"]}
    channels = {**part.record.channels, "series": Channel("series", "vibration")}
    record = replace(part.record, channels=channels, frames=frames, waveforms=waveforms)
    stored = store.get(store.add(replace(part, record=record, heat_maps=())))
    assert stored is not None
    evidence = load_evidence(stored.folder)
    assert set(evidence.pictures) == {"../../out"}
    assert set(evidence.waveforms) == {"series"}
    assert set(evidence.series) == {"motor_temp"}
    assert all(path.is_relative_to(stored.folder) for path in home.root.rglob("*.jpg"))


def test_a_full_disk_never_loses_a_verdict(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    stored = store.get(store.add(inspection()))
    assert stored is not None
    assert stored.summary.outcome == "fail"
    assert "No space left on device" in (stored.evidence_note or "")
    assert not stored.folder.exists()
    assert list(stored.folder.parent.iterdir()) == []


def test_damaged_evidence_is_named(store: Store) -> None:
    stored = store.get(store.add(inspection()))
    assert stored is not None
    (stored.folder / "motor_vibration.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(StoreError, match=r"motor_vibration\.npz: evidence is damaged"):
        load_evidence(stored.folder)


def test_a_document_with_nan_is_kept_as_null(store: Store) -> None:
    part = inspection()
    stored = store.get(store.add(replace(part, timings_ms={"judge": float("nan"), "align": np.float32(1.5)})))  # type: ignore[dict-item]
    assert stored is not None
    assert stored.document["timings_ms"] == {"judge": None, "align": 1.5}


# --- confirmed causes ----------------------------------------------------------------------------------------------------------


def with_causes(*causes: Cause) -> Inspection:
    part = inspection()
    assert part.diagnosis is not None
    return replace(part, diagnosis=replace(part.diagnosis, causes=causes))


SLIP = Cause("belt_slip", 0.7, Text("Belt slip", "皮带打滑"), looked_for={"belt_slip.ripple": 0.9})
WEAR = Cause("bearing_wear", 0.2, Text("Bearing wear", "轴承磨损"), looked_for={"bearing_wear.kurtosis": 0.4})


def test_a_fix_that_helped_confirms_the_cause_that_it_is_meant_for(store: Store) -> None:
    store.add_cases([], "test", [Fix("tension-belt", Text("a", "甲"), ("belt_slip",)), Fix("grease", Text("b", "乙"), ("bearing_wear",))])
    first, second = store.add(with_causes(SLIP, WEAR)), store.add(with_causes(SLIP, WEAR))
    store.add_feedback(first, "helped", "tension-belt")
    store.add_feedback(second, "helped", "grease")
    found = store.confirmed_causes()
    assert [(one.cause, dict(one.looked_for), one.defect) for one in found] == [
        ("belt_slip", {"belt_slip.ripple": 0.9}, "scratch"),
        ("bearing_wear", {"bearing_wear.kurtosis": 0.4}, "scratch"),
    ]


def test_what_did_not_help_or_was_taken_back_confirms_nothing(store: Store) -> None:
    store.add_cases([], "test", [Fix("tension-belt", Text("a", "甲"), ("belt_slip",))])
    one, other, third = (store.add(with_causes(SLIP)) for _ in range(3))
    store.add_feedback(one, "not_helped", "tension-belt")
    store.add_feedback(other, "helped", "tension-belt")
    store.add_feedback(other, "not_helped", "tension-belt")
    store.add_feedback(third, "helped", "some-other-fix")
    store.add_feedback(third, "verdict_right")
    assert store.confirmed_causes() == []


def test_a_named_cause_goes_before_what_a_fix_says_and_the_last_word_counts(store: Store) -> None:
    store.seed_knowledge([Fix("tension-belt", Text("a", "甲"), ("belt_slip",))], [])
    one, other = store.add(with_causes(SLIP, WEAR)), store.add(with_causes(SLIP, WEAR))
    before = store.knowledge_mark()
    store.add_feedback(one, "named", detail={"cause": "belt_slip"})
    store.add_feedback(one, "named", detail={"cause": "bearing_wear"})
    store.add_feedback(one, "helped", "tension-belt")
    store.add_feedback(other, "named", detail={"cause": "gremlins"})
    assert store.knowledge_mark() != before
    found = store.confirmed_causes()
    assert [(one.cause, dict(one.looked_for)) for one in found] == [("bearing_wear", {"bearing_wear.kurtosis": 0.4}), ("gremlins", {})]


# --- lists and figures ---------------------------------------------------------------------------------------------------------


def test_recent_is_newest_first_and_pages_through_everything(store: Store) -> None:
    ids = [store.add(inspection(f"p{i}", "fail" if i % 3 == 0 else "pass", station=f"s{i % 2}")) for i in range(10)]
    assert ids == sorted(ids)
    assert [one.inspection_id for one in store.recent(limit=4)] == ids[:-5:-1]
    assert [one.part_id for one in store.recent("s1", outcome="fail")] == ["p9", "p3"]
    assert [one.inspection_id for one in store.recent(before=ids[5], limit=2)] == [ids[4], ids[3]]
    assert store.stations() == ["s0", "s1"]
    seen, before = [], None
    while True:
        page = store.history(limit=3, before=before)
        seen += [one.inspection_id for one in page.inspections]
        before = page.next_before
        if before is None:
            break
    assert seen == ids[::-1]


def test_history_filters_combine(store: Store) -> None:
    store.add(inspection("LOT_7-001", cause="belt_slip", wall_ns=T0_NS))
    store.add(inspection("LOT_7-002", cause="tool_wear", kind="burr", wall_ns=T0_NS + HOUR_NS))
    store.add(inspection("LOTX7-003", "pass", wall_ns=T0_NS + 2 * HOUR_NS))

    def parts(**filters: object) -> list[str]:
        return [one.part_id for one in store.history(**filters).inspections]  # type: ignore[arg-type]

    assert parts(cause="tool_wear") == parts(kind="burr") == ["LOT_7-002"]
    assert parts(part_text="lot_7") == ["LOT_7-002", "LOT_7-001"]  # '_' is no wildcard
    assert parts(since_utc_ns=T0_NS + HOUR_NS, until_utc_ns=T0_NS + 2 * HOUR_NS) == ["LOT_7-002"]
    assert parts(outcome="fail", part_text="001") == ["LOT_7-001"]


def test_figures_of_a_shift(store: Store) -> None:
    plan = [("fail", "belt_slip", 0), ("fail", "belt_slip", 0), ("review", "tool_wear", 1), ("pass", "belt_slip", 1), ("pass", "x", 1)]
    for number, (outcome, cause, hour) in enumerate(plan):
        store.add(inspection(f"p{number}", outcome, cause=cause, wall_ns=T0_NS + hour * HOUR_NS))
    assert store.counts("demo-press", 0) == {"fail": 2, "review": 1, "pass": 2}
    assert store.counts("demo-press", T0_NS + 1) == {"review": 1, "pass": 2}
    assert [(share.name, share.parts) for share in store.pareto("cause")] == [("belt_slip", 2), ("tool_wear", 1)]
    assert [(share.name, share.parts) for share in store.pareto("kind", "demo-press")] == [("scratch", 3)]
    hours = store.hourly_yield("demo-press")
    assert [(hour.parts, hour.passed, hour.start_utc_ns % HOUR_NS) for hour in hours] == [(2, 0, 0), (3, 2, 0)]
    assert hours[1].yield_ratio == pytest.approx(2 / 3)


# --- answers and signs of life -------------------------------------------------------------------------------------------------


def test_an_answer_about_a_fix_becomes_a_case(store: Store) -> None:
    inspection_id = store.add(inspection())
    before = store.knowledge_mark()
    store.add_feedback(inspection_id, "helped", "tension-belt", who="mei", note="quiet again")
    store.add_feedback(inspection_id, "verdict_right")
    assert [(one.kind, one.fix_id, one.who) for one in store.feedback(inspection_id)] == [
        ("helped", "tension-belt", "mei"),
        ("verdict_right", None, None),
    ]
    (case,) = store.cases()
    assert (case.fix_id, case.cause, case.defect, case.station, case.helped) == ("tension-belt", "belt_slip", "scratch", "demo-press", True)
    assert case.parameters == (Parameter("belt_tension", 0.5, "MPa"),)
    assert "皮带打滑" in case.symptom
    assert store.knowledge_mark() != before


def test_a_second_thought_overrules_the_first_answer(store: Store) -> None:
    inspection_id = store.add(inspection())
    for kind in ("helped", "helped", "not_helped"):
        store.add_feedback(inspection_id, kind, "tension-belt")  # type: ignore[arg-type]
    assert [case.helped for case in store.cases()] == [False]
    assert len(store.feedback(inspection_id)) == 3


def test_an_answer_needs_an_inspection_and_a_known_word(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no inspection 'x'"):
        store.add_feedback("x", "helped")
    with pytest.raises(StoreError, match="'great' is no answer"):
        store.add_feedback(store.add(inspection()), "great")  # type: ignore[arg-type]


def test_the_last_beat_counts(store: Store) -> None:
    assert store.status("demo-press") is None
    store.beat("demo-press", 1, {"camera": {"state": "ok"}})
    store.beat("demo-press", 2, {"camera": {"state": "stale", "age_ms": 900.0}})
    status = store.status("demo-press")
    assert status is not None
    assert (status.wall_utc_ns, status.health) == (2, {"camera": {"state": "stale", "age_ms": 900.0}})
    assert store.stations() == ["demo-press"]


# --- fixes and cases -----------------------------------------------------------------------------------------------------------

FIX = Fix("tension-belt", Text("Set the tension", "调整张力"), ("belt_slip",), ("scratch",), (BELT,), 6.0, 0.0)
CASE = Case(
    "c1", "squeal at the belt", "tensioned belt", "tension-belt", "scratch", "belt_slip", "demo-press", helped=True, parameters=(BELT,)
)


def test_seeding_twice_is_seeding_once_and_keeps_edits(store: Store) -> None:
    store.seed_knowledge([FIX], [CASE])
    store.set_case_outcome("c1", False, "mei")
    store.seed_knowledge([replace(FIX, minutes=99.0)], [CASE])
    assert store.fixes() == [FIX]
    assert store.cases() == [replace(CASE, helped=False, who="mei")]


def test_the_same_case_twice_is_one_and_an_import_can_be_undone(store: Store) -> None:
    rows = [replace(CASE, case_id=""), replace(CASE, case_id="", symptom="Squeal  at the BELT"), replace(CASE, case_id="", symptom="other")]
    result = store.add_cases(rows, "plant.csv")
    assert (result.added, result.duplicates) == (2, 1)
    again = store.add_cases(rows, "plant.csv")
    assert (again.batch_id, again.added, again.duplicates) == (None, 0, 3)
    assert [(batch.source, batch.cases) for batch in store.imports()] == [("plant.csv", 2)]
    assert result.batch_id is not None
    assert store.undo_import(result.batch_id) == 2
    assert store.cases() == []
    with pytest.raises(StoreError, match="there is no import"):
        store.undo_import(result.batch_id)


def test_an_outcome_needs_a_case(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no case 'c9'"):
        store.set_case_outcome("c9", True)


# --- the database itself -------------------------------------------------------------------------------------------------------


def test_threads_and_a_second_process_write_and_read_together(home: Home, store: Store) -> None:
    other, failures = Store.open(home), []

    def work(number: int) -> None:
        try:
            for step in range(5):
                (store if number % 2 else other).add(inspection(f"{number}-{step}"))
                store.recent(limit=5)
                other.beat("demo-press", step, {})
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert other.counts() == {"fail": 20}
    other.close()


def test_opening_at_once_creates_the_tables_once(home: Home) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            Store.open(home).close()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_what_was_stored_is_there_after_opening_again(home: Home) -> None:
    with Store.open(home) as first:
        inspection_id = first.add(inspection())
    with Store.open(home) as second:
        assert second.latest_id() == inspection_id


def test_a_database_of_a_newer_version_is_refused(home: Home) -> None:
    Store.open(home).close()
    with sqlite3.connect(home.root / "inspector.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        Store.open(home)


def test_a_file_that_is_no_database_is_refused(home: Home) -> None:
    home.root.mkdir()
    (home.root / "inspector.db").write_text("hello, this is not a database, it is a text of some length" * 40)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(home)


@pytest.mark.parametrize("url", ["nonsense", "cobol://host/name"])
def test_a_wrong_url_is_refused(home: Home, url: str) -> None:
    with pytest.raises(StoreError, match="is not a database URL"):
        Store.open(home, url)


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="sqlite"):
        Store.open(Home(tmp_path / "file" / "home"))


def test_the_limits_of_a_station_are_what_its_file_last_said(store: Store) -> None:
    store.keep_limits("s1", {("tension", "MPa"): (0.4, 0.6), ("speed", "1/min"): (10.0, 20.0)})
    store.keep_limits("s2", {})
    store.keep_limits("s1", {("tension", "MPa"): (0.4, 0.5)})
    assert store.limits() == {"s1": {("tension", "MPa"): (0.4, 0.5)}, "s2": {}}


def test_an_answer_sent_twice_is_stored_once_even_by_another_process(home: Home) -> None:
    with Store.open(home) as store:
        inspection_id = store.add(inspection())
        first = store.add_feedback(inspection_id, "note", who="mei", note="squeals", token="t1")
    with Store.open(home) as store:
        assert store.add_feedback(inspection_id, "note", who="mei", note="squeals", token="t1") == first
        assert store.add_feedback(inspection_id, "note", who="li", note="squeals", token="t2") != first
        assert len(store.feedback(inspection_id)) == 2


def test_a_part_seen_again_counts_once_in_the_first_pass_yield(store: Store) -> None:
    for part_id, outcome in (("A", "fail"), ("A", "pass"), ("B", "pass"), ("B", "fail")):
        made = inspection()
        record = replace(made.record, trigger=replace(made.record.trigger, part_id=part_id))
        store.add(replace(made, record=record, verdict=replace(made.verdict, outcome=outcome)))
    first_pass = store.first_pass(inspection().station)
    assert (first_pass.parts, first_pass.passed, first_pass.yield_ratio) == (2, 1, 0.5)
