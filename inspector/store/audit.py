"""The log of who changed what: each row carries the hash of the one before, so that no row can be changed, taken out or moved unseen.

A row is appended in the transaction of the change that it tells of: there is no change without its row, and no row without its change.
What cannot be seen from the log alone is that somebody with write access made all of it anew; that is seen by its end (number and
hash), noted elsewhere at an earlier time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from inspector.store.database import Database, alone, json_text
from inspector.store.models import AuditEndRow, AuditRow, DocumentRow

VERDICT = "verdict"
_CAUSES_TOLD = 3
_NOTHING_BEFORE = "0" * 64

# Made once: one row is written with each part.
_LAST = select(AuditRow.sequence, AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1)
_KEPT_END = select(AuditEndRow.sequence, AuditEndRow.hash)
_ADD, _MOVE_END, _BEGIN_END = insert(AuditRow), update(AuditEndRow), insert(AuditEndRow)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the log."""

    sequence: int
    wall_utc_ns: int
    who: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What a look over the whole log found."""

    entries: int
    end: tuple[int, str]
    """Number and hash of the last row: worth noting where this database cannot be written from."""
    findings: tuple[str, ...]
    verdicts_gone: int
    """Verdicts whose inspection is no longer kept."""


def append(connection: Connection, who: str, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Add one row at the end. The transaction must be a writing one; others wait for it, so that the chain cannot fork."""
    alone(connection)
    sequence, previous = _last(connection)
    row = {
        "sequence": sequence + 1,
        "wall_utc_ns": time.time_ns(),
        "who": who,
        "action": action,
        "subject": subject,
        "detail": json_text(detail),
        "previous": previous,
    }
    row["hash"] = _hash(row)
    connection.execute(_ADD, row)
    end = {"sequence": row["sequence"], "hash": row["hash"]}
    if not connection.execute(_MOVE_END, end).rowcount:
        connection.execute(_BEGIN_END, {"id": 1, **end})


def append_verdict(connection: Connection, who: str, inspection_id: str, document: Mapping[str, Any]) -> None:
    """Add the row of one verdict; it holds a digest of the whole inspection, so that a change of that is found as well."""
    told = {name: document[name] for name in ("station", "part_id", "outcome", "score", "threshold", "model")}
    if document["outcome"] != "pass":
        told["defects"] = [defect["kind"] for defect in document["defects"]]
        told["causes"] = [cause["name"] for cause in document.get("causes", ())[:_CAUSES_TOLD]]
    append(connection, who, VERDICT, inspection_id, told | {"document_sha256": document_digest(document)})


def document_digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an inspection's document as it is stored."""
    stored = json.loads(json_text(document))
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


class Signed:
    """Some of an installation's rows; what is changed in them is in the log, signed by whoever they were opened by."""

    def __init__(self, database: Database, signer: str) -> None:
        self._database, self._signer = database, signer

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._database.reading()

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._database.writing()

    def _sign(self, connection: Connection, action: str, subject: str, detail: Mapping[str, Any], who: str | None = None) -> None:
        append(connection, who or self._signer, action, subject, detail)


