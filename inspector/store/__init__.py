"""Keep and find: every inspection with its evidence, the operators' answers, alarms, the stations' signs of life, cases and fixes.

`Store.open(home)` is the door; what it returns are the plain values of `results`. Rows live in SQLite, or in PostgreSQL by URL;
evidence lives in files under the home, a folder a part. Nothing is concluded here.
"""

from inspector.store.audit import AuditCheck, AuditEntry
from inspector.store.clients import SCOPES, Client, Clients, Scope
from inspector.store.people import EVERY_STATION, ROLES, People, Person, Role
from inspector.store.results import (
    Alarm,
    AlarmEvent,
    AlarmEventKind,
    Answer,
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
    Service,
    Share,
    StationStatus,
    StoredEvidence,
    StoredInspection,
)
from inspector.store.sessions import Session
from inspector.store.store import Store

__all__ = [
    "EVERY_STATION",
    "ROLES",
    "SCOPES",
    "Alarm",
    "AlarmEvent",
    "AlarmEventKind",
    "Answer",
    "AuditCheck",
    "AuditEntry",
    "Client",
    "Clients",
    "DrawnMask",
    "Feedback",
    "FirstPass",
    "History",
    "HourlyYield",
    "ImportBatch",
    "ImportResult",
    "InspectionSummary",
    "KnowledgeMark",
    "Label",
    "PartAnswer",
    "People",
    "Person",
    "Role",
    "Scope",
    "Service",
    "Session",
    "Share",
    "StationStatus",
    "Store",
    "StoredEvidence",
    "StoredInspection",
]
