"""Ids that sort by when they were given."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

_lock = threading.Lock()
_last_ns = 0


def timed_id() -> str:
    """Return a new id, larger than every earlier one of this process: UTC to the nanosecond, and four random digits.

    Of several processes, ids sort by their clocks; the random digits keep them apart.
    """
    global _last_ns  # so that ids rise even when the wall clock is set back
    with _lock:
        _last_ns = max(time.time_ns(), _last_ns + 1)
        now_ns = _last_ns
    seconds, rest_ns = divmod(now_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}{rest_ns:09d}-{secrets.token_hex(2)}"


def day_of(identity: str) -> str:
    """Return the day, yyyy-mm-dd in UTC, on which an id was given."""
    return f"{identity[:4]}-{identity[4:6]}-{identity[6:8]}"
