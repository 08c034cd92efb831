"""The door to the health of stations: how each device does now, and how its clock ran over days, as far as the store has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dashboards import queries
from inspector.diagnosis.wording import unit_name
from inspector.store import StoredInspection

DAY_NS = 86_400_000_000_000
_SAMPLED_A_DAY = 12
"""So many parts of each day say how well its channels were aligned: each costs a look into its document."""
_NEWEST = 100


@dataclass(frozen=True, slots=True)
class Device:
    """One channel as it is."""

    name: str
    state: str
    """`ok`, `stale`, `missing`; empty where the station said nothing of it."""
    reason: str
    drops: int | None
    age_ms: float | None
    clock: Mapping[str, float]
    """drift_ppm, uncertainty_ms, offset_ms, epoch; empty where its stamps are the station's own."""
    sync_ms: tuple[float, float] | None
    """Median and largest error of alignment over the newest parts."""
    lost: int
    """Readings that were missing in the newest parts."""
    level: str
    """Of the newest part: what was heard or measured last."""


@dataclass(slots=True)
class Ledger:
    """Lines over time by channel: (wall time in ns, value)."""

    drift_ppm: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    offset_ms: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    sync_ms: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    drops: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    since_utc_ns: int | None = None
    """When the first line was kept; None for an empty ledger."""


def devices(station: str) -> list[Device]:
    """Return each channel of a station with how it does."""
    status = queries.status(station)
    health: Mapping[str, Any] = status.health if status else {}
    parts = _documents(station, limit=_NEWEST)
    newest = parts[0] if parts else None
    names = dict.fromkeys([*health, *(name for part in parts for name in part.document.get("sync_error_ms", {}))])
    levels = _levels(newest) if newest else {}
    return [_device(name, health.get(name, {}), parts, levels.get(name, "")) for name in names]


def newest_part(station: str) -> StoredInspection | None:
    """Return the newest part of a station, for its pictures."""
    newest = queries.latest_id(station)
    return queries.inspection(newest) if newest else None


def ledger(station: str, days: int, now_ns: int) -> Ledger:
    """Return how a station's devices ran over the last days."""
    made, since_ns = Ledger(), now_ns - days * DAY_NS
    for hour_ns, health in queries.store().health_ledger(station, since_ns):
        made.since_utc_ns = made.since_utc_ns or hour_ns
        for name, state in health.items():
            clock = state.get("clock") or {}
            for line, value in (
                (made.drift_ppm, clock.get("drift_ppm")),
                (made.offset_ms, clock.get("offset_ms")),
                (made.drops, state.get("drops")),
            ):
                if value is not None:
                    line.setdefault(name, []).append((hour_ns, float(value)))
    for day in range(days):
        _add_sync(made, station, since_ns + day * DAY_NS)
    return made


def _add_sync(made: Ledger, station: str, from_ns: int) -> None:
    page = queries.store().history(station=station, since_utc_ns=from_ns, until_utc_ns=from_ns + DAY_NS, limit=_SAMPLED_A_DAY)
    errors: dict[str, list[float]] = {}
    for summary in page.inspections:
        stored = queries.inspection(summary.inspection_id)
        for name, error_ms in (stored.document.get("sync_error_ms", {}) if stored else {}).items():
            errors.setdefault(name, []).append(float(error_ms))
    for name, found in errors.items():
        made.sync_ms.setdefault(name, []).append((page.inspections[0].wall_utc_ns, max(found)))


def _documents(station: str, limit: int) -> list[StoredInspection]:
    """Return the newest parts of a station, the newest first."""
    return [stored for summary in queries.recent(station, limit=limit) if (stored := queries.inspection(summary.inspection_id))]


def _device(name: str, state: Mapping[str, Any], parts: list[StoredInspection], level: str) -> Device:
    errors = [float(part.document["sync_error_ms"][name]) for part in parts if name in part.document.get("sync_error_ms", {})]
    return Device(
        name,
        state.get("state", ""),
        state.get("reason", ""),
        state.get("drops"),
        state.get("age_ms"),
        state.get("clock") or {},
        (float(np.median(errors)), max(errors)) if errors else None,
        sum(int(part.document.get("drops", {}).get(name, 0)) for part in parts),
        level,
    )


def _levels(stored: StoredInspection) -> dict[str, str]:
    """Return what each sound, vibration and value of a part came to, with its unit."""
    evidence = queries.evidence(stored)
    told = {}
    for name, wave in evidence.waveforms.items():
        samples = np.nan_to_num(np.asarray(wave.samples, dtype=np.float64))
        rms = math.sqrt(float(np.square(samples).mean())) if samples.size else 0.0
        told[name] = f"{20 * math.log10(max(rms, 1e-9)):.1f} dBFS" if wave.unit == "FS" else f"{rms:.3g} {unit_name(wave.unit)} RMS"
    for name, series in evidence.series.items():
        finite = series.values[np.isfinite(series.values)]
        if finite.size:
            told[name] = f"{float(finite[-1]):.4g} {unit_name(series.unit)}"
    return told
