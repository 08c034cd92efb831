"""A memory that is taught case by case is the memory that knew them all from the beginning."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspector.knowledge import Memory, Query
from inspector.knowledge.embedding import Embedder
from inspector.knowledge.growing import Column, Postings
from inspector.knowledge.options import Options
from inspector.knowledge.search import Bm25
from inspector.knowledge.spelling import Spelling
from inspector.knowledge.words import words
from inspector.parts import Case, Fix, Parameter, Suggestion, Text

FIXES = [
    Fix("tighten", Text("Tighten the belt", "张紧皮带"), ("belt_slip",), ("scratch",), (Parameter("tension", 0.5, "MPa", 0.4, 0.6),), 5.0),
    Fix("grease", Text("Grease the bearing", "润滑轴承"), ("bearing_wear",)),
]
SYMPTOMS = (
    "belt squeals",
    "belt slips on start",
    "bearing is loud",
    "hiss at the valve",
    "皮带打滑",
    "oil on the floor",
    "belt sqeals badly",
)
ACTIONS = ("", "replaced gasket", "Replaced gasket.", "cleaned the pulley", "tighten the BELT", "ordered a pump")
QUERIES = [
    *(Query(text=text) for text in (*SYMPTOMS, "squealing blet", "oil leak", "阀门漏气")),
    *(Query(cause=cause, station=station) for cause in ("belt_slip", "bearing_wear") for station in (None, "s0", "s1")),
    Query(cause="belt_slip", defect="scratch", text="slips", station="s1", product="p1"),
]


def made(rng: np.random.Generator, number: int) -> Case:
    action = ACTIONS[rng.integers(len(ACTIONS))]
    return Case(
        f"c{number}",
        SYMPTOMS[rng.integers(len(SYMPTOMS))] + (f" at station {rng.integers(4)}" if rng.random() < 0.5 else ""),
        action,
        fix_id=("tighten", "grease")[rng.integers(2)] if not action or rng.random() < 0.2 else None,
        cause=(None, "belt_slip", "bearing_wear")[rng.integers(3)],
        defect=(None, "scratch")[rng.integers(2)],
        station=f"s{rng.integers(3)}",
        product=(None, "p1")[rng.integers(2)],
        helped=(None, True, False)[rng.integers(3)],
        parameters=(Parameter("tension", float(rng.uniform(0.3, 0.7)), "MPa"),) if rng.random() < 0.4 else (),
        minutes=float(rng.integers(60)) if rng.random() < 0.5 else None,
        when=f"2026-03-{1 + rng.integers(28):02d}" if rng.random() < 0.9 else None,
    )


def told(memory: Memory) -> list[list[Suggestion]]:
    """Return all answers, with scores to the digits that do not depend on the order of summing."""
    answers = [memory.suggest(query, 5) for query in QUERIES]
    return [[replace(one, score=round(one.score, 4), cases=tuple(sorted(one.cases)), action=Text("", ""), original=None) for one in answer]
            for answer in answers]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_taught_one_by_one_equals_built_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = {case.case_id: case for case in (made(rng, number) for number in range(60))}
    taught = Memory(FIXES, list(cases.values())[: (0, 1, 20, 40)[seed]])
    if seed % 2:
        taught.suggest(QUERIES[0])  # the search is built before it is taught
    for case in list(cases.values())[(0, 1, 20, 40)[seed] :]:
        taught.learn(case)
    for case_id in rng.choice(list(cases), 20, replace=False):
        # What becomes known later: an outcome; or an operator's last word, which changes all.
        cases[case_id] = (
            replace(cases[case_id], helped=bool(rng.integers(2))) if rng.random() < 0.7 else replace(made(rng, 0), case_id=case_id)
        )
        taught.learn(cases[case_id])
    assert told(taught) == told(Memory(FIXES, list(cases.values())))
    assert taught.overview() == replace_spelling(taught, Memory(FIXES, list(cases.values())).overview())


def replace_spelling(memory: Memory, overview: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
    """Return an overview with the spelling of actions that `memory` met first."""
    first = {one.fix_id: one for one in memory.overview()}
    return tuple(replace(one, action=first[one.fix_id].action, original=first[one.fix_id].original) for one in overview)


def test_a_new_action_is_suggested_at_once_and_one_that_nobody_did_is_not() -> None:
    memory = Memory(FIXES, [Case("c1", "belt squeals", "waxed the belt", cause="belt_slip")])
    assert "cleaned the drum" not in {one.original for one in memory.suggest(Query(text="belt squeals"), 9)}
    memory.learn(Case("c2", "drum rumbles loudly", "cleaned the drum", cause="bearing_wear", helped=True))
    assert memory.suggest(Query(text="rumbling drum"))[0].original == "cleaned the drum"
    memory.learn(Case("c1", "drum rumbles loudly", "cleaned the drum", cause="bearing_wear", helped=True))
    for query in (Query(text="belt squeals"), Query(cause="belt_slip"), Query(cause="belt_slip", text="waxed the belt")):
        assert "waxed the belt" not in {one.original for one in memory.suggest(query, 9)}


def test_a_memory_may_come_to_know_nothing_any_more() -> None:
    memory = Memory([], [])
    assert memory.suggest(Query(text="drum rumbles")) == ()
    memory.learn(Case("c1", "drum rumbles", "cleaned the drum"))
    assert len(memory.suggest(Query(text="drum rumbles"))) == 1
    memory.learn(Case("c1", "drum rumbles"))
    assert memory.suggest(Query(text="drum rumbles")) == memory.overview() == ()


def test_a_search_over_many_texts_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspector.knowledge.search._MOST_SCANNED", 10)
    cases = [Case(f"c{n}", f"{SYMPTOMS[n % 7]} {n}", f"action {n % 5}") for n in range(40)]
    memory = Memory(FIXES, cases[:8])
    memory.suggest(QUERIES[0])
    for case in cases[8:]:
        memory.learn(case)
    for query in QUERIES[:6]:
        assert [one.fix_id for one in memory.suggest(query)] == [one.fix_id for one in Memory(FIXES, cases).suggest(query)]


# --- the pieces ----------------------------------------------------------------------------------------------------------------


def test_words_are_weighed_as_if_all_texts_had_been_there() -> None:
    texts = ["belt slips", "the belt squeals and the belt smokes", "bearing hot", "belt", "valve hisses at station four"]
    grown = Bm25(texts[:2], words)
    for text in texts[2:]:
        grown.add(text)
    whole = Bm25(texts, words)
    for query in (*texts, "blet", "stat"):
        assert np.allclose(grown.scores(query)[0], whole.scores(query)[0], atol=1e-6)
        assert grown.scores(query)[1] == whole.scores(query)[1]


def test_spelling_knows_the_words_that_came_later() -> None:
    spelling = Spelling(["bearing"])
    assert spelling.alike("temprature") == {}
    spelling.add("temperature")
    assert spelling.alike("temprature").keys() == spelling.alike("temp").keys() == {1}


def test_postings_and_columns_grow() -> None:
    postings = Postings(np.array([2, 0, 2], np.int32), np.array([0, 1, 2], np.int32), np.array([1, 300, 3]))
    for key in (2, 5):
        postings.add(key, 7, 400)
    assert [postings.length(key) for key in range(7)] == [1, 0, 3, 0, 0, 1, 0]
    assert [part.tolist() for part in postings.of(2)] == [[0, 2, 7], [1, 3, 255]]
    assert postings.of(0)[1].tolist() == [255]
    column = Column(np.zeros((0, 3), np.int8))
    assert [column.append([n, n, n]) for n in range(50)] == list(range(50))
    assert column.values.shape == (50, 3)
    assert column.values[49, 2] == 49


def test_embeddings_are_kept_in_a_file_that_only_grows(tmp_path: Path) -> None:
    file = tmp_path / "knowledge" / "embeddings"
    first = Embedder(file)
    kept = first.remembered(["belt", "valve", "belt"]).whole(slice(None))
    assert np.array_equal(kept[0], kept[2])
    assert np.abs(kept - first.encode(["belt", "valve", "belt"])).max() < 0.005
    size = file.stat().st_size
    with file.open("ab") as torn:
        torn.write(b"killed while writing")
    again = Embedder(file)
    assert np.array_equal(again.remembered(["valve"]).whole(slice(None)), kept[1:2])
    mixed = again.remembered(["oil", "valve"])
    assert np.array_equal(mixed.whole(slice(None))[1], kept[1])
    assert file.stat().st_size == size * 3 // 2
    assert np.array_equal(Embedder(file).remembered(["oil"]).whole(slice(None)), mixed.whole(slice(0, 1)))


def test_what_is_set_and_what_it_takes_follow_the_cases() -> None:
    cases = [Case(f"c{n}", "x", "did it", helped=True, minutes=float(n), when=f"2026-01-{n:02d}", parameters=(Parameter("t", n, "s"),))
             for n in range(1, 6)]  # fmt: skip
    known = Options([], cases)
    (option,) = known.by_id.values()
    assert (option.minutes, option.settings["t", "s"].value) == (3.0, 5)
    option.forget(cases[4], known.context_of(cases[4]))
    assert (option.minutes, option.settings["t", "s"].value, option.tried) == (2.5, 4, 4)
    for case in cases[:4]:
        option.forget(case, known.context_of(case))
    assert (option.minutes, option.settings, option.tried, option.groups) == (None, {}, 0, {})
