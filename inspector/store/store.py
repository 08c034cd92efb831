"""The store of one installation."""

from __future__ import annotations

import copy
import getpass
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from inspector.errors import StoreError
from inspector.home import Home
from inspector.parts import Case, Fix, Inspection, Outcome, Parameter, PartTruth
from inspector.store import audit, inspections, looks, memory
from inspector.store.audit import Audit
from inspector.store.clients import Clients
from inspector.store.confirmations import confirmed_causes
from inspector.store.database import connect, failures_named
from inspector.store.events import Events
from inspector.store.evidence import write_evidence
from inspector.store.identity import day_of, timed_id
from inspector.store.models import DocumentRow, FeedbackRow, InspectionRow, StationStatusRow
from inspector.store.people import People
from inspector.store.results import (
    Answer,
    ConfirmedCause,
    Feedback,
    History,
    HourlyYield,
    ImportBatch,
    ImportResult,
    InspectionSummary,
    Share,
    StationStatus,
    StoredInspection,
)

_log = logging.getLogger(__name__)


class Store:
    """Rows in the database, evidence under the home. Any thread may call; writes of one process wait for each other.

    Every method raises StoreError when the database cannot do what it should.
    """

    def __init__(self, engine: Engine, evidence: Path) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(writes=True)
        self._write_lock = threading.RLock()
        self._evidence = evidence
        self._signer = _user_of_this_computer()

    @classmethod
    def open(cls, home: Home, url: str | None = None) -> Store:
        """Open the store of `home`, creating or upgrading its tables. Raises StoreError, also for a database of a newer version."""
        return cls(connect(url or home.database_url), home.evidence)

    def signed(self, who: str) -> Store:
        """Return the same store, whose changes are signed by `who` in the audit log; else it is the user of this computer."""
        other = copy.copy(self)
        other._signer = who
        return other

    @property
    def people(self) -> People:
        return People(self._reading, self._writing, self._signer)

    @property
    def audit(self) -> Audit:
        return Audit(self._reading, self._writing, self._signer)

    @property
    def clients(self) -> Clients:
        return Clients(self._reading, self._writing, self._signer)

    @property
    def events(self) -> Events:
        return Events(self._reading, self._writing)

    def close(self) -> None:
        """Release the database; safe to call twice."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inspections -----------------------------------------------------------------------------------------------------------

    def add(self, inspection: Inspection, label_truth: PartTruth | None = None) -> str:
        """Keep one inspection with its evidence; return its id.

        Evidence that cannot be written (a full disk) is named in the row and logged: the verdict is kept all the same.
        """
        inspection_id = timed_id()
        note = None
        try:
            write_evidence(self._folder(inspection_id), inspection)
        except StoreError as error:
            note = str(error)
            _log.warning("part %s is kept without its evidence: %s", inspection.part_id, note)
        with self._writing() as connection:
            wall_utc_ns = inspection.record.wall_utc_ns or time.time_ns()
            document = inspections.insert_inspection(connection, inspection_id, wall_utc_ns, inspection, label_truth, note)
            looks.insert_looks(connection, inspection_id, inspection.looks)
            audit.append_verdict(connection, f"station {inspection.station}", inspection_id, document)
        return inspection_id

    def get(self, inspection_id: str) -> StoredInspection | None:
        """Return one inspection whole, None where there is none."""
        extra = (InspectionRow.truth_label, InspectionRow.truth_cause, InspectionRow.evidence_note, DocumentRow.document)
        chosen = select(*inspections.summary_columns(), *extra).join(DocumentRow, DocumentRow.inspection_id == InspectionRow.inspection_id)
        with self._reading() as connection:
            row = connection.execute(chosen.where(InspectionRow.inspection_id == inspection_id)).one_or_none()
        if row is None:
            return None
        folder = self._folder(inspection_id)
        return StoredInspection(inspections.summary(row), row.document, folder, row.truth_label, row.truth_cause, row.evidence_note)

    def find(self, part_id: str, station: str | None = None) -> str | None:
        """Return the id of the last inspection of a part."""
        with self._reading() as connection:
            return inspections.newest_of_part(connection, part_id, station)

    def latest_id(self, station: str | None = None) -> str | None:
        """Return the id of the inspection stored last; cheap enough to be polled."""
        with self._reading() as connection:
            return inspections.newest(connection, station)

    def recent(
        self, station: str | None = None, limit: int = 30, outcome: Outcome | None = None, before: str | None = None
    ) -> list[InspectionSummary]:
        """Return the newest inspections, newest first; `before` continues after the last id of an earlier answer."""
        return list(self.history(station=station, outcome=outcome, limit=limit, before=before).inspections)

    def history(
        self,
        *,
        station: str | None = None,
        outcome: Outcome | None = None,
        kind: str | None = None,
        cause: str | None = None,
        since_utc_ns: int | None = None,
        until_utc_ns: int | None = None,
        part_text: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> History:
        """Return one page of the inspections that meet every given filter, newest first. `until_utc_ns` is excluded."""
        wanted = inspections.conditions(
            station=station,
            outcome=outcome,
            kind=kind,
            cause=cause,
            since_utc_ns=since_utc_ns,
            until_utc_ns=until_utc_ns,
            part_text=part_text,
        )
        with self._reading() as connection:
            return inspections.page(connection, wanted, limit=limit, before=before)

    def stations(self) -> list[str]:
        """Return the stations that have stored a part or shown life, sorted."""
        with self._reading() as connection:
            alive = connection.execute(select(StationStatusRow.station)).scalars()
            return sorted({*inspections.station_names(connection), *alive})

    def looks(self, inspection_id: str) -> dict[str, NDArray[np.float32]]:
        """Return what a part looked and sounded like: channel -> vector; none for a part that passed."""
        with self._reading() as connection:
            return looks.looks_of(connection, inspection_id)

    def newest_looks(self, channel: str, size: int, limit: int = 100_000) -> tuple[list[str], NDArray[np.float32]]:
        """Return the ids and vectors (n, size) of the newest inspections that have such a vector."""
        with self._reading() as connection:
            return looks.newest_looks(connection, channel, size, limit)

    # --- figures ---------------------------------------------------------------------------------------------------------------

    def counts(self, station: str | None = None, since_utc_ns: int = 0) -> dict[str, int]:
        """Return outcome -> number of parts since then."""
        with self._reading() as connection:
            return inspections.outcome_counts(connection, inspections.conditions(station=station, since_utc_ns=since_utc_ns))

    def pareto(self, by: Literal["kind", "cause"], station: str | None = None, since_utc_ns: int = 0) -> list[Share]:
        """Return the parts that did not pass since then, by defect kind or cause, the most frequent first."""
        with self._reading() as connection:
            return inspections.shares(connection, by, inspections.conditions(station=station, since_utc_ns=since_utc_ns))

    def hourly_yield(self, station: str | None = None, since_utc_ns: int = 0) -> list[HourlyYield]:
        """Return the yield of each hour (UTC) since then that saw a part, oldest first."""
        with self._reading() as connection:
            return inspections.hourly(connection, inspections.conditions(station=station, since_utc_ns=since_utc_ns))

    def outcomes_around(self, station: str, wall_utc_ns: int, parts: int) -> tuple[list[str], list[str]]:
        """Return the outcomes of the last `parts` of a station before an instant, and of the first after it."""
        with self._reading() as connection:
            return inspections.outcomes_around(connection, station, wall_utc_ns, parts)

    # --- what operators say ----------------------------------------------------------------------------------------------------

    def add_feedback(
        self, inspection_id: str, kind: Answer, fix_id: str | None = None, who: str | None = None, note: str | None = None
    ) -> str:
        """Keep an operator's answer; return its id. That a fix helped, or not, also becomes a case; a later answer overrules it there."""
        if kind not in get_args(Answer):
            raise StoreError(f"'{kind}' is no answer; use one of {', '.join(get_args(Answer))}")
        stored = self.get(inspection_id)
        if stored is None:
            raise StoreError(f"there is no inspection '{inspection_id}'")
        answer = Feedback(timed_id(), inspection_id, kind, time.time_ns(), fix_id, who, note)
        told = {"answer": kind, "part_id": stored.summary.part_id, "outcome": stored.summary.outcome, "fix_id": fix_id, "note": note}
        with self._writing() as connection:
            self._sign(connection, "overruled" if kind == "verdict_wrong" else "answered", inspection_id, told, who)
            connection.execute(insert(FeedbackRow).values({name: getattr(answer, name) for name in Feedback.__dataclass_fields__}))
            if fix_id is not None and kind in ("helped", "not_helped"):
                memory.put_case(connection, _case_of(stored, answer))
        return answer.feedback_id

    def feedback(self, inspection_id: str) -> list[Feedback]:
        """Return the answers given to one inspection, oldest first."""
        columns = [getattr(FeedbackRow, name) for name in Feedback.__dataclass_fields__]
        chosen = select(*columns).where(FeedbackRow.inspection_id == inspection_id).order_by(FeedbackRow.feedback_id)
        with self._reading() as connection:
            return [Feedback(*row) for row in connection.execute(chosen)]

    def confirmed_causes(self) -> list[ConfirmedCause]:
        """Return the causes that people confirmed, oldest first: what was done against them helped, as the last answer says."""
        with self._reading() as connection:
            return confirmed_causes(connection)

    # --- signs of life ---------------------------------------------------------------------------------------------------------

    def beat(self, station: str, wall_utc_ns: int, health: Mapping[str, Any]) -> None:
        """Record that a station lives, with the health of its channels."""
        values = {"wall_utc_ns": wall_utc_ns, "health": dict(health)}
        upsert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        row = upsert(StationStatusRow).values(station=station, **values)
        with self._writing() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["station"], set_=values))

    def status(self, station: str) -> StationStatus | None:
        """Return the last sign of life of a station, None where there was none."""
        chosen = select(StationStatusRow.wall_utc_ns, StationStatusRow.health).where(StationStatusRow.station == station)
        with self._reading() as connection:
            row = connection.execute(chosen).one_or_none()
        return None if row is None else StationStatus(row.wall_utc_ns, row.health)

    # --- the memory of fixes ---------------------------------------------------------------------------------------------------

    def fixes(self) -> list[Fix]:
        """Return all fixes, by id."""
        with self._reading() as connection:
            return memory.all_fixes(connection)

    def cases(self) -> list[Case]:
        """Return all cases, by id."""
        with self._reading() as connection:
            return memory.all_cases(connection)

    def add_cases(self, cases: Sequence[Case], source: str) -> ImportResult:
        """Keep the cases that are new as one import; a case that says the same as another, or bears its id, is counted as duplicate."""
        with self._writing() as connection:
            result = memory.add_cases(connection, cases, source)
            if result.batch_id is not None:
                self._sign(connection, "cases imported", result.batch_id, {"source": source, "cases": result.added})
            return result

    def add_fixes(self, fixes: Sequence[Fix]) -> None:
        """Keep the fixes whose id is new."""
        with self._writing() as connection:
            added = memory.add_fixes(connection, fixes)
            if added:
                self._sign(connection, "fixes added", "fixes", {"fixes": added})

    def seed_knowledge(self, fixes: Sequence[Fix], cases: Sequence[Case], source: str = "demo") -> None:
        """Keep what ships with the product; safe to repeat."""
        with self._writing() as connection:
            memory.seed(connection, fixes, cases, source)

    def set_case_outcome(self, case_id: str, helped: bool, who: str | None = None) -> None:
        """Record whether what was done in a case helped. Raises StoreError for an unknown case."""
        with self._writing() as connection:
            if not memory.set_outcome(connection, case_id, helped, who):
                raise StoreError(f"there is no case '{case_id}'; 'inspector knowledge list' names them")
            self._sign(connection, "case rated", case_id, {"helped": helped}, who)

    def imports(self) -> list[ImportBatch]:
        """Return the imports that can be undone, oldest first."""
        with self._reading() as connection:
            return memory.all_batches(connection)

    def undo_import(self, batch_id: str) -> int:
        """Delete the cases of one import; return how many there were. Raises StoreError for an unknown import."""
        with self._writing() as connection:
            removed = memory.remove_batch(connection, batch_id)
            if removed is not None:
                self._sign(connection, "import undone", batch_id, {"cases": removed})
        if removed is None:
            raise StoreError(f"there is no import '{batch_id}'")
        return removed

    def knowledge_version(self) -> tuple[int, int]:
        """Return a mark that differs whenever a case was added, changed or removed; cheap enough to be polled."""
        with self._reading() as connection:
            return memory.version(connection)

    # --- inside ----------------------------------------------------------------------------------------------------------------

    def _sign(self, connection: Connection, action: str, subject: str, detail: Mapping[str, Any], who: str | None = None) -> None:
        audit.append(connection, who or self._signer, action, subject, detail)

    def _folder(self, inspection_id: str) -> Path:
        return self._evidence / day_of(inspection_id) / inspection_id

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with failures_named(self._engine.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._write_lock, failures_named(self._engine.url), self._writing_engine.begin() as connection:
            yield connection


def _user_of_this_computer() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container may run under a number without a name
        return "command line"


def _case_of(stored: StoredInspection, answer: Feedback) -> Case:
    """Return what an operator did about an inspection as a case: the suggestion's parameters are what was applied."""
    document, summary = stored.document, stored.summary
    suggestion = next((one for one in document.get("suggestions", ()) if one["fix_id"] == answer.fix_id), None)
    return Case(
        case_id=f"feedback-{answer.inspection_id}-{answer.fix_id}",
        symptom=" ".join(document.get("conclusion", {}).values()),
        action=suggestion["action"]["en"] if suggestion else "",
        fix_id=answer.fix_id,
        defect=summary.kind,
        cause=summary.cause,
        station=summary.station,
        helped=answer.kind == "helped",
        parameters=tuple(Parameter(one["name"], one["value"], one["unit"]) for one in suggestion["parameters"]) if suggestion else (),
        who=answer.who,
        when=datetime.fromtimestamp(answer.wall_utc_ns / 1e9, UTC).isoformat(),
    )
