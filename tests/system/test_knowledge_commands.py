"""`inspector suggest` and `inspector knowledge`, as a user calls them."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspector.cli import main
from inspector.commands.installation import open_store
from inspector.parts import Case, Inspection, ModelRef, Outcome, PartRecord, Trigger, Verdict


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def asked(capsys: pytest.CaptureFixture[str], home: Path, *arguments: object) -> list[dict[str, Any]]:
    code, out, err = called(capsys, "suggest", *arguments, "--home", home, "--json", "-")
    assert (code, err) == (0, "")
    results: list[dict[str, Any]] = json.loads(out)["results"]
    return results


@pytest.fixture
def demo_home(tmp_path: Path) -> Path:
    """An installation with the example cases."""
    open_store(tmp_path / "demo", demonstration=True).close()
    return tmp_path / "demo"


def test_a_fresh_home_knows_what_ships(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = asked(capsys, tmp_path, "--cause", "belt_slip", "--defect", "scratch", "--station", "demo-press", "--top", "2")
    assert result["query"] == {"cause": "belt_slip", "defect": "scratch", "station": "demo-press"}
    first, second = result["suggestions"]
    assert first["fix_id"] == "set-belt-tension"
    assert first["parameters"] == [{"name": "belt_tension", "value": 0.5, "unit": "MPa", "low": 0.4, "high": 0.6}]
    assert set(first["action"]) == {"en", "zh"}
    assert first["score"] > second["score"]
    assert asked(capsys, tmp_path, "--cause", "belt_slip", "--defect", "scratch", "--station", "demo-press", "--top", "2") == [result]


def test_a_fresh_home_claims_no_experience(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (known, written) = (asked(capsys, tmp_path, *question)[0] for question in (("--cause", "belt_slip"), ("--text", "传送带卡顿")))
    for result in (known, written):
        assert result["suggestions"]
        assert {(one["tried"], one["helped"]) for one in result["suggestions"]} == {(0, 0)}


def test_suggestions_in_words(demo_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "suggest", "--cause", "low_air_pressure", "--home", demo_home)
    assert code == 0
    assert "fix-air-leak   helped 7 of 7" in out
    assert "air_pressure: 6 bar   (safe: 5.5 to 6.5)" in out


def test_import_then_batch_then_export_and_import_again(tmp_path: Path, demo_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "problem,what was done,worked,bar\n"
        "pressure drops at the clamp,REPLACED SEAL KIT,yes,5.5\n"
        "pressure drops at the clamp,REPLACED SEAL KIT,yes,5.5\n"
        "clamp drifts open,CHANGED CHECK VALVE,maybe,\n"
        "no action here,,,\n",
        encoding="utf-8",
    )
    maps = ["problem=symptom", "what was done=action", "worked=outcome", "bar=parameter:clamp_pressure:bar"]
    options = [part for pair in maps for part in ("--map", pair)]
    home, copy = demo_home, tmp_path / "copy"
    code, out, err = called(capsys, "knowledge", "import", orders, *options, "--home", home)
    assert (code, err) == (0, "")
    assert "2 cases added, 1 duplicate merged, 1 bad row left out" in out
    assert "1 row has an outcome in words that are not known ('maybe')" in out
    assert "row 5: no action" in out

    batch = tmp_path / "batch.csv"
    batch.write_text("text,station,remark\nclamp pressure falls,,x\n,,\n冲压件有毛刺,demo-press,\n", encoding="utf-8")
    first, empty, burr = asked(capsys, home, "--batch", batch)
    best = first["suggestions"][0]
    assert best["action"]["original"] == "REPLACED SEAL KIT"
    assert (best["tried"], best["helped"]) == (1, 1)
    assert best["parameters"] == [{"name": "clamp_pressure", "value": 5.5, "unit": "bar"}]
    assert empty == {"query": {}, "suggestions": []}
    assert burr["suggestions"][0]["fix_id"] in ("change-punch", "regrind-punch")

    exported = [tmp_path / "one.csv", tmp_path / "two.csv"]
    assert called(capsys, "knowledge", "export", exported[0], "--home", home)[0] == 0
    assert called(capsys, "knowledge", "import", exported[0], "--home", copy)[0] == 0
    assert called(capsys, "knowledge", "export", exported[1], "--home", copy)[0] == 0
    assert exported[0].read_bytes() == exported[1].read_bytes()
    with exported[0].open(encoding="utf-8", newline="") as file:
        assert sum(row["symptom"] == "clamp drifts open" for row in csv.DictReader(file)) == 1


def test_feedback_changes_what_is_counted(demo_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (before,) = asked(capsys, demo_home, "--cause", "low_air_pressure", "--top", "1")
    assert called(capsys, "knowledge", "feedback", before["suggestions"][0]["cases"][0], "--not-helped", "--home", demo_home)[0] == 0
    (after,) = asked(capsys, demo_home, "--cause", "low_air_pressure", "--top", "1")
    assert after["suggestions"][0]["helped"] == before["suggestions"][0]["helped"] - 1
    code, out, _ = called(capsys, "knowledge", "list", "--home", demo_home)
    assert code == 0
    assert "fix-air-leak               helped   6 of 7" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("suggest",), "nothing to go by"),
        (("suggest", "--station", "s"), "nothing to go by"),
        (("suggest", "--cause", "x", "--top", "0"), "--top 0"),
        (("suggest", "--batch", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("knowledge", "feedback", "c9", "--helped"), "there is no case 'c9'"),
        (("knowledge", "import", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("knowledge", "import", "book.xls"), "save it as XLSX"),
        (("knowledge", "import", "book.xlsx"), "book.xlsx: cannot be read"),
        (("knowledge", "undo", "i9"), "there is no import 'i9'"),
        (("knowledge", "export", "pack.zip"), "a pack needs --machine"),
        (("knowledge", "import", "f.csv", "--kind", "fmea"), "f.csv: cannot be read"),
        (("knowledge", "import", "f.csv", "--map", "a=b"), "there is no field 'b'"),
        (("knowledge", "export", "no/such/folder/out.csv"), "cannot be written"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    code, out, err = called(capsys, *arguments, "--home", tmp_path / "home")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home").write_text("")
    code, _, err = called(capsys, "suggest", "--cause", "belt_slip", "--home", tmp_path / "home")
    assert code == 2
    assert len(err.strip().splitlines()) == 1


def test_the_parts_before_and_after_stand_beside_the_operators_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with open_store(tmp_path) as store:
        for minute in range(-40, 40):
            instant_ns = int((done + timedelta(minutes=minute)).timestamp()) * 10**9
            store.add(made_inspection(instant_ns, "fail" if minute < 0 and minute % 2 else "pass"))
        store.add_cases([Case("c1", cause="belt_slip", fix_id="set-belt-tension", station="s1", when=done.isoformat())], "test")
    code, out, _ = called(capsys, "knowledge", "outcomes", "--apply", "--home", tmp_path)
    assert code == 0
    assert "c1: operator said nothing; the defect rate fell (defective parts 20/40 → 0/40)" in out
    code, out, _ = called(capsys, "knowledge", "outcomes", "--parts", "2", "--home", tmp_path, "--json", "-")
    (known,) = json.loads(out)["cases"]
    assert (known["case"], known["operator"], known["measured"]) == ("c1", True, None)
    assert called(capsys, "knowledge", "outcomes", "--parts", "0", "--home", tmp_path)[0] == 2


def made_inspection(wall_utc_ns: int, outcome: Outcome) -> Inspection:
    record = PartRecord(Trigger("s1", f"p{wall_utc_ns}", 0), {}, wall_utc_ns=wall_utc_ns)
    return Inspection(record, Verdict(outcome, 0.5, 0.5, ModelRef("m", "1", "0")))


def test_an_import_is_tried_made_and_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders, home = tmp_path / "orders.csv", tmp_path / "home"
    orders.write_text(
        "Problem,Remedy,fix_id,parameter:belt_tension:MPa\nbelt slips,tighten,set-belt-tension,0.9\nbelt slips,,,\n", encoding="utf-8"
    )
    code, out, _ = called(capsys, "knowledge", "import", orders, "--dry-run", "--home", home)
    assert code == 0
    assert "1 case could be read, 1 bad row left out; nothing was kept" in out
    assert "Remedy → action (guessed)" in out
    assert "row 2: belt_tension 0.9 MPa lies outside the safe limits 0.4 to 0.6 of 'set-belt-tension'" in out
    code, out, _ = called(capsys, "knowledge", "import", orders, "--home", home, "--json", "-")
    done = json.loads(out)
    assert (done["added"], len(done["outside_safe_limits"]), done["guessed"]) == (1, 1, ["Problem", "Remedy"])
    (fix, *_) = asked(capsys, home, "--cause", "belt_slip", "--text", "belt slips")[0]["suggestions"]
    assert 0.4 <= fix["parameters"][0]["value"] <= 0.6
    assert called(capsys, "knowledge", "undo", done["import"], "--home", home)[1] == f"{done['import']}: 1 case taken out\n"
    with open_store(home) as store:
        assert store.cases() == []


def test_no_door_suggests_what_the_station_may_not_be_set_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, file = tmp_path / "home", tmp_path / "press-7.yaml"
    with open_store(home) as store:
        store.keep_limits("press-7", {("belt_tension", "MPa"): (0.40, 0.45)})
    batch = tmp_path / "batch.csv"
    batch.write_text("cause,station\nbelt_slip,press-7\nbelt_slip,\nbelt_slip,elsewhere\n", encoding="utf-8")
    doors = [("--cause", "belt_slip", "--station", "press-7"), ("--text", "belt slips", "--station", "press-7"), ("--batch", batch)]
    for door in doors:
        for result in asked(capsys, home, *door):
            for one in result["suggestions"]:
                for setting in one.get("parameters", ()):
                    assert setting["name"] != "belt_tension" or setting["value"] <= 0.45
    content = (Path(__file__).parents[2] / "stations/definitions/demo-press.yaml").read_text(encoding="utf-8")
    limits = "safe_limits:\n  belt_tension: {unit: MPa, low: 0.55, high: 0.58}\n"
    file.write_text(content.replace("station: demo-press", "station: press-7", 1) + limits, encoding="utf-8")
    (result,) = asked(capsys, home, "--cause", "belt_slip", "--station", file)
    assert result["query"]["station"] == "press-7"
    (tension,) = (one["parameters"][0] for one in result["suggestions"] if one["fix_id"] == "set-belt-tension")
    assert tension == {"name": "belt_tension", "value": 0.55, "unit": "MPa", "low": 0.55, "high": 0.58}
    orders = tmp_path / "orders.csv"
    orders.write_text("problem,action,station,parameter:belt_tension:MPa\nslips,tighten,press-7,0.5\n", encoding="utf-8")
    out = called(capsys, "knowledge", "import", orders, "--dry-run", "--home", home)[1]
    assert "1 setting lies outside safe limits: kept as history, never recommended" in out
    assert "row 2: belt_tension 0.5 MPa lies outside the safe limits 0.4 to 0.45 at 'press-7'" in out


def test_a_pack_travels_between_plants(demo_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack, other = tmp_path / "press.zip", tmp_path / "other"
    assert called(capsys, "knowledge", "export", pack, "--machine", "40 t press", "--home", demo_home)[0] == 0
    code, out, _ = called(capsys, "knowledge", "import", pack, "--home", other)
    assert code == 0
    assert "0 duplicates merged, 0 bad rows left out" in out
    batch = out.split()[-1]
    with open_store(other) as store:
        assert {case.who for case in store.cases()} == {None}
        assert {case.station for case in store.cases()} == {"press:demo-press", "press:demo-press-2"}
    assert "0 cases added" in called(capsys, "knowledge", "import", pack, "--home", other)[1]
    assert called(capsys, "knowledge", "undo", batch, "--home", other)[0] == 0
    with open_store(other) as store:
        assert store.cases() == []


def test_the_fixes_of_a_pack_come_and_go_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack, home = tmp_path / "lathe", tmp_path / "home"
    pack.mkdir()
    (pack / "pack.yaml").write_text("name: lathe\nmachine: lathe\n", encoding="utf-8")
    header = "fix_id,action_en,action_zh,causes,defects,parameters,minutes,cost,station\n"
    (pack / "fixes.csv").write_text(f"{header}turn-insert,Turn the insert,转动刀片,tool_wear,,,,,\n", encoding="utf-8")
    (pack / "cases.csv").write_text("symptom,action\n", encoding="utf-8")
    out = called(capsys, "knowledge", "import", pack, "--home", home)[1]
    assert "1 fix and 0 cases added" in out
    with open_store(home) as store:
        assert "turn-insert" in {fix.fix_id for fix in store.fixes()}
    assert called(capsys, "knowledge", "undo", out.split()[-1], "--home", home)[1].endswith(": 0 cases taken out\n")
    with open_store(home) as store:
        assert "turn-insert" not in {fix.fix_id for fix in store.fixes()}


def test_parts_that_looked_like_one_are_found_with_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    with open_store(tmp_path) as store:
        for number in range(12):
            vector = rng.normal(size=20).astype(np.float32) if number != 5 else np.zeros(20, np.float32)
            if number == 11:
                vector = np.full(20, 0.01, np.float32)
            inspected = replace(made_inspection(number + 1, "fail"), looks={"camera": vector, "microphone": vector[:3]})
            inspection_id = store.add(inspected)
            if number == 5:
                store.add_feedback(inspection_id, "helped", "set-belt-tension")
    code, out, _ = called(capsys, "knowledge", "alike", "p12", "--top", "2", "--home", tmp_path, "--json", "-")
    first, second = json.loads(out)["parts"]
    assert (code, first["part_id"], first["answers"]) == (0, "p6", [{"fix_id": "set-belt-tension", "answer": "helped"}])
    assert first["distance"] < 0.1 < second["distance"]
    assert "p6  -  -  set-belt-tension helped" in called(capsys, "knowledge", "alike", "p12", "--by", "camera", "--home", tmp_path)[1]
    code, _, err = called(capsys, "knowledge", "alike", "p12", "--by", "nose", "--home", tmp_path)
    assert code == 2
    assert "nothing is kept to compare by nose; there is: camera, microphone" in err
    assert called(capsys, "knowledge", "alike", "p99", "--home", tmp_path)[0] == 2


def test_a_pack_with_an_unsafe_fix_is_refused_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack, home = tmp_path / "lathe", tmp_path / "home"
    pack.mkdir()
    (pack / "pack.yaml").write_text("name: lathe\nmachine: lathe\n", encoding="utf-8")
    header = "fix_id,action_en,action_zh,causes,defects,parameters,minutes,cost,station\n"
    (pack / "fixes.csv").write_text(f"{header}press,Press,压,tool_wear,,force = 90 kN (10..60),,,\n", encoding="utf-8")
    (pack / "cases.csv").write_text("symptom,action\nsqueals,oiled\n", encoding="utf-8")
    code, _, err = called(capsys, "knowledge", "import", pack, "--home", home)
    assert (code, err.count("\n")) == (2, 1)
    assert "fixes.csv, row 2: parameter 'force = 90 kN (10..60)': the value lies outside its safe limits" in err
    with open_store(home) as store:
        assert store.cases() == store.imports() == []


def test_cases_without_an_outcome_are_kept_and_claim_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders, home = tmp_path / "orders.csv", tmp_path / "home"
    orders.write_text("problem,action,result\nseal weeps,CHANGED SEAL,\nseal weeps again,changed seal,?\n", encoding="utf-8")
    assert "2 cases added" in called(capsys, "knowledge", "import", orders, "--home", home)[1]
    (result,) = asked(capsys, home, "--text", "weeping seal", "--top", "1")
    (seal,) = result["suggestions"]
    assert (seal["tried"], seal["helped"], len(seal["cases"]), seal["chance"]) == (0, 0, 2, 0.5)
    assert "outcome not known" in called(capsys, "suggest", "--text", "weeping seal", "--top", "1", "--home", home)[1]
    assert called(capsys, "knowledge", "feedback", seal["cases"][0], "--not-helped", "--home", home)[0] == 0
    assert asked(capsys, home, "--text", "weeping seal", "--top", "1")[0]["suggestions"][0]["chance"] < 0.5


def test_a_part_that_passed_has_no_looks_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(tmp_path) as store:
        store.add(made_inspection(1, "pass"))
    code, _, err = called(capsys, "knowledge", "alike", "p1", "--home", tmp_path)
    assert (code, "that is kept of parts that did not pass" in err) == (2, True)
