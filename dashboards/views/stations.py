"""A station's devices: how each does, how its clock runs, what it dropped, what it saw and heard last; over days, as far as it is kept."""

from __future__ import annotations

import time
from datetime import datetime
from html import escape

import streamlit as st

from dashboards import masthead, queries, station_health
from dashboards.charts.ledger import over_days
from dashboards.panels.pieces import draw, number_of, table, title
from dashboards.station_health import Device, Ledger
from dashboards.words import Language, channel_name, in_words, say

_DAYS = {"one_day": 1, "one_week": 7, "four_weeks": 28}


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    _devices(station, lang)
    _last(station, lang)
    with st.container(key="panel-ledger"):
        title("clock_ledger", lang)
        chosen = st.segmented_control(
            say("span", lang), list(_DAYS), default="one_week", required=True, format_func=lambda word: say(word, lang), key="ledger-days"
        )
        _ledger(station_health.ledger(station, _DAYS[chosen or "one_week"], time.time_ns()), lang)


def _devices(station: str, lang: Language) -> None:
    status = queries.status(station)
    with st.container(key="panel-devices"):
        title("devices", lang)
        when = f"{datetime.fromtimestamp(status.wall_utc_ns / 1e9).astimezone():%Y-%m-%d %H:%M:%S}" if status else say("never", lang)
        st.html(f'<p class="quiet plain">{say("last_sign_of_life", lang, when=when)}</p>')
        heads = ("channel", "state", "drift", "clock_offset", "clock_uncertainty", "sync_error", "drops_in_parts", "age", "last_level")
        rows = [_row(device, lang) for device in station_health.devices(station)]
        if rows:
            table([say(word, lang) for word in heads], rows, figures=(2, 3, 4, 5, 6, 7, 8))
        else:
            st.html(f'<p class="plain">{say("no_devices", lang)}</p>')
        st.html(f'<p class="quiet plain">{say("devices_hint", lang)}</p>')


def _row(device: Device, lang: Language) -> list[str]:
    clock = device.clock
    word = {"": "state_unknown", "ok": "state_ok", "stale": "state_stale", "missing": "state_missing"}.get(device.state)
    state = say(word, lang) if word else escape(device.state)
    look = "" if device.state in ("ok", "") else ' class="off"'
    reason = f' <span class="quiet">{escape(in_words(device.reason, lang))}</span>' if device.reason else ""
    sync = f"{device.sync_ms[0]:.2f} / {device.sync_ms[1]:.2f} ms" if device.sync_ms else "–"
    drops = "–" if device.drops is None and not device.lost else f"{device.drops if device.drops is not None else '–'} / {device.lost}"
    return [
        escape(channel_name(device.name, lang)),
        f"<span{look}>{state}</span>{reason}",
        _figure(clock.get("drift_ppm"), "ppm"),
        _figure(clock.get("offset_ms"), "ms"),
        _figure(clock.get("uncertainty_ms"), "ms"),
        sync,
        drops,
        "–" if device.age_ms is None else f"{device.age_ms:.0f} ms",
        escape(device.level) or "–",
    ]


def _figure(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{number_of(value)} {unit}"


def _last(station: str, lang: Language) -> None:
    newest = station_health.newest_part(station)
    cameras = queries.pictures(newest) if newest else {}
    if newest is None or not cameras:
        return
    with st.container(key="panel-last-pictures"):
        title("last_pictures", lang)
        shown = "".join(
            f'<figure class="good-part"><img src="/parts/{newest.summary.inspection_id}/picture/{escape(camera)}.jpg" alt="">'
            f'<figcaption class="quiet">{escape(channel_name(camera, lang))} · {escape(newest.summary.part_id)}</figcaption></figure>'
            for camera in cameras
        )
        st.html(f'<div class="pictures-row">{shown}</div>')


def _ledger(kept: Ledger, lang: Language) -> None:
    left, right = st.columns(2, gap="small")
    lines = (
        (left, "sync_over_days", kept.sync_ms, "ms"),
        (right, "drift_over_days", kept.drift_ppm, "ppm"),
        (left, "offset_over_days", kept.offset_ms, "ms"),
        (right, "drops_over_days", kept.drops, ""),
    )
    missing = []
    for column, word, points, unit in lines:
        if not points:
            missing.append(say(word, lang))
            continue
        with column:
            title(word, lang)
            draw(over_days(points, unit, lang), f"ledger-{word}")
    notes = [say("not_recorded", lang, what=", ".join(missing))] if missing else []
    if kept.since_utc_ns is not None:
        notes.append(say("ledger_since", lang, when=f"{datetime.fromtimestamp(kept.since_utc_ns / 1e9).astimezone():%Y-%m-%d %H:%M}"))
    notes.append(say("ledger_hint", lang))
    st.html("".join(f'<p class="quiet plain">{note}</p>' for note in notes))
