"""The memory of fixes with a million cases: `python -m tests.bench.million_cases [--cases N] [--json FILE]`.

The cases are made: the troubles of `parallel_en_zh.csv` at numbered places of 400 stations, in 40 products, each text about once; 3000
actions besides the shipped fixes; three in four with an outcome. Embedding a million texts takes an hour, once, when they are
imported; here each text gets the embedding of its trouble plus noise, so that the search has as much to do. Then a hundred known cases
are changed and a hundred new ones, with new words, are learned. Queries are new texts, a third of them with a typing error; what is asked
and learned is embedded for real. Reported: seconds to open, the first time and with the index that it kept, until a cause and a text can be
asked for; ms per query and per case learned, on the wall and of one core (p50, p95, p99); MB resident, of which the embeddings are a
mapped file that the system may drop.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import resource
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge import Memory, Query
from inspector.knowledge.embedding import DIMENSIONS, Embedder
from inspector.knowledge.seed import load_seed
from inspector.parts import Case, Fix, Parameter
from tests.bench.search_errors import mistyped

STATIONS, PRODUCTS, ACTIONS, QUERIES, TAUGHT = 400, 40, 3000, 300, 100
VERBS = ("replaced", "cleaned", "adjusted", "tightened", "repaired", "lubricated", "aligned", "checked", "更换", "清洁")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    troubles, rng = load_troubles(), np.random.default_rng(0)
    fixes, _ = load_seed()
    start = perf_counter()
    cases = list(made_cases(arguments.cases, troubles, [fix.fix_id for fix in fixes], [fix.causes for fix in fixes], rng))
    made_s, before_mb = perf_counter() - start, resident_mb()
    with TemporaryDirectory() as folder:
        write_embeddings(Path(folder) / "embeddings", troubles, {case.symptom for case in cases})
        gc.collect()
        built = opened(fixes, cases, Path(folder) / "embeddings")[1]
        gc.collect()
        memory, again = opened(fixes, cases, Path(folder) / "embeddings")
        del cases
        gc.freeze()  # as `open_memory` does
        table = asked_and_taught(memory, fixes, troubles, rng)
    table = {"cases": arguments.cases, "made_s": round(made_s, 1), "first_open_s": built, "open_s": again} | table
    table |= {
        "cases_mb": round(before_mb),
        "resident_mb": round(resident_mb()),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(table, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def opened(fixes: Sequence[Fix], cases: Sequence[Case], file: Path) -> tuple[Memory, dict[str, float]]:
    """Return a memory that has answered once, and the seconds until it knew its facts and its texts, on the wall and of a core."""
    start = perf_counter(), process_time()
    memory = Memory(fixes, cases, file)
    facts_s = perf_counter() - start[0]
    next(memory.suggest_all([Query(text="warm up")], 3))
    spans = {"facts": facts_s, "text": perf_counter() - start[0], "text_core": process_time() - start[1]}
    return memory, {name: round(span_s, 1) for name, span_s in spans.items()}


def asked_and_taught(memory: Memory, fixes: Sequence[Fix], troubles: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    """Ask, teach, and ask again: what was taught must not slow the answers down."""
    texts = [f"{trouble} at place {rng.integers(9999)}" for trouble in rng.choice(troubles, QUERIES)]
    queries = [
        Query(text=mistyped(text, rng) if at % 3 == 0 else text, station=f"s{rng.integers(STATIONS)}" if at % 2 else None)
        for at, text in enumerate(texts)
    ]
    facts = [
        Query(cause=cause, station=f"s{rng.integers(STATIONS)}") for cause in rng.choice(["belt_slip", "bearing_wear", "tool_wear"], 100)
    ]
    table = {"text_ms": timed(memory.suggest, queries), "facts_ms": timed(memory.suggest, facts)}
    fresh = list(made_cases(2 * TAUGHT, troubles, [fix.fix_id for fix in fixes], [fix.causes for fix in fixes], rng))
    known = [
        replace(case, case_id=f"case-{at:07d}") for at, case in enumerate(fresh[:TAUGHT])
    ]  # ids that are there: outcomes, changed words
    new = [replace(case, case_id=f"new-{at}", symptom=f"{case.symptom} once more {at}") for at, case in enumerate(fresh[TAUGHT:])]
    table |= {"changed_case_ms": timed(memory.learn, known), "new_case_ms": timed(memory.learn, new)}
    return table | {"text_afterwards_ms": timed(memory.suggest, queries)}


def timed(do: Callable[[Any], object], with_each: Sequence[Any]) -> dict[str, dict[str, float]]:
    spans = []
    for one in with_each:
        start = perf_counter(), process_time()
        do(one)
        spans.append(((perf_counter() - start[0]) * 1e3, (process_time() - start[1]) * 1e3))
    shares = {"p50": 50, "p95": 95, "p99": 99}
    wall, core = np.array(spans).T
    return {
        how: {name: round(float(np.percentile(ms, at)), 1) for name, at in shares.items()} for how, ms in (("wall", wall), ("core", core))
    }


def load_troubles() -> list[str]:
    with (Path(__file__).parent / "parallel_en_zh.csv").open(encoding="utf-8", newline="") as file:
        return [text for pair in csv.DictReader(file) for text in pair.values()]


def made_cases(
    count: int, troubles: Sequence[str], fixes: Sequence[str], causes: Sequence[Sequence[str]], rng: np.random.Generator
) -> Iterator[Case]:
    actions = [f"{VERBS[n % len(VERBS)]} {troubles[n % len(troubles)].split(' ')[0]} unit {n}" for n in range(ACTIONS)]
    for number in range(count):
        trouble, place, kind = (int(one) for one in rng.integers((len(troubles), 9999, 4)))
        fix = int(rng.integers(len(fixes)))
        yield Case(
            f"case-{number:07d}",
            f"{troubles[trouble]} at place {place}",
            "" if kind == 0 else actions[(trouble * 7 + place % 5) % ACTIONS],
            fixes[fix] if kind == 0 else None,
            cause=next(iter(causes[fix]), None) if kind == 0 else None,
            station=f"s{place % STATIONS}",
            product=f"p{place % PRODUCTS}",
            helped=None if kind == 1 else bool(place % 3),
            parameters=(Parameter("belt_tension", 0.5, "MPa"),) if kind == 0 else (),
            minutes=float(place % 60),
            when=f"2026-{1 + place % 12:02d}-{1 + place % 28:02d}T00:00:00+00:00",
        )


def write_embeddings(file: Path, troubles: Sequence[str], symptoms: Iterable[str]) -> None:
    """Write what an import would have left: the vectors of all texts."""
    centres = Embedder().encode(troubles)
    place, rng = {trouble: at for at, trouble in enumerate(troubles)}, np.random.default_rng(0)

    def encode(_self: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = centres[[place.get(text.rpartition(" at place ")[0], 0) for text in texts]]
        vectors = vectors + rng.normal(scale=0.6 / np.sqrt(DIMENSIONS), size=vectors.shape).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    with patch.object(Embedder, "encode", encode):
        Embedder(file).rows(list(symptoms))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
