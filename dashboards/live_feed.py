"""What a live screen is told: the newest parts of one station, and once in a while that both server and line are alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from dashboards import alarm_feed, queries
from dashboards.words import LANGUAGES, cause_name, in_words, kind_name, parameter_name
from inspector.diagnosis.wording import unit_name
from inspector.store import InspectionSummary, StoredInspection

STRIP_PARTS = 30
WALL_STATIONS = 8
_CHOICES = 10
_READ_EVERY_S = 0.05
_COUNT_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Sign:
    """What one station shows at one moment."""

    latest_id: str | None
    quiet_s: float
    """Since the line last gave a sign of life: a part or a beat."""
    health: dict[str, Any]


class Pulse:
    """Watches one station for every screen that looks at it, so that ten screens cost as much as one."""

    def __init__(
        self, station: str, *, monotonic_s: Callable[[], float] = time.monotonic, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.station = station
        self._monotonic_s, self._wall_ns = monotonic_s, wall_ns
        self._lock = threading.Lock()
        self._read_at_s = self._counted_at_s = float("-inf")
        self._seen: tuple[str | None, int] | None = None
        self._alive_at_s = 0.0
        self._health: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}

    def look(self) -> Sign:
        """Return the present sign, read from the store at most every 50 ms."""
        with self._lock:
            now_s = self._monotonic_s()
            if now_s - self._read_at_s >= _READ_EVERY_S:
                self._read(now_s)
            return Sign(self._seen[0] if self._seen else None, now_s - self._alive_at_s, self._health)

    def shift_counts(self) -> dict[str, Any]:
        """Return the outcomes of the present shift, counted at most once a second."""
        with self._lock:
            now_s = self._monotonic_s()
            if now_s - self._counted_at_s >= _COUNT_EVERY_S:
                start = queries.shift_start(datetime.now().astimezone())
                since_ns = int(start.timestamp()) * 1_000_000_000
                self._counts = {"since_ms": since_ns // 1_000_000, **queries.counts(self.station, since_ns)}
                self._counted_at_s = now_s
            return self._counts

    def _read(self, now_s: float) -> None:
        status = queries.status(self.station)
        seen = (queries.latest_id(self.station), status.wall_utc_ns if status else 0)
        if self._seen is None:
            # Only for the first look the line's wall clock is trusted; from then on its age is counted on our own clock.
            self._alive_at_s = now_s - self._age_s(seen)
        elif seen != self._seen:
            self._alive_at_s = now_s
        self._seen, self._read_at_s = seen, now_s
        self._health = dict(status.health) if status else {}

    def _age_s(self, seen: tuple[str | None, int]) -> float:
        newest = queries.recent(self.station, limit=1)
        newest_ns = max(seen[1], newest[0].wall_utc_ns if newest else 0)
        return max(0.0, (self._wall_ns() - newest_ns) / 1e9)


def news(pulse: Pulse, after: str | None) -> dict[str, Any]:
    """Return the parts that came after inspection `after` (None: the whole screen), with the newest of them in full."""
    strip = queries.recent(pulse.station, limit=STRIP_PARTS)
    fresh = strip if after is None else [summary for summary in strip if summary.inspection_id > after]
    finding = next((summary for summary in fresh if summary.outcome in queries.FINDINGS), None)
    if finding is None and after is None:
        finding = queries.latest_finding(pulse.station)
    return {
        "reset": after is None,
        "strip": [_tile(summary) for summary in reversed(fresh)],
        "part": _still_safe(part_view(fresh[0].inspection_id), pulse.station) if fresh else None,
        "finding": _still_safe(part_view(finding.inspection_id), pulse.station) if finding else None,
        "counts": pulse.shift_counts(),
    }


def wall_news(pulse: Pulse, sign: Sign) -> dict[str, Any]:
    """Return what a wall shows of one station: its newest part and the counts of its shift."""
    part = part_view(sign.latest_id) if sign.latest_id else None
    return {"station": pulse.station, "part": part, "counts": pulse.shift_counts()}


def wall_beat(pulses: Sequence[Pulse], signs: Sequence[Sign]) -> dict[str, Any]:
    """Return the signs of life of a wall's stations."""
    return {pulse.station: beat(sign, pulse.station) for pulse, sign in zip(pulses, signs, strict=True)}


def beat(sign: Sign, station: str) -> dict[str, Any]:
    """Return the sign of life that a screen gets even when no part comes, with the alarms that wait for a person."""
    return {"quiet_ms": round(sign.quiet_s * 1e3), "lamps": lamps(sign.health), "alarms": alarm_feed.waiting(station)}


