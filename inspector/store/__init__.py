"""Keep and find: every inspection with its evidence, the operators' answers, the stations' signs of life, cases and fixes.

`Store.open(home)` is the door; what it returns are the plain values of `results`. Rows live in SQLite, or in PostgreSQL by URL;
evidence lives in files under the home, a folder a part. Nothing is concluded here.
"""

from inspector.store.results import (
    Answer,
    Feedback,
    History,
    HourlyYield,
    ImportBatch,
    ImportResult,
    InspectionSummary,
    Label,
    Share,
    StationStatus,
    StoredEvidence,
    StoredInspection,
)
from inspector.store.store import Store

__all__ = [
    "Answer",
    "Feedback",
    "History",
    "HourlyYield",
    "ImportBatch",
    "ImportResult",
    "InspectionSummary",
    "Label",
    "Share",
    "StationStatus",
    "Store",
    "StoredEvidence",
    "StoredInspection",
]
