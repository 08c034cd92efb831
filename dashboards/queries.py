"""The only door to data: what the pages may ask, and what they may write (what operators say and do).

Everything comes from `inspector.store`; the installation is the one of `$INSPECTOR_HOME`. Ids that come from an address or a browser
are checked here, so that no page can be talked into reading another file, or a part of a station that its reader may not see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dashboards import people
from inspector.config import MachineConfig, Station, load_station
from inspector.errors import ConfigError, StoreError
from inspector.home import Home, shipped
from inspector.knowledge.limits import SafeLimits, within
from inspector.monitoring.handover import HandOver, hand_over
from inspector.parts import Outcome
from inspector.store import (
    EVERY_STATION,
    Alarm,
    Answer,
    Feedback,
    FirstPass,
    History,
    HourlyYield,
    InspectionSummary,
    StationStatus,
    Store,
    StoredEvidence,
    StoredInspection,
    spoken,
)
from inspector.store.evidence import load_evidence

if TYPE_CHECKING:
    from inspector.diagnosis import Catalogue
    from inspector.reports import Remark
    from inspector.root_causes import Association, Slot

ANSWERS: tuple[Answer, ...] = ("helped", "not_helped", "verdict_wrong", "verdict_right")
"""What a page asks with one button each."""
FINDINGS: tuple[Outcome, ...] = ("fail", "review")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,119}")
_SHIFT_HOURS = 8
_FIRST_SHIFT_HOUR = 6
_MOST_EXPLORED = 1000
_NEXT_SPANS_S = (60, 3600, 86_400, 31 * 86_400)


def store() -> Store:
    """Return the store of this installation; what is changed through it is signed by whoever is here."""
    here, opened = people.present(), _store_at(Home.at(None))
    return opened if here is None else opened.signed(here.person.name)


def is_name(text: str) -> bool:
    """Say whether `text` can be an id or a station's name at all."""
    return _NAME.fullmatch(text) is not None and ".." not in text


def stations() -> list[str]:
    """Return the stations that have sent something, of those that whoever is here may see, sorted."""
    return [station for station in sorted(store().stations()) if people.may("viewer", station)]


def latest_id(station: str) -> str | None:
    """Return the newest inspection of `station`; cheap."""
    return store().latest_id(station)


def recent(
    station: str | None = None, *, limit: int = 30, outcome: Outcome | None = None, before: str | None = None
) -> list[InspectionSummary]:
    """Return the newest inspections, newest first."""
    return list(store().recent(station=station, limit=limit, outcome=outcome, before=before))


