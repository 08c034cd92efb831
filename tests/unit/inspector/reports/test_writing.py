"""Reports of parts and batches that were made up: whole in both formats and languages, with no text of the plant as markup."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from inspector.cli import main
from inspector.commands.report import instant
from inspector.diagnosis import load_catalogue
from inspector.errors import UsageError
from inspector.home import Home
from inspector.parts import PartTruth
from inspector.reports import batch_of, batch_report, html_of, part_report, pdf_of
from inspector.reports.sheets import interval
from inspector.store import Store

NOW = datetime(2026, 3, 5, 14, 0, tzinfo=UTC)
HURTFUL = "<script>alert(1)</script> #panic() $x$"
CATALOGUE = load_catalogue()


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)
    with Store.open(Home.at(tmp_path)) as opened:
        yield opened


def at(hours):
    return int((NOW - timedelta(hours=hours)).timestamp()) * 10**9


def shift(store, made_line):
    """Keep eight parts: two failed, one of which was good, and one that passed was not."""
    ids = []
    for number in range(8):
        fault = made_line.FAULTS[0] if number in (3, 5) else None
        inspection = made_line.inspection(number, fault=fault, wall_utc_ns=at(4 - number / 2))
        truth = {3: PartTruth("scratch"), 4: PartTruth("burr"), 6: PartTruth()}.get(number)
        ids.append(store.add(inspection, truth))
    store.add_feedback(ids[5], "verdict_wrong")
    return ids


@pytest.mark.parametrize(("lang", "expected"), [("en", ("FAIL", "bearing wear", "Page")), ("zh", ("不合格", "轴承磨损", "实测证据"))])
def test_a_part_is_reported_whole(store, made_line, lang, expected):
    store.add(made_line.inspection(4))
    stored = store.get(store.add(made_line.inspection(5, fault=made_line.FAULTS[1], part_id=HURTFUL)))
    store.add_feedback(stored.summary.inspection_id, "verdict_right", who="Li Wei")
    sheet = part_report(store, stored, CATALOGUE, lang, NOW)
    page = html_of(sheet)
    assert sheet.page_word in ("Page", "页")
    for text in (*expected[:2], "14.2 dB", "Li Wei", "demo-press 1.0.0"):
        assert text.lower() in page.lower()
    assert HURTFUL not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert page.count("<img") == 2 + 3 + 6
    content = pdf_of(sheet)
    assert content.startswith(b"%PDF-")
    assert b"NotoSansCJK" in content


def test_a_part_of_which_nothing_is_kept_is_reported_too(store, made_line):
    stored = store.get(store.add(made_line.inspection(7)))
    for path in stored.folder.iterdir():
        path.unlink()
    assert "no longer kept" in html_of(part_report(store, stored, CATALOGUE, "en", NOW))


def test_a_batch_is_counted_with_its_mistakes(store, made_line):
    ids = shift(store, made_line)
    batch = batch_of(store, "demo-press", at(5), at(0))
    assert [part.inspection_id for part in batch.parts] == ids
    assert batch.truths == {ids[3]: "scratch", ids[4]: "burr", ids[5]: "ok", ids[6]: "ok"}
    assert batch.answered == {ids[5]}
    page = html_of(batch_report(batch, CATALOGUE, "en", NOW))
    for text in ("75.0% (34.9% to 96.8%)", "known of 4 of 8", "1 of 2", "belt slip"):
        assert text in page
    assert "漏检" in html_of(batch_report(batch, CATALOGUE, "zh", NOW))
    assert pdf_of(batch_report(batch, CATALOGUE, "zh", NOW)).startswith(b"%PDF-")


def test_a_span_leaves_out_what_is_outside(store, made_line):
    shift(store, made_line)
    assert len(batch_of(store, "demo-press", at(2), at(1)).parts) == 2


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (0, 0, 0, 1)]
)
def test_intervals_are_those_of_clopper_and_pearson(hits, of, low, high):
    assert interval(hits, of) == pytest.approx((low, high), abs=1e-4)


def test_the_command_writes_and_checks(tmp_path, store, made_line, capsys):
    store.add(made_line.inspection(5, fault=made_line.FAULTS[1]))
    home = ["--home", str(tmp_path)]
    out = tmp_path / "part.html"
    assert main(["report", "part", "P-000005", "--out", str(out), "--lang", "zh", *home]) == 0
    assert 'lang="zh-CN"' in out.read_text(encoding="utf-8")
    assert main(["report", "batch", "--since", "1h", "--out", str(tmp_path / "batch.html"), *home]) == 0
    statement = tmp_path / "statement.txt"
    statement.write_text("The part was released. Cause: bearing wear.", encoding="utf-8")
    capsys.readouterr()
    assert main(["report", "check", "P-000005", str(statement), "--json", "-", *home]) == 2
    remarks = json.loads(capsys.readouterr().out)["remarks"]
    assert [one["finding"] for one in remarks] == ["contradicts", "holds"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["part", "P-9", "--out", "x.pdf"], "no part 'P-9'"),
        (["part", "P-9", "--out", "x.doc"], "must end with .pdf or .html"),
        (["batch", "--station", "other", "--out", "x.pdf"], "is not known"),
        (["batch", "--since", "yesterday", "--out", "x.pdf"], "write how long ago"),
        (["batch", "--since", "1h", "--until", "2h", "--out", "x.pdf"], "must be before"),
        (["batch", "--since", "20d", "--until", "19d", "--out", "x.pdf"], "no part between"),
    ],
)
def test_what_cannot_be_reported_is_told(tmp_path, store, made_line, capsys, words, told):
    store.add(made_line.inspection(1))
    assert main(["report", *words, "--home", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


def test_an_instant_is_written_as_people_write_it():
    assert instant("90m", NOW, "--since") == NOW - timedelta(minutes=90)
    assert instant("2026-03-05T06:00+00:00", NOW, "--since") == NOW - timedelta(hours=8)
    with pytest.raises(UsageError, match="--until soon"):
        instant("soon", NOW, "--until")
