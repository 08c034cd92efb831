"""What all commands print the same way: one JSON object, a progress bar on a terminal only."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

from inspector.errors import UsageError

T = TypeVar("T")
ROWS_SHOWN = 20
KINDS_SHOWN = 6


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json FILE`, as every command spells it."""
    parser.add_argument("--json", metavar="FILE", help="write one JSON object to FILE ('-' for standard output)")


def add_home_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--home DIR`, as every command spells it."""
    parser.add_argument("--home", metavar="DIR", type=Path, help="installation folder: store, recordings, knowledge (default: per user)")


def write_json(target: str, document: Mapping[str, Any]) -> None:
    """Write `document` to a file, or to standard output for '-'. NaN and infinity become null. Raises UsageError."""
    text = json.dumps(_finite(document), ensure_ascii=False, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {target}: cannot be written: {error.strerror}") from error


def counted(count: int, noun: str) -> str:
    """Return the number with its noun, "1 case" or "2 fixes"; `noun` is in the singular."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('x') else 's'}"


def row_lines(rows: Sequence[tuple[int, str]]) -> list[str]:
    """Return a line for each of the first rows of a file with what is to be said of it; of more, how many there are of each kind."""
    lines = [f"  row {row}: {reason}" for row, reason in rows[:ROWS_SHOWN]]
    if len(rows) <= ROWS_SHOWN:
        return lines
    kinds = Counter(re.sub(r"'[^']*'", "…", reason) for _, reason in rows).most_common(KINDS_SHOWN)
    return [
        *lines,
        f"  … and {len(rows) - ROWS_SHOWN} more; --json FILE writes them all",
        "  of all: " + "; ".join(f"{counted(times, 'row')}: {kind}" for kind, times in kinds),
    ]


def is_kept(output: TextIO) -> bool:
    """Say whether what is printed ends up in a file or a journal, where no secret belongs."""
    try:
        return "JOURNAL_STREAM" in os.environ or stat.S_ISREG(os.fstat(output.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def progress(items: Iterable[T], *, total: int | None = None, label: str = "") -> Iterable[T]:
    """Yield `items`, with a progress bar on a terminal and silence in a pipe."""
    if not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, desc=label, leave=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()  # numpy scalars
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
