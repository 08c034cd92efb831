"""The index of a large memory is kept between starts, and no start believes one that is stale, torn or of another version."""

import logging
from pathlib import Path

import numpy as np
import pytest

from inspector.knowledge import Memory, Query, index_file
from inspector.knowledge.embedding import Embedder
from inspector.knowledge.search import TextIndex
from inspector.parts import Case, Suggestion

TROUBLES = ("belt squeals", "bearing is loud", "hiss at the valve", "皮带打滑", "oil on the floor", "motor gets hot")
ACTIONS = ("tightened the belt", "replaced the bearing", "replaced gasket", "cleaned the pulley", "topped up oil")
QUERIES = [Query(text=text) for text in ("squealing blet", "loud bearing at unit 7", "阀门漏气", "oil leak", "hot motor")]
CASES = [Case(f"c{n:03d}", f"{TROUBLES[n % 6]} at unit {n // 6}", ACTIONS[n * 7 % 5], station=f"s{n % 3}") for n in range(240)]


@pytest.fixture(autouse=True)
def small_memories_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "FEWEST_TEXTS", 10)
    monkeypatch.setattr("inspector.knowledge.search._MOST_SCANNED", 50)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the embeddings of all texts: what is made once need not be made in each test."""
    file = tmp_path_factory.mktemp("known") / "embeddings"
    Embedder(file).rows([*(case.symptom for case in CASES)])
    return file


@pytest.fixture
def file(known: Path, tmp_path: Path) -> Path:
    file = tmp_path / "embeddings"
    file.write_bytes(known.read_bytes())
    return file


def told(memory: Memory) -> list[list[tuple[str, float]]]:
    return [[(one.fix_id, round(one.score, 4)) for one in memory.suggest(query, 5)] for query in QUERIES]


def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the texts of each index that is built from then on."""
    sizes: list[int] = []
    whole = TextIndex.__init__

    def counting(index: TextIndex, texts: list[str], *others: object) -> None:
        if len(texts):
            sizes.append(len(texts))
        whole(index, texts, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(TextIndex, "__init__", counting)
    return sizes


def test_a_memory_opened_again_says_the_same_and_builds_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = told(Memory([], CASES, file))
    sizes = built(monkeypatch)
    assert told(Memory([], CASES, file)) == first
    assert sizes == []
    assert [path.name for path in file.parent.iterdir() if path.name.endswith(".new")] == []


def test_what_came_and_went_since_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "MOST_CHANGED", 0.2)
    monkeypatch.setattr("inspector.knowledge.pairing.LEAST_PROBLEMS", 10_000)  # what was learned of all problems is as old as the file
    monkeypatch.setattr("inspector.knowledge.search._MOST_SCANNED", 10_000)
    told(Memory([], CASES[:220], file))
    sizes = built(monkeypatch)
    memory = Memory([], CASES[10:], file)
    answers = told(memory)
    assert sizes == []
    fresh = Memory([], CASES[10:])
    assert answers == told(fresh)
    for one in (memory, fresh):
        one.learn(CASES[3])  # a text of the file that had gone
    assert told(memory) == told(fresh)


def test_a_memory_that_changed_much_is_built_anew_and_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(Memory([], CASES[:100], file))
    sizes = built(monkeypatch)
    told(Memory([], CASES, file))
    told(Memory([], CASES, file))
    assert sizes == [240]


@pytest.mark.parametrize("harm", ["torn", "rubbish", "another version", "words are cut otherwise"])
def test_a_file_that_cannot_be_used_costs_time_and_no_answer(
    harm: str, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = told(Memory([], CASES, file))
    kept = file.with_name("embeddings.index")
    whole = kept.read_bytes()
    if harm == "torn":
        kept.write_bytes(whole[: len(whole) // 2])
    elif harm == "rubbish":
        kept.write_bytes(whole[:3000] + bytes(1000) + whole[4000:])
    elif harm == "another version":
        monkeypatch.setattr(index_file, "_VERSION", 99)
    else:
        monkeypatch.setattr(index_file, "words", str.split)
    sizes = built(monkeypatch)
    with caplog.at_level(logging.INFO):
        assert told(Memory([], CASES, file)) == first
    assert sizes == [240]
    assert "the index is built anew" in caplog.text
    assert kept.stat().st_size == pytest.approx(len(whole), rel=0.01)


def test_a_folder_that_cannot_be_written_is_a_warning(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", refused)
    answers: list[list[tuple[str, float]]] = told(Memory([], CASES, file))
    assert all(answers)
    assert "No space left on device" in caplog.text
    assert [path.name for path in file.parent.iterdir()] == ["embeddings"]


def test_a_memory_without_a_file_keeps_nothing(tmp_path: Path) -> None:
    suggestions: tuple[Suggestion, ...] = Memory([], CASES[:30]).suggest(QUERIES[0])
    assert suggestions
    assert list(tmp_path.iterdir()) == []
