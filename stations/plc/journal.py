"""The memory of a station and its PLC on disk: one line a record, written before the PLC is told."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inspector.errors import ConfigError
from inspector.plc import PartOutcome
from stations.plc.memory import Accepted, Acknowledged, Memory, Record, Result, Started, summed_up

LONGEST = 20_000
"""With more lines than this the journal is written anew, with what still matters."""
_KINDS: dict[str, type[Record]] = {kind.__name__.lower(): kind for kind in (Accepted, Result, Acknowledged, Started)}


class Journal:
    """Records of one station. A killed process loses none that was appended; a power cut may lose the last ones.

    Args:
        path: the file; it and its folder are made where they are not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._lines = 0
        self._memory = Memory()

    def open(self) -> Memory:
        """Return what the records of earlier runs say. Raises ConfigError where the file cannot be used."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
            self._memory = summed_up(_record(json.loads(line)) for line in _whole_lines(text))
            self._rewrite()
        except OSError as error:
            raise ConfigError(f"cannot be used as a journal: {error.strerror}", path=self._path, key="plc.journal") from error
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ConfigError(
                "is damaged; move it away, and let the PLC reject all parts that are on the line", path=self._path, key="plc.journal"
            ) from error
        return self._memory

    def append(self, records: Sequence[Record]) -> None:
        """Write records. Raises OSError; the next call that succeeds writes those that could not be written, too."""
        if not records or self._file is None:
            return
        self._memory = summed_up(records, self._memory)
        self._lines += len(records)
        if self._lines > LONGEST:
            self._rewrite()
            return
        data = _text(records).encode()
        self._lines, lines = LONGEST, self._lines  # unless all of it was written, the file is to be made anew
        if os.write(self._file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._lines = lines

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _rewrite(self) -> None:
        """Put a shorter file of the same meaning in the place of the old one, in one step."""
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(_text(self._memory.records), encoding="utf-8")
        fresh.replace(self._path)
        self.close()
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._lines = len(self._memory.records)


def _text(records: Sequence[Record]) -> str:
    return "".join(json.dumps(_document(record), ensure_ascii=False) + "\n" for record in records)


def _whole_lines(text: str) -> list[str]:
    """Return the lines that were written to their end: a killed process may leave half of the last one."""
    return text.split("\n")[:-1]


def _document(record: Record) -> dict[str, Any]:
    return {type(record).__name__.lower(): asdict(record)}


def _record(document: dict[str, Any]) -> Record:
    ((kind, fields),) = document.items()
    if "outcome" in fields:
        fields["outcome"] = PartOutcome(fields["outcome"])
    return _KINDS[kind](**fields)
