"""What parts looked and sounded like: one vector per inspection and channel, given by whoever judged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select

from inspector.store.models import LookRow

Array = NDArray[np.float32]


def insert_looks(connection: Connection, inspection_id: str, looks: Mapping[str, Array]) -> None:
    """Write the vectors of one inspection, two bytes a number."""
    rows = [
        {"inspection_id": inspection_id, "channel": channel, "vector": vector.astype("<f2").tobytes()} for channel, vector in looks.items()
    ]
    if rows:
        connection.execute(insert(LookRow), rows)


def looks_of(connection: Connection, inspection_id: str) -> dict[str, Array]:
    """Return channel -> vector of one inspection."""
    chosen = select(LookRow.channel, LookRow.vector).where(LookRow.inspection_id == inspection_id).order_by(LookRow.channel)
    return {channel: _vector(stored) for channel, stored in connection.execute(chosen)}


def newest_looks(connection: Connection, channel: str, size: int, limit: int) -> tuple[list[str], Array]:
    """Return the ids and vectors (n, size) of the newest inspections; those of another length are of another model and are left out."""
    chosen = select(LookRow.inspection_id, LookRow.vector).where(LookRow.channel == channel).order_by(LookRow.inspection_id.desc())
    found = [(identity, _vector(stored)) for identity, stored in connection.execute(chosen.limit(limit)) if len(stored) == 2 * size]
    return [identity for identity, _ in found], np.array([vector for _, vector in found], np.float32).reshape(-1, size)


def _vector(stored: bytes) -> Array:
    return np.frombuffer(stored, "<f2").astype(np.float32)