class Audit(Signed):
    """The log, to be read and added to."""

    def note(self, action: str, subject: str, detail: Mapping[str, Any], who: str | None = None) -> None:
        """Add a row for a change that is not kept in this store (a model activated, a threshold set)."""
        with self._writing() as connection:
            self._sign(connection, action, subject, detail, who)

    def note_change(self, action: str, subject: str, detail: Mapping[str, Any], who: str | None = None) -> bool:
        """Add a row only where `detail` differs from the last one of this action and subject; say whether it did."""
        newest = next(iter(self.entries(action=action, subject=subject, limit=1)), None)
        if newest is not None and newest.detail == json.loads(json_text(detail)):
            return False
        self.note(action, subject, detail, who)
        return True

    def entries(
        self, *, action: str | None = None, subject: str | None = None, who: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[AuditEntry]:
        """Return the newest rows that meet every given filter, newest first; `before` is the number of a row to go on from."""
        chosen = select(AuditRow.__table__).order_by(AuditRow.sequence.desc()).limit(limit)
        for column, value in ((AuditRow.action, action), (AuditRow.subject, subject), (AuditRow.who, who)):
            if value is not None:
                chosen = chosen.where(column == value)
        if before is not None:
            chosen = chosen.where(AuditRow.sequence < before)
        with self._reading() as connection:
            return [entry(row) for row in connection.execute(chosen)]

    def check(self, known_end: tuple[int, str] | None = None) -> AuditCheck:
        """Look over the whole log and the inspections that it tells of; `known_end` is the end that was noted earlier."""
        with self._reading() as connection:
            return _Walk(known_end).over(connection)


class _Walk:
    """One pass from the first row to the last."""

    def __init__(self, known_end: tuple[int, str] | None) -> None:
        self._known_end = known_end
        self._sequence, self._hash = 0, _NOTHING_BEFORE
        self._entries = self._verdicts_gone = 0
        self._findings: list[str] = []

    def over(self, connection: Connection) -> AuditCheck:
        its_document = and_(DocumentRow.inspection_id == AuditRow.subject, AuditRow.action == VERDICT)
        chosen = select(AuditRow.__table__, DocumentRow.document).outerjoin(DocumentRow, its_document)
        for row in connection.execution_options(yield_per=1000).execute(chosen.order_by(AuditRow.sequence)):
            self._findings += self._wrong_with(row)
            self._sequence, self._hash = row.sequence, row.hash
            self._entries += 1
        end = _end(connection) or (0, _NOTHING_BEFORE)
        if end[0] > self._sequence:
            self._findings.append(_missing(self._sequence + 1, end[0]))
        elif end != (self._sequence, self._hash):
            self._findings.append(f"the log ends with row {self._sequence}, its end was kept as row {end[0]}: rows were added or replaced")
        if self._known_end is not None and self._known_end[0] > self._sequence:
            self._findings.append(f"the log ends before row {self._known_end[0]}, which was noted earlier")
        return AuditCheck(self._entries, (self._sequence, self._hash), tuple(self._findings), self._verdicts_gone)

    def _wrong_with(self, row: Any) -> Iterator[str]:
        if row.sequence > self._sequence + 1:
            yield _missing(self._sequence + 1, row.sequence - 1)
        elif row.previous != self._hash:
            yield f"row {row.sequence} does not follow the row before it: one of them was changed or moved"
        if _hash(row._mapping) != row.hash:
            yield f"row {row.sequence} was changed or moved"
        if self._known_end is not None and self._known_end[0] == row.sequence and self._known_end[1] != row.hash:
            yield f"row {row.sequence} is not the one that was noted earlier: the log was made anew"
        if row.action == VERDICT:
            yield from self._wrong_with_verdict(row)

    def _wrong_with_verdict(self, row: Any) -> Iterator[str]:
        if row.document is None:
            self._verdicts_gone += 1
        elif document_digest(row.document) != json.loads(row.detail).get("document_sha256"):
            yield f"row {row.sequence}: inspection {row.subject} is not as it was stored"


def _last(connection: Connection) -> tuple[int, str]:
    """Return where the next row joins on. Where the kept end was taken away the line goes on storing; a check finds the rest."""
    row = connection.execute(_LAST).one_or_none()
    newest = (row.sequence, row.hash) if row else (0, _NOTHING_BEFORE)
    return max(newest, _end(connection) or newest)


def _end(connection: Connection) -> tuple[int, str] | None:
    row = connection.execute(_KEPT_END).one_or_none()
    return None if row is None else (row.sequence, row.hash)


def _hash(row: Mapping[str, Any]) -> str:
    said = [row[name] for name in ("sequence", "wall_utc_ns", "who", "action", "subject", "detail", "previous")]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def entry(row: Any) -> AuditEntry:
    """Return a row of the table as a value."""
    return AuditEntry(row.sequence, row.wall_utc_ns, row.who, row.action, row.subject, json.loads(row.detail), row.hash)
