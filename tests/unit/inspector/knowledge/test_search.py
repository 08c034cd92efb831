"""Words forgive their spelling, meanings are found among many, and answers teach which problems are alike."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.knowledge.embedding import Cells, Quantised
from inspector.knowledge.pairing import learn
from inspector.knowledge.search import Bm25
from inspector.knowledge.spelling import Spelling, is_abbreviation
from inspector.knowledge.words import words

WORDS = ["replaced", "gasket", "gaskets", "temperature", "bearing", "valve", "intake", "intact", "belt", "bent", "皮带", "assembly"]


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("replcaed", "replaced"),
        ("temperture", "temperature"),
        ("temp", "temperature"),
        ("brg", "bearing"),
        ("vlv", "valve"),
        ("gaskts", "gaskets"),
    ],
)
def test_a_misspelt_or_shortened_word_is_found(written: str, meant: str) -> None:
    alike = Spelling(WORDS).alike(written)
    assert max(alike, key=lambda at: alike[at]) == WORDS.index(meant)


def test_another_word_is_not_meant() -> None:
    spelling = Spelling(WORDS)
    assert WORDS.index("bent") not in spelling.alike("belt")
    assert WORDS.index("intact") not in spelling.alike("intake")
    assert spelling.alike("4711") == spelling.alike("xq") == {}
    assert not is_abbreviation("be", "bearing")
    assert not is_abbreviation("bearin", "bearing")


def test_fuzzy_scores_are_those_of_the_right_words_or_less() -> None:
    index = Bm25(["replaced intake gasket", "bearing runs hot", "belt slips"], words)
    right, known = index.scores("replaced gasket")
    wrong, _ = index.scores("replcaed gsaket")
    assert known == 1
    assert right.argmax() == wrong.argmax() == 0
    exact = Bm25(["replaced intake gasket", "bearing runs hot", "belt slips"], words, exact=True)
    assert right[0] == pytest.approx(exact.scores("replaced gasket")[0][0], rel=1e-3)
    assert exact.scores("replcaed gsaket")[1] == 0
    nothing, known = index.scores("皮带")
    assert (nothing.max(), known) == (0, 0)


def test_bytes_keep_the_cosine_and_cells_the_neighbours() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 64))
    vectors = unit(centres[rng.integers(0, 40, 4000)] + rng.normal(size=(4000, 64)))
    kept = Quantised(vectors)
    everything = np.arange(len(vectors))
    assert np.abs(kept.dot(everything, vectors[7]) - vectors @ vectors[7]).max() < 0.01
    found = [set(Cells(kept).nearest(vector, 20).tolist()) & set(np.argsort(-(vectors @ vector))[:20].tolist()) for vector in vectors[:20]]
    assert np.mean([len(one) for one in found]) > 12
    assert len(Quantised(np.zeros((0, 64), np.float32))) == 0


def test_problems_that_were_answered_alike_become_alike() -> None:
    rng = np.random.default_rng(0)
    names = [f"part{n}" for n in range(20)]
    problems = [[name, rng.choice(["leaks", "drips", "weeps"]), f"w{rng.integers(9)}"] for name in names for _ in range(20)]
    actions = [["seal", "changed"] if int(name[4:]) % 2 else ["bolts", "tightened"] for name in names for _ in range(20)]
    meanings = unit(rng.normal(size=(len(problems), 512)))
    pairing = learn(problems, meanings, actions)
    assert pairing is not None
    blank = np.zeros((3, 512), np.float32)
    one, same, other = pairing.project([["part1", "leaks"], ["part3", "drips"], ["part2", "leaks"]], blank)
    assert one @ same > 0.8 > 0.5 > one @ other
    assert learn(problems[:50], meanings[:50], actions[:50]) is None
