"""A line learns what people say while it runs, without opening its memory again."""

from pathlib import Path

import pytest

from inspector.commands.installation import Knowledge, open_store
from inspector.knowledge import Query
from inspector.parts import Case, Fix, Text
from inspector.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def counted(knowledge: Knowledge, fix_id: str = "set-belt-tension") -> tuple[int, int]:
    (fix,) = (one for one in knowledge.memory.suggest(Query(cause="belt_slip"), 9) if one.fix_id == fix_id)
    return fix.tried, fix.helped


def slipped(number: int, helped: bool | None = None) -> Case:
    return Case(f"c{number:03d}", f"belt slips {number}", fix_id="set-belt-tension", cause="belt_slip", station="s1", helped=helped)


def test_an_outcome_is_learned_by_the_memory_that_is_there(store: Store, tmp_path: Path) -> None:
    store.add_cases([slipped(1), slipped(2, True)], "test")
    knowledge = Knowledge(store, tmp_path)
    memory = knowledge.memory
    assert (knowledge.keep_up(), counted(knowledge)) == (False, (1, 1))
    store.set_case_outcome("c001", False)
    assert (knowledge.keep_up(), counted(knowledge)) == (True, (2, 1))
    store.set_case_outcome("c001", True)
    assert (knowledge.keep_up(), counted(knowledge)) == (True, (2, 2))
    assert not knowledge.keep_up()
    assert knowledge.memory is memory


def test_an_import_is_learned_bit_by_bit(store: Store, tmp_path: Path) -> None:
    knowledge = Knowledge(store, tmp_path)
    store.add_cases([slipped(number, number % 2 == 0) for number in range(45)], "test")
    seen = []
    while knowledge.keep_up():
        seen.append(counted(knowledge)[0])
    assert sorted(set(seen)) == [20, 40, 45]
    store.set_case_outcome("c044", False)
    assert (knowledge.keep_up(), counted(knowledge)) == (True, (45, 22))


def test_what_is_taken_out_or_can_be_done_anew_opens_the_memory_again(store: Store, tmp_path: Path) -> None:
    first = store.add_cases([slipped(1, True)], "test")
    knowledge = Knowledge(store, tmp_path)
    assert first.batch_id is not None
    store.undo_import(first.batch_id)
    store.add_cases([slipped(2, False)], "test")
    assert (knowledge.keep_up(), counted(knowledge)) == (True, (1, 0))
    assert not knowledge.keep_up()
    assert [batch.source for batch in store.imports()] == ["test"]
    store.add_cases([], "pack", [Fix("wax", Text("Wax the belt", "给皮带打蜡"), ("belt_slip",))])
    assert (knowledge.keep_up(), counted(knowledge, "wax")) == (True, (0, 0))


def test_a_clock_that_is_set_back_hides_no_answer(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_cases([slipped(1)], "test")
    knowledge = Knowledge(store, tmp_path)
    monkeypatch.setattr("inspector.store.memory.time.time_ns", lambda: 1)
    store.set_case_outcome("c001", True)
    assert (knowledge.keep_up(), counted(knowledge)) == (True, (1, 1))