def lamps(health: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a lamp per channel from what a station says of itself."""
    return [
        {
            "channel": channel,
            "state": state["state"] if state.get("state") in ("ok", "missing", "stale") else "unknown",
            "reason": _in_both(str(state.get("reason") or "")),
            "drops": int(state.get("drops") or 0),
            "age_ms": state.get("age_ms"),
        }
        for channel, state in health.items()
        if isinstance(state, dict) and "state" in state
    ]


@lru_cache(maxsize=256)
def part_view(inspection_id: str) -> dict[str, Any] | None:
    """Return one part as a screen shows it. An inspection never changes, so neither does this."""
    stored = queries.inspection(inspection_id)
    if stored is None:
        return None
    summary, document = stored.summary, stored.document
    camera = shown_camera(stored)
    return _tile(summary) | {
        "score": summary.score,
        "threshold": summary.threshold,
        "verdict_ms": summary.verdict_ms,
        "degraded": {name: _in_both(why) for name, why in document.get("condition", {}).get("degraded", {}).items()},
        "reasons": [_in_both(reason) for reason in document.get("reasons", [])],
        "camera": camera,
        "picture": f"/parts/{inspection_id}/picture/{quote(camera)}.jpg" if camera else None,
        "heat": f"/parts/{inspection_id}/heat/{quote(camera)}.png" if camera and camera in queries.heat_maps(stored) else None,
        "defects": [_defect(defect) for defect in document.get("defects", [])],
        "cause": _cause(document),
        "conclusion": document.get("conclusion"),
        "causes": [{"name": cause["name"], "title": _cause_title(cause)} for cause in document.get("causes", [])[:_CHOICES]],
        "together": _together(document),
        "escalation": document.get("escalation"),
        "suggestion": _suggestion(document),
        "sound": next((f"/parts/{inspection_id}/sound/{quote(channel)}.flac" for channel in queries.sounds(stored)), None),
        "sync_ms": max((abs(value) for value in document.get("sync_error_ms", {}).values()), default=None),
    }


def _in_both(remark: str) -> dict[str, str]:
    return {lang: in_words(remark, lang) for lang in LANGUAGES}


def _still_safe(view: dict[str, Any] | None, station: str) -> dict[str, Any] | None:
    """Return a view, which may be kept from long ago, without settings that have become unsafe since."""
    if view is None or view["suggestion"] is None:
        return view
    return view | {"suggestion": queries.safe([view["suggestion"]], station)[0]}


def shown_camera(stored: StoredInspection) -> str | None:
    """Return the camera to show first: the one that saw the defect."""
    cameras = queries.pictures(stored)
    seen = [defect.get("camera") for defect in stored.document.get("defects", [])]
    return next((camera for camera in [*seen, *queries.heat_maps(stored), *cameras] if camera in cameras), None)


def _tile(summary: InspectionSummary) -> dict[str, Any]:
    return {
        "id": summary.inspection_id,
        "part_id": summary.part_id,
        "utc_ms": summary.wall_utc_ns // 1_000_000,
        "outcome": summary.outcome,
        "kind": _both(kind_name, summary.kind),
        "complete": summary.complete,
    }


def _defect(defect: dict[str, Any]) -> dict[str, Any]:
    return defect | {"kind": _both(kind_name, defect.get("kind"))}


def _cause(document: Mapping[str, Any]) -> dict[str, Any] | None:
    causes = document.get("causes")
    if not causes:
        return None
    first = causes[0]
    return {"title": _cause_title(first), "probability": first["probability"]}


def _cause_title(cause: Mapping[str, Any]) -> dict[str, str]:
    return cause.get("title") or _both(cause_name, cause["name"])


def _together(document: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the two causes that most likely act at once, joined for a sentence, the one that can lead to the other first."""
    pair = next(iter(document.get("together", [])), None)
    if pair is None:
        return None
    titles = {cause["name"]: _cause_title(cause) for cause in document["causes"]}
    names = sorted(pair["causes"], key=lambda name: name != pair.get("leads"))
    named = [titles.get(name) or _both(cause_name, name) for name in names]
    return {lang: " + ".join(name[lang] for name in named) for lang in ("en", "zh")}


def _suggestion(document: Mapping[str, Any]) -> dict[str, Any] | None:
    first = next(iter(document.get("suggestions", [])), None)
    if first is None:
        return None
    parameters = [p | {"title": _both(parameter_name, p["name"]), "unit": unit_name(p["unit"])} for p in first.get("parameters", [])]
    return dict(first) | {"parameters": parameters}


def _both(name: Callable[[Any, Any], str], value: str | None) -> dict[str, str]:
    return {"en": name(value, "en"), "zh": name(value, "zh")}
