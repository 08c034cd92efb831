"""Alarms as screens are told of them, what a screen may do about one, and the thread that keeps them up to date."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from dashboards import people, queries
from dashboards.sent import Sent
from dashboards.words import LANGUAGES, Language, cause_name, channel_name, say
from inspector.errors import StoreError, UsageError
from inspector.monitoring import alarms
from inspector.monitoring.alarms import is_announced
from inspector.monitoring.watching import EQUIPMENT, WHOLE_STATION, Watch
from inspector.parts import NOT_MEASURED
from inspector.store import Alarm

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_ANNOUNCED = 8
_ORDER: tuple[alarms.State, ...] = ("unacknowledged", "returned", "acknowledged", "shelved")


class SentAction(Sent):
    """What a screen asks to be done about an alarm."""

    action: Literal["acknowledge", "shelve", "unshelve"]
    station: Annotated[str, Field(max_length=120)]
    alarm_id: Annotated[str, Field(max_length=80)]
    minutes: int = 0
    reason: str = ""


def act(sent: SentAction) -> dict[str, Any]:
    """Do what was asked, signed; return the alarm as it is then. Raises LookupError, ValueError, AccessError, StoreError."""
    who = people.demand("operator", sent.station)
    store, now_ns = queries.store(), time.time_ns()
    try:
        if sent.action == "acknowledge":
            alarm = alarms.acknowledge(store, sent.station, sent.alarm_id, who, now_ns)
        elif sent.action == "shelve":
            alarm = alarms.shelve(store, sent.station, sent.alarm_id, who, sent.minutes, sent.reason, now_ns)
        else:
            alarm = alarms.unshelve(store, sent.station, sent.alarm_id, who, now_ns)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return view(alarm, now_ns)


def waiting(station: str) -> dict[str, Any]:
    """Return the alarms of a station that wait for a person, the oldest first, and how many more there are."""
    now_ns = time.time_ns()
    announced = [alarm for alarm in queries.open_alarms(station) if is_announced(alarm, now_ns)]
    return {"announced": [view(alarm, now_ns) for alarm in announced[:_ANNOUNCED]], "more": max(0, len(announced) - _ANNOUNCED)}


def all_of(station: str) -> dict[str, Any]:
    """Return everything that the page of alarms shows of a station."""
    now_ns = time.time_ns()
    shift_ns = int(queries.shift_start(datetime.now().astimezone()).timestamp() * 1e9)
    shown = [view(alarm, now_ns) for alarm in queries.open_alarms(station)]
    return {
        "open": sorted(shown, key=lambda one: (one["held_back"], _ORDER.index(one["state"]))),
        "closed": [view(alarm, now_ns) for alarm in queries.closed_alarms(station, shift_ns)],
    }


def view(alarm: Alarm, now_ns: int) -> dict[str, Any]:
    """Return one alarm as a screen shows it."""
    return {
        "id": alarm.alarm_id,
        "title": {lang: title(alarm.cause, lang) for lang in LANGUAGES},
        "state": alarms.state(alarm, now_ns),
        "held_back": alarm.held_back,
        "parts": alarm.parts,
        "since_ms": alarm.opened_utc_ns // 1_000_000,
        "last_ms": alarm.last_utc_ns // 1_000_000,
        "last_id": alarm.last_id,
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_ms": _ms(alarm.acknowledged_utc_ns),
        "returned_ms": _ms(alarm.returned_utc_ns),
        "shelved_by": alarm.shelved_by,
        "shelved_until_ms": _ms(alarm.shelved_until_utc_ns),
        "shelved_reason": alarm.shelved_reason,
    }


def title(cause: str, lang: Language) -> str:
    """Return what an alarm is about."""
    if cause == WHOLE_STATION:
        return say("equipment_station", lang)
    if cause.startswith(EQUIPMENT):
        return say("equipment_missing", lang, channel=channel_name(cause.removeprefix(EQUIPMENT), lang))
    return say("cause_not_found", lang) if cause == NOT_MEASURED else cause_name(cause, lang)


def watch(stopping: threading.Event) -> None:
    """Keep the alarms of all stations up to date until told to stop."""
    watches: dict[str, Watch] = {}
    is_failing = False
    while not stopping.wait(_LOOK_EVERY_S):
        try:
            for station in queries.store().stations():
                watches.setdefault(station, Watch(queries.store(), station)).look()
            is_failing = False
        except StoreError as error:
            if not is_failing:
                _log.warning("alarms are not kept up to date: %s", error)
            is_failing = True


def _ms(instant_ns: int | None) -> int | None:
    return None if instant_ns is None else instant_ns // 1_000_000
