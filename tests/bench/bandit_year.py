"""A year of fixes: do suggestions learn which fix works at which station? `python -m tests.bench.bandit_year [--seeds N] [--json FILE]`.

Five causes at six stations; each cause has four fixes. How often a fix helps is drawn per cause and fix, and drawn again for a third of the
pairs of station and fix, so that no one ranking is best everywhere. Troubles come about three times a day. Whoever is in charge takes the
first suggestion, notes whether it helped, and takes the next one for the same trouble until one has. Regret: tries that did not help beyond
those of the best ranking of each station and cause, which nobody knows. Beside the memory of fixes: the best ranking that is the same at
all stations (known only in hindsight), and fixes in an order of chance.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge import Memory, Query
from inspector.parts import Case, Fix, Text

STATIONS, CAUSES, FIXES, DAYS, PER_DAY = 6, 5, 4, 365, 3
Trouble = tuple[int, int, NDArray[np.float64]]
Ranking = Callable[[int, int], Sequence[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    years = [year(seed) for seed in range(arguments.seeds)]
    table = {name: np.mean([one[name] for one in years], axis=0).round(1).tolist() for name in years[0]}
    print(f"regret in failed tries by quarter, mean of {arguments.seeds} years")
    for name, quarters in table.items():
        print(f"{name:<34} " + "  ".join(f"{value:6.1f}" for value in quarters) + f"   year {sum(quarters):6.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def year(seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    common = rng.uniform(0.1, 0.9, (CAUSES, FIXES))
    own = rng.random((STATIONS, CAUSES, FIXES)) < 1 / 3
    chance = np.where(own, rng.uniform(0.1, 0.9, own.shape), common)
    count = DAYS * PER_DAY
    troubles = [(int(rng.integers(STATIONS)), int(rng.integers(CAUSES)), rng.random(FIXES)) for _ in range(count)]
    one_for_all = np.argsort(-chance.mean(axis=0), axis=1)
    best = failed(troubles, chance, lambda station, cause: list(np.argsort(-chance[station, cause])))
    table = {
        "memory of fixes": remembered(troubles, chance),
        "best ranking for all stations": failed(troubles, chance, lambda _, cause: list(one_for_all[cause])),
        "by chance": failed(troubles, chance, lambda *_: list(rng.permutation(FIXES))),
    }
    return {name: [float(part.sum()) for part in np.array_split(tries - best, 4)] for name, tries in table.items()}


def failed(troubles: Sequence[Trouble], chance: NDArray[np.float64], ranking: Ranking) -> NDArray[np.float64]:
    """Return how many tries of each trouble did not help."""
    return np.array([tries(luck, chance[station, cause], ranking(station, cause))[0] for station, cause, luck in troubles], float)


def tries(luck: NDArray[np.float64], chance: NDArray[np.float64], order: Sequence[int]) -> tuple[int, list[tuple[int, bool]]]:
    """Return how many tries failed, and what was tried, until one helped; the same luck whoever tries."""
    noted: list[tuple[int, bool]] = []
    for fix in order:
        noted.append((fix, bool(luck[fix] < chance[fix])))
        if noted[-1][1]:
            break
    return sum(not helped for _, helped in noted), noted


def remembered(troubles: Sequence[Trouble], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    fixes = [Fix(f"c{cause}-f{fix}", Text(f"fix {fix}", f"{fix}"), (f"c{cause}",)) for cause in range(CAUSES) for fix in range(FIXES)]
    memory, found = Memory(fixes, []), []
    for number, (station, cause, luck) in enumerate(troubles):
        answer = memory.suggest(Query(cause=f"c{cause}", station=f"s{station}"), FIXES)
        order = [int(one.fix_id.rpartition("f")[2]) for one in answer]
        missed, noted = tries(luck, chance[station, cause], order)
        found.append(missed)
        when = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number / PER_DAY)).isoformat()
        for fix, helped in noted:
            memory.learn(
                Case(f"{number}-{fix}", fix_id=f"c{cause}-f{fix}", cause=f"c{cause}", station=f"s{station}", helped=helped, when=when)
            )
    return np.array(found, float)


if __name__ == "__main__":
    main()