def history(
    station: str | None,
    *,
    outcome: Outcome | None = None,
    kind: str | None = None,
    cause: str | None = None,
    since_utc_ns: int | None = None,
    part_text: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> History:
    """Return one page of the inspections that meet every given filter, newest first."""
    return store().history(
        station=station,
        outcome=outcome,
        kind=kind,
        cause=cause,
        since_utc_ns=since_utc_ns,
        part_text=part_text,
        limit=limit,
        before=before,
    )


def frequent(by: Literal["kind", "cause"], station: str, since_utc_ns: int = 0) -> dict[str, int]:
    """Return defect kinds or causes with the number of parts that had them, most frequent first."""
    return {share.name: share.parts for share in store().pareto(by, station, since_utc_ns)}


def hourly_yield(station: str, since_utc_ns: int = 0) -> list[HourlyYield]:
    """Return the yield of each hour that saw a part, oldest first."""
    return list(store().hourly_yield(station, since_utc_ns))


def latest_finding(station: str) -> InspectionSummary | None:
    """Return the newest inspection of `station` that needs a person."""
    found = [summary for outcome in FINDINGS for summary in recent(station, limit=1, outcome=outcome)]
    return max(found, key=lambda summary: summary.inspection_id, default=None)


def inspection(inspection_id: str) -> StoredInspection | None:
    """Return one inspection, or None where there is none that whoever is here may see.

    A setting that has become unsafe since is suggested no more.
    """
    stored = store().get(inspection_id) if is_name(inspection_id) else None
    if stored is None or not people.may("viewer", stored.summary.station):
        return None
    if "suggestions" not in stored.document:
        return stored
    suggestions = safe(stored.document["suggestions"], stored.summary.station)
    return replace(stored, document={**stored.document, "suggestions": suggestions})


def safe(suggestions: Iterable[Mapping[str, Any]], station: str) -> list[dict[str, Any]]:
    """Return suggestions without the settings that a station may not be put to, as its file said when it last ran."""
    return within(suggestions, SafeLimits(store().limits()).at(station))


def find_part(part_id: str, station: str | None = None) -> str | None:
    """Return the newest inspection of the part numbered `part_id`."""
    return store().find(part_id, station)


def counts(station: str, since_utc_ns: int) -> dict[str, int]:
    """Return how many parts had which outcome since then."""
    return dict(store().counts(station, since_utc_ns))


def status(station: str) -> StationStatus | None:
    """Return the station's last sign of life."""
    return store().status(station)


def pictures(stored: StoredInspection) -> dict[str, Path]:
    """Return the picture files of a part by camera."""
    return {path.stem: path for path in sorted(stored.folder.glob("*.jpg"))}


def heat_maps(stored: StoredInspection) -> dict[str, Path]:
    """Return the heat map files of a part by camera: 8-bit grey, the size of the picture."""
    return {path.name.removesuffix(".heat.png"): path for path in sorted(stored.folder.glob("*.heat.png"))}


def sounds(stored: StoredInspection) -> dict[str, Path]:
    """Return the sound files of a part by channel."""
    return {path.stem: path for path in sorted(stored.folder.glob("*.flac"))}


def good_parts(stored: StoredInspection) -> dict[str, Path]:
    """Return by camera the thumbnail of the good part that looks most like this one."""
    return {path.name.removesuffix(".good.jpeg"): path for path in sorted(stored.folder.glob("*.good.jpeg"))}


def picture_file(inspection_id: str, camera: str) -> Path | None:
    """Return one picture of one part. Only files that lie in the part's own folder can be found."""
    return _file(inspection_id, camera, pictures)


def heat_map_file(inspection_id: str, camera: str) -> Path | None:
    """Return one heat map of one part. Only files that lie in the part's own folder can be found."""
    return _file(inspection_id, camera, heat_maps)


def sound_file(inspection_id: str, channel: str) -> Path | None:
    """Return one sound of one part. Only files that lie in the part's own folder can be found."""
    return _file(inspection_id, channel, sounds)


def good_part_file(inspection_id: str, camera: str) -> Path | None:
    """Return the thumbnail of a good part beside one part. Only files that lie in the part's own folder can be found."""
    return _file(inspection_id, camera, good_parts)


def evidence(stored: StoredInspection) -> StoredEvidence:
    """Return what was recorded of a part; empty where nothing is kept any more or a file is damaged."""
    try:
        return load_evidence(stored.folder)
    except StoreError:
        return StoredEvidence()


def feedback(inspection_id: str) -> list[Feedback]:
    """Return what operators said of one inspection."""
    return list(store().feedback(inspection_id))


def last_passed(stored: StoredInspection) -> StoredInspection | None:
    """Return the newest part that passed before this one, to compare with."""
    passed = recent(stored.summary.station, limit=1, outcome="pass", before=stored.summary.inspection_id)
    return inspection(passed[0].inspection_id) if passed else None


def neighbours(stored: StoredInspection) -> tuple[str | None, str | None]:
    """Return the inspections just before and just after this one at its station."""
    inspection_id, station = stored.summary.inspection_id, stored.summary.station
    older = recent(station, limit=1, before=inspection_id)
    return (older[0].inspection_id if older else None), _next(stored.summary)


def answer(
    inspection_id: str,
    kind: Answer,
    fix_id: str | None = None,
    note: str | None = None,
    *,
    detail: Mapping[str, Any] | None = None,
    token: str | None = None,
    recording: bytes | None = None,
) -> str:
    """Store what an operator says of one inspection, signed; return the id of the answer. Raises AccessError, StoreError."""
    stored = inspection(inspection_id)
    who = people.demand("operator", stored.summary.station if stored else EVERY_STATION)
    kept = {"recording": store().keep_spoken(inspection_id, recording)} if recording else {}
    return str(store().add_feedback(inspection_id, kind, fix_id, who, note, detail={**(detail or {}), **kept}, token=token))


def spoken_notes(stored: StoredInspection) -> dict[str, Path]:
    """Return the recordings of the notes that were spoken about a part, by name."""
    return spoken.recordings(stored.folder)


def open_alarms(station: str) -> list[Alarm]:
    """Return the alarms of a station that are not over, the oldest first."""
    return store().open_alarms(station)


def closed_alarms(station: str, since_utc_ns: int) -> list[Alarm]:
    """Return the alarms of a station that were closed since then, the newest first."""
    return store().closed_alarms(station, since_utc_ns)


def first_pass(station: str, since_utc_ns: int) -> FirstPass:
    """Return the parts that were seen for the first time since then, and how many of them passed at once."""
    return store().first_pass(station, since_utc_ns)


def handed_over(station: str, since_utc_ns: int, now_ns: int) -> HandOver:
    """Return what the shift that began then leaves to the next."""
    return hand_over(store(), station, since_utc_ns, now_ns)


def part_report(stored: StoredInspection, language: Literal["en", "zh"], ending: str) -> bytes:
    """Return the report of one part as a file with this ending. Raises StoreError."""
    from inspector.reports import file_of, part_report

    return file_of(part_report(store(), stored, catalogue(), language, datetime.now().astimezone()), ending)


def batch_report(station: str, since_utc_ns: int, language: Literal["en", "zh"], ending: str) -> bytes:
    """Return the report of what a station made since then as a file with this ending. Raises StoreError."""
    from inspector.reports import batch_of, batch_report, file_of

    now = datetime.now().astimezone()
    batch = batch_of(store(), station, since_utc_ns, int(now.timestamp() * 1e9))
    return file_of(batch_report(batch, catalogue(), language, now), ending)


def parts_between(station: str, since_utc_ns: int, until_utc_ns: int) -> list[InspectionSummary]:
    """Return the parts of a station between two instants, oldest first; of very many the newest."""
    page = store().history(station=station, since_utc_ns=since_utc_ns, until_utc_ns=until_utc_ns, limit=_MOST_EXPLORED)
    return list(reversed(page.inspections))


def causes_over_time(parts: Sequence[InspectionSummary], since_utc_ns: int, until_utc_ns: int) -> list[Slot]:
    """Return the causes of a span in equal slots, oldest first."""
    from inspector import root_causes

    return root_causes.over_time(parts, since_utc_ns, until_utc_ns)


def leaders(parts: Sequence[InspectionSummary]) -> dict[str, Counter[str]]:
    """Return by cause how often each channel was the first to show it."""
    from inspector import root_causes

    return root_causes.leaders(store(), parts)


def associations(parts: Sequence[InspectionSummary], kind: str | None) -> list[Association]:
    """Return how process values of defective parts differ from those that passed, the surest difference first."""
    from inspector import root_causes

    return root_causes.associations(store(), parts, kind)


def check_statement(text: str, stored: StoredInspection) -> list[Remark]:
    """Return what the record says of a written statement on one part."""
    from inspector.reports import check_statement

    return check_statement(text, stored.document, catalogue())


def catalogue() -> Catalogue:
    """Return the causes as this installation has them. Raises ConfigError."""
    from inspector.diagnosis import load_catalogue

    home = Home.at(None)
    return load_catalogue(None, home.imported_causes, home.causes)


def machine(stored: StoredInspection) -> MachineConfig:
    """Return what is known of the machine behind the station that judged this part; empty where nothing is."""
    definition = station_definition(stored.summary.station)
    return MachineConfig() if definition is None else definition.machine


@lru_cache(maxsize=64)
def station_definition(station: str) -> Station | None:
    """Return the shipped definition of `station`; None for a station that is defined elsewhere."""
    path = shipped(f"stations/definitions/{station}.yaml")
    if not is_name(station) or not path.is_file():
        return None
    try:
        return load_station(path)
    except ConfigError:
        return None  # the station's own commands report what is wrong with its file; a page only loses the marks


def shift_start(now: datetime) -> datetime:
    """Return when the present shift began: 06:00, 14:00 or 22:00 of the plant's own time."""
    first = now.replace(hour=_FIRST_SHIFT_HOUR, minute=0, second=0, microsecond=0)
    hours = (now - first) // timedelta(hours=_SHIFT_HOURS) * _SHIFT_HOURS
    return first + timedelta(hours=hours)


def _next(summary: InspectionSummary) -> str | None:
    """Return the inspection after `summary` at its station: looked for in ever longer spans, as the store lists newest first."""
    since_ns = summary.wall_utc_ns
    for span_s in _NEXT_SPANS_S:
        page = store().history(station=summary.station, since_utc_ns=since_ns, until_utc_ns=since_ns + span_s * 10**9, limit=1000)
        later = [found.inspection_id for found in page.inspections if found.inspection_id > summary.inspection_id]
        if later:
            return min(later)
    return None


def _file(inspection_id: str, camera: str, listing: Callable[[StoredInspection], dict[str, Path]]) -> Path | None:
    stored = inspection(inspection_id)
    return None if stored is None else listing(stored).get(camera)


@cache
def _store_at(home: Home) -> Store:
    return Store.open(home)
