import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from inspector.errors import DataError, UsageError
from inspector.knowledge.columns import parse_mapping
from inspector.knowledge.seed import load_seed, read_fixes
from inspector.knowledge.tables import read_cases, write_cases
from inspector.parts import Case, Parameter


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "cases.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_are_read_as_mapped(tmp_path: Path) -> None:
    path = written(tmp_path, "problem,done,ok?,tension,remark\nbelt squeals,tightened belt,有效,0.52 MPa,quick\njam,cleaned pulley,No,,\n")
    pairs = ["problem=symptom", "done=action", "ok?=outcome", "tension=parameter:belt_tension:MPa"]
    table = read_cases(path, parse_mapping(pairs))
    assert table.bad_rows == ()
    assert table.cases == (
        Case("", "belt squeals", "tightened belt", helped=True, parameters=(Parameter("belt_tension", 0.52, "MPa"),)),
        Case("", "jam", "cleaned pulley", helped=False),
    )


def test_bad_rows_are_named_and_good_rows_kept(tmp_path: Path) -> None:
    rows = [
        "symptom,action,minutes,when",
        "a,b,5,2026-03-01",
        "a,,5,",
        ",b,5,",
        '"a\nlong",b,five,',
        "a,b,-1,",
        "a,b",
        "a,b,1,31.31.2026",
        "",
        "z,y,1.5,2026/03/01 08:00",
    ]
    table = read_cases(written(tmp_path, "\n".join(rows)))
    assert [(bad.row, bad.reason) for bad in table.bad_rows] == [
        (3, "no action"),
        (4, "no symptom, defect or cause"),
        (5, "minutes 'five' is not a number"),
        (7, "minutes '-1' is below 0"),
        (8, "has 2 cells, the header has 4"),
        (9, "when '31.31.2026' is not a date; write 2026-03-31 or 2026-03-31T14:05"),
    ]
    assert [(case.symptom, case.minutes, case.when) for case in table.cases] == [
        ("a", 5.0, "2026-03-01T00:00:00+00:00"),
        ("z", 1.5, "2026-03-01T08:00:00+00:00"),
    ]


@pytest.mark.parametrize("cell", ["nan", "inf", "1e999", "0,5,5", "12 bar"])
def test_no_number_is_invented(tmp_path: Path, cell: str) -> None:
    table = read_cases(written(tmp_path, f'symptom,action,parameter:p:MPa\na,b,"{cell}"\n'))
    assert table.cases == ()
    assert table.bad_rows[0].reason.startswith("p '")


@pytest.mark.parametrize(
    ("word", "helped"),
    [
        ("helped", True),
        ("YES", True),
        ("ok", True),
        ("有效", True),
        ("not helped", False),
        ("Not  Helped", False),
        ("no", False),
        ("无效", False),
    ],
)
def test_outcomes_in_words(tmp_path: Path, word: str, helped: bool) -> None:
    assert read_cases(written(tmp_path, f"symptom,action,outcome\na,b,{word}\n")).cases[0].helped is helped


def test_an_unknown_outcome_is_counted_and_stays_unknown(tmp_path: Path) -> None:
    table = read_cases(written(tmp_path, "symptom,action,outcome\na,b,perhaps\na,c,\n"))
    assert [case.helped for case in table.cases] == [None, None]
    assert table.unknown_outcomes == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = "symptom,action,minutes\na,b,3\n".replace(",", delimiter)
    assert read_cases(written(tmp_path, text)).cases[0].minutes == 3


def test_encodings(tmp_path: Path) -> None:
    path = written(tmp_path, "symptom,action\n皮带打滑,调整皮带张力\n", "gb18030")
    with pytest.raises(DataError, match=r"row 2: is not text in utf-8-sig; name another with --encoding"):
        read_cases(path)
    assert read_cases(path, encoding="gb18030").cases[0].symptom == "皮带打滑"
    with pytest.raises(UsageError, match="there is no such encoding"):
        read_cases(path, encoding="klingon")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column is read as 'action'"),
        ("action,b\n1,2\n", "no column is read as 'symptom'"),
        ("action,action,symptom\n1,2,3\n", "more than one column is read as 'action'"),
        ('symptom,action\na,"torn\n', "is not a CSV file from here on"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=rf"cases\.csv.*{reason}"):
        read_cases(written(tmp_path, text))


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.csv: cannot be read"):
        read_cases(tmp_path / "no.csv")
    with pytest.raises(DataError, match="has no column 'problem'"):
        read_cases(written(tmp_path, "symptom,action\n"), {"problem": "symptom"})


@pytest.mark.parametrize("pair", ["problem", "=symptom", "problem=", "problem=sympton", "x=parameter:tension"])
def test_a_bad_mapping_is_refused(pair: str) -> None:
    with pytest.raises(UsageError, match="--map"):
        parse_mapping([pair])


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    cases = (
        Case(
            "c1",
            'says "stop", then\njams',
            "=cleaned;",
            "f",
            "scratch",
            "belt_slip",
            "s",
            "p",
            True,
            (Parameter("t", 0.1 + 0.2, "MPa"),),
            5.0,
            0.0,
            "mei",
        ),
        Case("c2", "传送带卡顿", "调整", helped=False, parameters=(Parameter("g", 1e-9, "g·mm/kg"),), when="2026-03-01T00:00:00+00:00"),
        Case("c3", "x", "y"),
    )
    write_cases(tmp_path / "out.csv", cases)
    table = read_cases(tmp_path / "out.csv")
    assert table.bad_rows == ()
    assert table.cases == cases


