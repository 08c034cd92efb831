"""FMEA worksheets and tables of causes become entries of a catalogue: nothing lost, nothing made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from inspector import cli
from inspector.config import read_yaml
from inspector.diagnosis import Catalogue, load_catalogue
from inspector.diagnosis.catalogue_file import CATALOGUE_FILE, mistakes_of
from inspector.diagnosis.fmea import causes_from_rows, slug
from inspector.errors import UsageError
from inspector.home import shipped

WORKSHEET: list[list[object]] = [
    ["PFMEA press line 1", "", "", "", "", "", "", ""],
    ["Failure Mode", "Potential Effect(s) of Failure", "S", "Potential Cause(s)", "O", "Current Controls (Detection)", "D", "RPN"],
    ["Scratch", "part is scrapped", 6, "Belt slip", 5, "camera", 3, 90],
    ["", "", 6, "Guide rail worn", 4, "look at the rail", 5, 120],
    ["毛刺", "", 5, "刀具磨损", 7, "", 4, 140],
    ["Dent", "part is bent", 7, "Gripper too fast", 11, "", 2, 10],
    ["Dent", "part is bent", 7, "", 3, "", 2, 10],
    ["Dent", "part is bent", 7, "Gripper too fast", 3, "watch the gripper", 2, 42],
]


def numbered(rows: Sequence[Sequence[object]]) -> list[tuple[int, list[str]]]:
    return [(number, [str(cell) for cell in row]) for number, row in enumerate(rows, start=1)]


def test_a_worksheet_becomes_causes(catalogue: Catalogue) -> None:
    imported = causes_from_rows(numbered(WORKSHEET), catalogue, worksheet=True)
    causes = {cause["name"]: cause for cause in imported.content["causes"]}
    assert list(causes) == ["belt_slip", "guide_rail_worn", "tool_wear", "gripper_too_fast"]
    assert causes["guide_rail_worn"]["defects"] == {"scratch": 0.3}
    assert causes["guide_rail_worn"]["because"]["en"] == "part is scrapped"
    assert causes["guide_rail_worn"]["test"]["en"] == "look at the rail"
    assert causes["gripper_too_fast"]["defects"] == {"dent": 0.3}
    assert imported.content["defects"] == {"dent": {"en": "Dent", "zh": "Dent"}}
    assert imported.without_symptoms == ["guide_rail_worn", "gripper_too_fast"]
    assert imported.unused_columns == ["S", "D", "RPN"]
    assert [(bad.row, bad.reason) for bad in imported.bad_rows] == [
        (6, "occurrence 11 must lie between 1 and 10"),
        (7, "names no cause"),
    ]
    assert not mistakes_of(imported.content, read_yaml(shipped(CATALOGUE_FILE)))


def test_a_cause_that_is_known_keeps_what_is_known_of_it(catalogue: Catalogue) -> None:
    imported = causes_from_rows(numbered(WORKSHEET), catalogue, worksheet=True)
    slip = next(cause for cause in imported.content["causes"] if cause["name"] == "belt_slip")
    known = catalogue.by_name["belt_slip"]
    assert len(slip["symptoms"]) == len(known.symptoms)
    assert slip["defects"] == {"scratch": 0.7}
    assert slip["told_apart_from"][0]["cause"] == "bearing_wear"
    assert slip["prior"] == pytest.approx(0.12 / 1.5**5, abs=1e-5)


TABLE: list[list[object]] = [
    ["cause", "cause (zh)", "defect", "chance", "quantity", "channel", "direction", "p_if_present", "prior", "test", "minutes"],
    ["chute blocked", "滑槽堵塞", "dent", "0.6", "level", "flow", "low", "0.9", "0.04", "look into the chute", "2"],
    ["chute blocked", "滑槽堵塞", "", "", "step", "flow", "low", "", "", "", ""],
    ["chute blocked", "", "", "", "magic", "", "", "", "", "", ""],
    ["chute blocked", "", "", "", "level", "(flow", "", "", "", "", ""],
    ["chute blocked", "", "dent", "1.4", "", "", "", "", "", "", ""],
    ["chute blocked", "", "", "", "level", "", "sideways", "", "", "", ""],
    ["chute blocked", "", "", "", "level", "", "", "often", "", "", ""],
]


def test_a_table_of_causes_brings_symptoms(catalogue: Catalogue) -> None:
    imported = causes_from_rows(numbered(TABLE), catalogue)
    (cause,) = imported.content["causes"]
    assert cause["title"] == {"en": "chute blocked", "zh": "滑槽堵塞"}
    assert [symptom["kind"] for symptom in cause["symptoms"]] == ["level", "step"]
    assert cause["symptoms"][0]["p_if_present"] == 0.9
    assert (cause["prior"], cause["test"]["minutes"]) == (0.04, 2.0)
    assert [bad.row for bad in imported.bad_rows] == [4, 5, 6, 7, 8]
    for bad, word in zip(imported.bad_rows, ("quantity 'magic'", "regular expression", "1.4", "'sideways'", "'often'"), strict=True):
        assert word in bad.reason


def test_defects_are_together_at_most_certain(catalogue: Catalogue) -> None:
    rows = [["cause", "defect", "chance"], *(["press sticks", kind, "0.8"] for kind in ("dent", "crack"))]
    imported = causes_from_rows(numbered(rows), catalogue)
    assert imported.content["causes"][0]["defects"] == {"dent": 0.5, "crack": 0.5}


def test_a_table_without_a_cause_says_which_columns_it_has(catalogue: Catalogue) -> None:
    with pytest.raises(UsageError, match="no column names a cause; there are what, why"):
        causes_from_rows(numbered([["what", "why"], ["a", "b"]]), catalogue)
    with pytest.raises(UsageError, match="empty"):
        causes_from_rows([], catalogue)
    with pytest.raises(UsageError, match="unknown field 'caus', did you mean 'cause'"):
        causes_from_rows(numbered([["why"], ["b"]]), catalogue, {"why": "caus"})
    assert causes_from_rows(numbered([["why"], ["b2"]]), catalogue, {"why": "cause"}).content["causes"][0]["name"] == "b2"


def test_names_for_files_are_made_of_words() -> None:
    assert slug("Guide rail worn (left)", "cause") == "guide_rail_worn_left"
    assert slug("导轨磨损", "cause").startswith("cause_")
    assert slug("导轨磨损", "cause") == slug("导轨磨损", "cause") != slug("导轨松动", "cause")


def workbook(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append([None if cell == "" else cell for cell in row])
    book.save(path)
    return path


def test_a_spreadsheet_is_imported_into_the_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, home = workbook(tmp_path / "pfmea.xlsx", WORKSHEET), tmp_path / "home"
    report = tmp_path / "report.json"
    command = ["knowledge", "import", str(path), "--kind", "fmea", "--home", str(home), "--json", str(report)]
    assert cli.main(command) == 0
    assert "2 causes added, 2 changed, 2 bad rows left out" in capsys.readouterr().out
    document = json.loads(report.read_text(encoding="utf-8"))
    assert document["added"] == ["guide_rail_worn", "gripper_too_fast"]
    own = load_catalogue(None, home / "causes-imported.yaml")
    assert own.by_name["guide_rail_worn"].title.en == "Guide rail worn"
    assert cli.main(command) == 0  # once more changes nothing
    assert load_catalogue(None, home / "causes-imported.yaml") == own


def test_a_catalogue_file_is_imported_whole_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, home = tmp_path / "pack.yaml", tmp_path / "home"
    entry = (
        "causes: [{name: jam, title: {en: jam, zh: 卡料}, prior: PRIOR, because: {en: so, zh: 故}, test: {en: look, zh: 看, minutes: 1}}]"
    )
    command = ["knowledge", "import", str(path), "--kind", "causes", "--home", str(home)]
    path.write_text(entry.replace("PRIOR", "7"), encoding="utf-8")
    assert cli.main(command) == 2
    assert "causes.0.prior" in capsys.readouterr().err
    assert not (home / "causes-imported.yaml").exists()
    path.write_text(entry.replace("PRIOR", "0.02"), encoding="utf-8")
    assert cli.main(command) == 0
    assert "1 cause added, 0 changed, 0 bad rows" in capsys.readouterr().out
    assert "jam" in load_catalogue(None, home / "causes-imported.yaml").by_name


def test_what_is_no_spreadsheet_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.xlsx"
    path.write_text("no", encoding="utf-8")
    assert cli.main(["knowledge", "import", str(path), "--kind", "fmea", "--home", str(tmp_path / "home")]) == 2
    assert "is not an XLSX workbook" in capsys.readouterr().err
