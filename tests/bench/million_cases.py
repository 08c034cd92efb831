"""The memory of fixes with a million cases: `python -m tests.bench.million_cases [--cases N] [--json FILE]`.

The cases are made: the troubles of `parallel_en_zh.csv` at numbered places of 400 stations, in 40 products, each text about once; 3000
actions besides the shipped fixes; three in four with an outcome. Embedding a million texts takes an hour, once, when they are
imported; here each text gets the embedding of its trouble plus noise, so that the search has as much to do. Queries are new texts, a third
of them with a typing error, and are embedded for real. Reported: seconds to open; ms per query on the wall and of one core (p50, p95,
p99); MB resident.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time
from unittest.mock import patch

import numpy as np

from inspector.knowledge import Memory, Query
from inspector.knowledge.embedding import DIMENSIONS, Embedder, Quantised
from inspector.knowledge.seed import load_seed
from inspector.parts import Case, Parameter
from tests.bench.search_errors import mistyped

STATIONS, PRODUCTS, ACTIONS, QUERIES = 400, 40, 3000, 300
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
    start = perf_counter()
    with patch.object(Embedder, "remembered", stand_in(troubles)):
        memory = Memory(fixes, cases)
        del cases
        next(memory.suggest_all([Query(text="warm up")], 3))
    gc.freeze()  # as `open_memory` does
    open_s = perf_counter() - start
    texts = [f"{trouble} at place {rng.integers(9999)}" for trouble in rng.choice(troubles, QUERIES)]
    queries = [
        Query(text=mistyped(text, rng) if at % 3 == 0 else text, station=f"s{rng.integers(STATIONS)}" if at % 2 else None)
        for at, text in enumerate(texts)
    ]
    facts = [
        Query(cause=cause, station=f"s{rng.integers(STATIONS)}") for cause in rng.choice(["belt_slip", "bearing_wear", "tool_wear"], 100)
    ]
    table = {
        "cases": arguments.cases,
        "made_s": round(made_s, 1),
        "open_s": round(open_s, 1),
        "text_ms": timed(memory, queries),
        "facts_ms": timed(memory, facts),
        "cases_mb": round(before_mb),
        "resident_mb": round(resident_mb()),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(table, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def timed(memory: Memory, queries: Sequence[Query]) -> dict[str, dict[str, float]]:
    spans = []
    for query in queries:
        start = perf_counter(), process_time()
        memory.suggest(query)
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


def stand_in(troubles: Sequence[str]):  # type: ignore[no-untyped-def]
    """Return a stand-in for `Embedder.remembered`."""
    centres = Embedder().encode(troubles)
    place = {trouble: at for at, trouble in enumerate(troubles)}

    def remembered(_self: Embedder, texts: Sequence[str]) -> Quantised:
        rng, blocks = np.random.default_rng(0), []
        for start in range(0, len(texts), 8192):
            rows = [place.get(text.rpartition(" at place ")[0], 0) for text in texts[start : start + 8192]]
            vectors = centres[rows] + rng.normal(scale=0.6 / np.sqrt(DIMENSIONS), size=(len(rows), DIMENSIONS)).astype(np.float32)
            blocks.append(Quantised.of(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)))
        return Quantised(np.concatenate([one.values for one in blocks]), np.concatenate([one.scales for one in blocks]))

    return remembered


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