# --- what ships ----------------------------------------------------------------------------------------------------------------


def test_shipped_fixes_are_bilingual_and_safe() -> None:
    fixes, cases = load_seed()
    assert all(fix.action.en.isascii() and not fix.action.zh.isascii() for fix in fixes)
    known = {fix.fix_id: fix for fix in fixes}
    for case in cases:
        assert case.who == "demo"
        limits = {p.name: p for p in known[case.fix_id or ""].parameters}
        for parameter in case.parameters:
            limit = limits[parameter.name]
            assert limit.unit == parameter.unit
            assert limit.low is None or limit.high is None or limit.low <= parameter.value <= limit.high


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("f,a,动,,,t = 0.9 MPa (0.4..0.6),,,", "outside its safe limits"),
        ("f,a,动,,,tension 0.5,,,", "write name = value unit"),
        ("f,a,动,,,,soon,,", "minutes 'soon' is not a number"),
        ("f,a,,,,,,,", "must be given"),
        ("f,a,动,,,,,,\nf,a,动,,,,,,", "is there twice"),
        ("f,a", "has 2 cells"),
    ],
)
def test_a_mistake_in_a_fix_is_named(tmp_path: Path, cells: str, reason: str) -> None:
    path = tmp_path / "fixes.csv"
    path.write_text("fix_id,action_en,action_zh,causes,defects,parameters,minutes,cost,station\n" + cells + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"fixes\.csv, row \d: .*{reason}"):
        read_fixes(path)


def workbook(path: Path, *rows: list[object], sheet: str = "Sheet") -> Path:
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    book.create_sheet("other").append(["nothing"])
    book.save(path)
    return path


def test_a_workbook_that_unpacks_to_too_much_is_refused_unopened(tmp_path: Path) -> None:
    path = workbook(tmp_path / "orders.xlsx", ["symptom", "action"], ["squeal", "tightened"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/more.xml", "w") as member:
        for _ in range(17):
            member.write(bytes(16_000_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match=r"orders\.xlsx: unpacks to 272 MB, more than the 256 MB"):
        read_cases(path)


def test_a_workbook_of_a_maintenance_system_needs_no_mapping(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "orders.xlsx",
        ["Work Order", "Equipment", "Fault Description", "Action Taken", "Completion Date", "Downtime (min)", "Remark"],
        [4711, "press-3", "belt squeals", "tightened belt", datetime(2026, 3, 1, 8, 30), 12, None],
        [None, None, None, None, None, None, None],
        [4712, "press-3", "belt squeals", None, None, 5.5, "?"],
        sheet="Orders",
    )
    table = read_cases(path)
    assert table.cases == (
        Case("4711", "belt squeals", "tightened belt", station="press-3", minutes=12.0, when="2026-03-01T08:30:00+00:00"),
    )
    assert table.rows == (2,)
    assert [(bad.row, bad.reason) for bad in table.bad_rows] == [(4, "no action")]
    assert table.guessed["Fault Description"] == "symptom"
    assert "Remark" not in table.columns
    assert read_cases(path, sheet="Orders").cases == table.cases
    with pytest.raises(UsageError, match="has no such sheet; it has Orders, other"):
        read_cases(path, sheet="orders")


def test_chinese_columns_are_guessed_and_what_is_said_goes_before_what_is_guessed(tmp_path: Path) -> None:
    table = read_cases(written(tmp_path, "故障现象,处理措施,结果,问题\n皮带打滑,调整张力,有效,x\n"))
    assert table.cases == (Case("", "皮带打滑", "调整张力", helped=True),)
    assert "问题" not in table.columns
    table = read_cases(written(tmp_path, "description,problem,remedy\nlong,short,fixed it\n"))
    assert table.cases[0].symptom == "short"
    table = read_cases(written(tmp_path, "description,problem,remedy\nlong,short,fixed it\n"), {"description": "symptom"})
    assert table.cases[0].symptom == "long"


def test_what_is_no_workbook_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.xlsx").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(DataError, match=r"torn\.xlsx: is not an XLSX workbook"):
        read_cases(tmp_path / "torn.xlsx")
    with pytest.raises(UsageError, match="is no workbook"):
        read_cases(written(tmp_path, "symptom,action\n"), sheet="one")


def test_of_100_000_rows_300_are_broken(tmp_path: Path) -> None:
    broken = {n * 333 + 1: n for n in range(300)}
    lines = ["symptom,action,minutes"]
    lines += [f"fault {n},fix {n},{'x' if n in broken else 5}" for n in range(100_000)]
    table = read_cases(written(tmp_path, "\n".join(lines)))
    assert len(table.cases) == 99_700
    assert [bad.row for bad in table.bad_rows] == [n + 2 for n in sorted(broken)]
    assert {bad.reason for bad in table.bad_rows} == {"minutes 'x' is not a number"}
