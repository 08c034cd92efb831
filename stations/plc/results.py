"""Results on their way to the PLC: numbered, shown one after another, held until they are acknowledged, remembered for a while."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace

from stations.plc.memory import Result

REMEMBERED = 64
"""Acknowledged results that are kept, to answer a PLC that asks for the same part again."""


class Results:
    """Those of one station.

    Args:
        held: what an earlier run left unacknowledged, oldest first.
        sequence: the last number that was given.
    """

    def __init__(self, held: Iterable[Result], sequence: int) -> None:
        self._held = deque(held)
        self._taken: OrderedDict[int, Result] = OrderedDict()
        self._sequence = sequence

    def __len__(self) -> int:
        return len(self._held)

    @property
    def shown(self) -> Result | None:
        return self._held[0] if self._held else None

    def holds(self, part_id: int) -> bool:
        return any(result.part_id == part_id for result in self._held)

    def remembers(self, part_id: int) -> bool:
        return part_id in self._taken

    def add(self, result: Result, acknowledged: int) -> Result:
        """Return the result with its number. `acknowledged` is the one that the PLC says now, which was meant for an earlier result."""
        self._sequence = next(n for k in range(1, 4) if (n := (self._sequence + k) & 0xFFFF) not in (0, acknowledged))
        numbered = replace(result, sequence=self._sequence)
        self._held.append(numbered)
        return numbered

    def add_again(self, part_id: int, acknowledged: int) -> Result:
        """Return a remembered result with a new number."""
        return self.add(self._taken.pop(part_id), acknowledged)

    def take(self, acknowledged: int) -> Result | None:
        """Return the shown result, which is over, where it is the one that is acknowledged."""
        if not self._held or self._held[0].sequence != acknowledged:
            return None
        result = self._held.popleft()
        self._taken[result.part_id] = result
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        return result

    def forget(self) -> None:
        """Forget what was acknowledged: the PLC was away, and may give the same ids to other parts."""
        self._taken.clear()
