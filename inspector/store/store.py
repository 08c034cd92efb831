"""The store of one installation."""

from __future__ import annotations

import copy
import getpass
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from inspector.errors import StoreError
from inspector.home import Home
from inspector.parts import Case, Fix, Inspection, Mask, Outcome, PartTruth
from inspector.store import answers, audit, inspections, labels, looks, masks, memory, spoken
from inspector.store.audit import Audit
from inspector.store.clients import Clients
from inspector.store.confirmations import confirmed_causes
from inspector.store.database import Database, connect
from inspector.store.events import Events
from inspector.store.evidence import write_evidence
from inspector.store.identity import day_of, timed_id
from inspector.store.models import DocumentRow, InspectionRow, StationStatusRow
from inspector.store.people import People
from inspector.store.results import (
    Answer,
    ConfirmedCause,
    DrawnMask,
    Feedback,
    FirstPass,
    History,
    HourlyYield,
    ImportBatch,
    ImportResult,
    InspectionSummary,
    KnowledgeMark,
    Label,
    PartAnswer,
    Share,
    StoredInspection,
)
from inspector.store.services import Services
from inspector.store.sessions import Sessions
from inspector.store.stations import StationRows
from inspector.store.truths import known_labels

_log = logging.getLogger(__name__)


class Store(StationRows):
    """Rows in the database, evidence under the home. Any thread may call; writes of one process wait for each other.

    Every method raises StoreError when the database cannot do what it should.
    """

    def __init__(self, engine: Engine, evidence: Path) -> None:
        super().__init__(Database(engine), _user_of_this_computer())
        self._evidence = evidence

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
        return People(self._database, self._signer)

    @property
    def sessions(self) -> Sessions:
        return Sessions(self._database, self._signer)

    @property
    def audit(self) -> Audit:
        return Audit(self._database, self._signer)

    @property
    def clients(self) -> Clients:
        return Clients(self._database, self._signer)

    @property
    def services(self) -> Services:
        return Services(self._database, self._signer)

    @property
    def events(self) -> Events:
        return Events(self._database, self._signer)

    def close(self) -> None:
        """Release the database; safe to call twice."""
        self._database.close()

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

    def first_pass(self, station: str, since_utc_ns: int = 0) -> FirstPass:
        """Return how many parts a station saw for the first time since then, and how many of them passed at once."""
        with self._reading() as connection:
            return inspections.first_pass(connection, station, since_utc_ns)

    def after(self, station: str, inspection_id: str | None, limit: int) -> list[InspectionSummary]:
        """Return the first inspections of a station after `inspection_id` (None: from the beginning), oldest first."""
        with self._reading() as connection:
            return inspections.after(connection, station, inspection_id, limit)

    def outcomes_around(self, station: str, wall_utc_ns: int, parts: int) -> tuple[list[str], list[str]]:
        """Return the outcomes of the last `parts` of a station before an instant, and of the first after it."""
        with self._reading() as connection:
            return inspections.outcomes_around(connection, station, wall_utc_ns, parts)

    # --- what operators say ----------------------------------------------------------------------------------------------------

    def add_feedback(
        self,
        inspection_id: str,
        kind: Answer,
        fix_id: str | None = None,
        who: str | None = None,
        note: str | None = None,
        *,
        detail: Mapping[str, Any] | None = None,
        token: str | None = None,
    ) -> str:
        """Keep an operator's answer; return its id. That a fix helped, or not, also becomes a case; a later answer overrules it there.

        An answer whose `token` was stored before is the same answer, sent again.
        """
        if kind not in get_args(Answer):
            raise StoreError(f"'{kind}' is no answer; use one of {', '.join(get_args(Answer))}")
        stored = self.get(inspection_id)
        if stored is None:
            raise StoreError(f"there is no inspection '{inspection_id}'")
        answer = Feedback(timed_id(), inspection_id, kind, time.time_ns(), fix_id, who, note, detail or {})
        told = {"answer": kind, "part_id": stored.summary.part_id, "outcome": stored.summary.outcome, "fix_id": fix_id, "note": note}
        with self._writing() as connection:
            feedback_id = answers.keep(connection, stored, answer, token)
            if feedback_id == answer.feedback_id:
                action = "overruled" if kind == "verdict_wrong" else "answered"
                self._sign(connection, action, inspection_id, told | {"detail": dict(answer.detail)}, who)
            return feedback_id

    def keep_spoken(self, inspection_id: str, content: bytes) -> dict[str, str | int]:
        """Keep the recording of a spoken note with its part; return what the answer tells of it, so that the log holds its hash."""
        return spoken.keep(self._folder(inspection_id), content)

    def feedback(self, inspection_id: str) -> list[Feedback]:
        """Return the answers given to one inspection, oldest first."""
        with self._reading() as connection:
            return answers.of_inspection(connection, inspection_id)

    def answers_since(self, station: str, since_utc_ns: int) -> list[PartAnswer]:
        """Return the answers given at a station since then, oldest first, each with its part."""
        with self._reading() as connection:
            return answers.since(connection, station, since_utc_ns)

    def confirmed_label(self, part_id: str, station: str, wall_utc_ns: int) -> str | None:
        """Return what people said a part really was, `ok` or its defect, of the inspection of that very instant."""
        found = self.find(part_id, station)
        stored = self.get(found) if found else None
        if stored is None or stored.summary.wall_utc_ns != wall_utc_ns:
            return None
        return labels.truth_of(self.said([stored.summary.inspection_id]).get(stored.summary.inspection_id, []))

    def known_labels(self, station: str, since_utc_ns: int, until_utc_ns: int) -> tuple[dict[str, str], frozenset[str]]:
        """Return what parts of a station really were (inspection -> `ok` or its defect), and which somebody answered or labelled at all."""
        wanted = inspections.conditions(station=station, since_utc_ns=since_utc_ns, until_utc_ns=until_utc_ns)
        with self._reading() as connection:
            return known_labels(connection, wanted)

    def confirmed_causes(self) -> list[ConfirmedCause]:
        """Return the causes that people confirmed, oldest first: they named them, or what was done against them helped; the last counts."""
        with self._reading() as connection:
            return confirmed_causes(connection)

    # --- labels ----------------------------------------------------------------------------------------------------------------

    def add_label(self, inspection_id: str, kind: str, cause: str | None, who: str, note: str | None = None) -> str:
        """Keep what a person says a part really is; return the id. Raises StoreError for an unknown inspection or a missing name."""
        if not kind or not who.strip():
            raise StoreError("a label needs a kind and the name of who says so")
        if self.get(inspection_id) is None:
            raise StoreError(f"there is no inspection '{inspection_id}'")
        label = Label(timed_id(), inspection_id, kind, cause, who.strip(), note, time.time_ns())
        with self._writing() as connection:
            labels.add_label(connection, label)
            self._sign(connection, "labelled", inspection_id, {"kind": kind, "cause": cause, "note": note}, label.who)
        return label.label_id

    def labels(self, inspection_ids: Sequence[str]) -> dict[str, list[Label]]:
        """Return what each person labelled last, by inspection; inspections that nobody labelled are absent."""
        with self._reading() as connection:
            return labels.labels_of(connection, [InspectionRow.inspection_id.in_(inspection_ids)])

    def said(self, inspection_ids: Sequence[str]) -> dict[str, list[Label]]:
        """Return each person's last word on what parts really are, by inspection: a label, or an answer at the line."""
        with self._reading() as connection:
            return labels.said_of(connection, [InspectionRow.inspection_id.in_(inspection_ids)])

    def all_said(self, station: str | None = None) -> dict[str, list[Label]]:
        """Return the same of every part of a station, or of all stations, on which anybody said a word."""
        with self._reading() as connection:
            return labels.said_of(connection, inspections.conditions(station=station))

    def add_mask(self, inspection_id: str, camera: str, mask: Mask, who: str) -> None:
        """Keep where a person drew the defect on a picture; the last drawing counts. Raises StoreError for an unknown inspection."""
        if not who.strip() or self.get(inspection_id) is None:
            raise StoreError(f"there is no inspection '{inspection_id}', or nobody who drew on it")
        drawn = DrawnMask(inspection_id, camera, masks.checked(mask.size_px, mask.runs), who.strip(), time.time_ns())
        told = {"camera": camera, "area_px": sum(mask.runs[1::2])}
        with self._writing() as connection:
            masks.add_mask(connection, timed_id(), drawn)
            self._sign(connection, "mask drawn", inspection_id, told, drawn.who)

    def masks(self, inspection_id: str) -> dict[str, DrawnMask]:
        """Return where people say the defect of a part is, by camera."""
        with self._reading() as connection:
            return masks.masks_of(connection, inspection_id)

    # --- the memory of fixes ---------------------------------------------------------------------------------------------------

    def fixes(self) -> list[Fix]:
        """Return all fixes, by id."""
        with self._reading() as connection:
            return memory.all_fixes(connection)

    def cases(self) -> list[Case]:
        """Return all cases, by id."""
        with self._reading() as connection:
            return memory.all_cases(connection)

    def add_cases(self, cases: Sequence[Case], source: str, fixes: Sequence[Fix] = ()) -> ImportResult:
        """Keep the cases that are new as one import, with the fixes whose id is new.

        A case that says the same as another, or bears its id, is counted as duplicate.
        """
        with self._writing() as connection:
            result = memory.add_cases(connection, cases, source, fixes)
            if result.batch_id is not None:
                said = {"source": source, "cases": result.added, "fixes": result.fixes}
                self._sign(connection, "cases imported", result.batch_id, said)
            return result

    def seed_knowledge(self, fixes: Sequence[Fix], cases: Sequence[Case], source: str = "demo") -> None:
        """Keep what ships with the product; safe to repeat."""
        with self._writing() as connection:
            memory.seed(connection, fixes, cases, source)

    def set_case_outcome(self, case_id: str, helped: bool, who: str | None = None) -> None:
        """Record whether what was done in a case helped. Raises StoreError for an unknown case."""
        with self._writing() as connection:
            if not memory.set_outcome(connection, case_id, helped, who):
                raise StoreError(f"there is no case '{case_id}'; suggestions and 'inspector knowledge export' name them")
            self._sign(connection, "case rated", case_id, {"helped": helped}, who)

    def imports(self) -> list[ImportBatch]:
        """Return the imports that can be undone, oldest first."""
        with self._reading() as connection:
            return memory.all_batches(connection)

    def undo_import(self, batch_id: str) -> int:
        """Delete the cases and fixes of one import; return how many cases there were. Raises StoreError for an unknown import."""
        with self._writing() as connection:
            removed = memory.remove_batch(connection, batch_id)
            if removed is not None:
                self._sign(connection, "import undone", batch_id, {"cases": removed})
        if removed is None:
            raise StoreError(f"there is no import '{batch_id}'; 'inspector knowledge list' names them")
        return removed

    def knowledge_mark(self) -> KnowledgeMark:
        """Return a mark that differs whenever the memory of fixes has changed; cheap enough to be polled."""
        with self._reading() as connection:
            return memory.mark(connection)

    def cases_since(self, known: KnowledgeMark, limit: int) -> tuple[list[Case], KnowledgeMark]:
        """Return the first cases that were added or changed after a mark, and the mark of one who knows them too.

        What was taken out is not told: then the marks differ in when that was.
        """
        with self._reading() as connection:
            return memory.cases_since(connection, known, limit)

    def evidence_folder(self, inspection_id: str) -> Path:
        """Return where the evidence of an inspection is kept; may not be there."""
        return self._folder(inspection_id)

    # --- inside ----------------------------------------------------------------------------------------------------------------

    def _folder(self, inspection_id: str) -> Path:
        return self._evidence / day_of(inspection_id) / inspection_id


def _user_of_this_computer() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container may run under a number without a name
        return "command line"
