import threading

import pytest
from sqlalchemy import create_engine, text

from inspector.parts import Case, Inspection, ModelRef, PartRecord, Trigger, Verdict
from inspector.store import Store


@pytest.fixture
def store(new_home):
    with Store.open(new_home) as opened:
        yield opened


def part(part_id="p1"):
    trigger = Trigger("demo-press", part_id, 0)
    return Inspection(PartRecord(trigger, {}, {}, {}), Verdict("review", 0.4, 0.5, ModelRef("m", "1", "abc")))


def sql(home, *statements):
    engine = create_engine(home.database_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def log_of_five(store):
    for number in range(5):
        store.audit.note("threshold", "demo-press", {"threshold": number / 10})
    return store.audit.check()


def test_a_whole_log_has_no_findings(store):
    check = log_of_five(store)
    assert (check.entries, check.findings) == (5, ())
    assert store.audit.check(check.end).findings == ()


def test_an_empty_log_is_whole(store):
    assert store.audit.check().findings == ()


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE audit SET detail = '{\"threshold\": 0.9}' WHERE sequence = 3"], "row 3 was changed"),
        (["UPDATE audit SET who = 'nobody' WHERE sequence = 5"], "row 5 was changed"),
        (["UPDATE audit SET wall_utc_ns = wall_utc_ns + 1 WHERE sequence = 1"], "row 1 was changed"),
        (["UPDATE audit SET hash = 'x' WHERE sequence = 2"], "row 2 was changed"),
        (["DELETE FROM audit WHERE sequence = 1"], "row 1 is missing"),
        (["DELETE FROM audit WHERE sequence IN (2, 3)"], "rows 2 to 3 are missing"),
        (["DELETE FROM audit WHERE sequence = 5"], "row 5 is missing"),
        (["DELETE FROM audit"], "rows 1 to 5 are missing"),
        (["DELETE FROM audit WHERE sequence = 5", "UPDATE audit_end SET sequence = 4"], "rows were added or replaced"),
        (["DELETE FROM audit_end"], "rows were added or replaced"),
        (
            [f"UPDATE audit SET sequence = {new} WHERE sequence = {old}" for old, new in ((2, 9), (3, 2), (9, 3))],
            "row 3 was changed or moved",
        ),
        (
            ["DELETE FROM audit WHERE sequence = 3", "UPDATE audit SET sequence = sequence - 1 WHERE sequence > 3"],
            "row 3 does not follow",
        ),
        (
            ["INSERT INTO audit SELECT 6, wall_utc_ns, who, action, subject, detail, hash, 'x' FROM audit WHERE sequence = 5"],
            "row 6 was changed",
        ),
    ],
)
def test_what_was_done_to_the_log_is_found(store, new_home, statements, found):
    log_of_five(store)
    sql(new_home, *statements)
    assert any(found in finding for finding in store.audit.check().findings)


def test_a_log_that_was_made_anew_is_not_the_one_that_was_noted(store, new_home):
    noted = log_of_five(store).end
    sql(new_home, "DELETE FROM audit", "DELETE FROM audit_end")
    log_of_five(store)
    assert store.audit.check().findings == ()
    assert store.audit.check(noted).findings == ("row 5 is not the one that was noted earlier: the log was made anew",)
    sql(new_home, "DELETE FROM audit", "DELETE FROM audit_end")
    assert store.audit.check(noted).findings == ("the log ends before row 5, which was noted earlier",)


def test_the_line_goes_on_storing_after_the_log_was_damaged(store, new_home):
    log_of_five(store)
    sql(new_home, "DELETE FROM audit_end", "DELETE FROM audit WHERE sequence = 4")
    store.add(part())
    assert store.audit.check().findings[0] == "row 4 is missing"


def test_a_verdict_that_was_changed_is_found_by_its_digest(store, new_home):
    inspection_id = store.add(part())
    assert store.audit.check().findings == ()
    sql(new_home, "UPDATE inspection_document SET document = replace(document, '\"review\"', '\"pass\"')")
    assert store.audit.check().findings == (f"row 1: inspection {inspection_id} is not as it was stored",)
    sql(new_home, "DELETE FROM inspection_document")
    check = store.audit.check()
    assert (check.findings, check.verdicts_gone) == ((), 1)


def test_every_change_is_signed(store):
    inspection_id = store.add(part())
    mei = store.signed("mei")
    mei.add_feedback(inspection_id, "verdict_wrong", who="mei", note="it is fine")
    mei.add_cases([Case("c1", "squeal", "tightened")], "list.csv")
    mei.set_case_outcome("c1", True)
    mei.undo_import(mei.imports()[0].batch_id)
    mei.people.add("li", {"*": "viewer"}, "hash")
    entries = store.audit.entries()
    assert [entry.action for entry in reversed(entries)] == [
        "verdict",
        "overruled",
        "cases imported",
        "case rated",
        "import undone",
        "person added",
    ]
    assert [entry.who for entry in reversed(entries)] == ["station demo-press", *["mei"] * 5]
    assert entries[-2].detail["note"] == "it is fine"
    assert "hash" not in str([entry.detail for entry in entries if entry.action == "person added"])


def test_a_change_that_fails_leaves_no_row(store):
    with pytest.raises(Exception, match="no case"):
        store.set_case_outcome("nobody", True)
    assert store.audit.entries() == []


def test_what_did_not_change_is_not_noted_again(store):
    assert store.audit.note_change("model", "demo-press", {"sha256": "a", "threshold": 0.5})
    assert not store.audit.note_change("model", "demo-press", {"threshold": 0.5, "sha256": "a"})
    assert store.audit.note_change("model", "demo-press", {"sha256": "b", "threshold": 0.5})
    assert len(store.audit.entries(action="model")) == 2


def test_writers_side_by_side_make_one_chain(new_home):
    def write(number):
        with Store.open(new_home) as own:
            for _ in range(20):
                own.audit.note("note", f"writer {number}", {})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store.open(new_home) as store:
        check = store.audit.check()
        assert (check.entries, check.findings) == (100, ())
