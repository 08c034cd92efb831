"""What the lists of people and of machines share: a secret that is shown once, what went wrong, and what was done to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from html import escape

import streamlit as st

from dashboards import admitting, queries
from dashboards.panels.pieces import plain_text, table, title
from dashboards.words import Language, done_name, say, signer
from inspector.errors import InspectorError
from inspector.store import EVERY_STATION, ROLES, SCOPES, AuditEntry

_TOLD = ("role", "station", "badge", "screen", "scopes", "stations", "roles")


def secret(of: str, lang: Language) -> None:
    """Show a password or token that was made, until it is put away."""
    name, made = st.session_state.get(f"made-{of}", (None, None))
    if made is None:
        return
    with st.container(key=f"panel-made-{of}"):
        st.html(f'<p class="panel-title">{escape(say(f"made_{of}", lang, name=name))}</p>')
        st.code(made, language=None)
        if st.button(say("written_down", lang), key=f"put-away-{of}", type="primary"):
            st.session_state.pop(f"made-{of}")
            st.rerun()


def keep_secret(of: str, name: str, made: str) -> None:
    """Have a password or token shown from the next look at the page on."""
    st.session_state[f"made-{of}"] = (name, made)


def done(work: Callable[[], None]) -> None:
    """Do what was asked and draw the page anew; where it cannot be done, say why."""
    try:
        work()
    except InspectorError as error:
        st.error(plain_text(str(error)))
        return
    st.rerun()


def confirmed(word: str, question: str, key: str, lang: Language) -> bool:
    """Draw a button that asks once more; say whether it was meant."""
    with st.popover(say(word, lang), use_container_width=True):
        st.html(f'<p class="plain">{escape(question)}</p>')
        return st.button(say(word, lang), key=key, type="primary", width="stretch")


def station_name(station: str, lang: Language) -> str:
    """Return what is shown for a station, or for every one."""
    return say("every_station", lang) if station == EVERY_STATION else station


def known_stations() -> list[str]:
    """Return what a right can be given for."""
    return [EVERY_STATION, *queries.stations()]


def moment(utc_ns: int | None) -> str:
    """Return an instant as people here write it."""
    return "–" if utc_ns is None else datetime.fromtimestamp(utc_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")


def log(name: str, lang: Language) -> None:
    """Show what was last done to a person or a machine, and by whom."""
    title("done_lately", lang)
    heads = [say(word, lang) for word in ("time", "who_did", "what_was_done")]
    table(heads, [_cells(entry, lang) for entry in admitting.log_of(name)])


def _cells(entry: AuditEntry, lang: Language) -> tuple[str, str, str]:
    told = [text for name in _TOLD if (text := _told(entry.detail.get(name), lang))]
    said = done_name(entry.action, lang) + (f" · {', '.join(told)}" if told else "")
    return moment(entry.wall_utc_ns), escape(signer(entry.who, lang)), escape(said)


def _told(value: object, lang: Language) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_told(role, lang)} ({station_name(station, lang)})" for station, role in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_told(one, lang) for one in value)
    if value is True:
        return say("on_a_screen", lang)
    if not isinstance(value, str):
        return ""
    return right_name(value, lang) if value != EVERY_STATION else station_name(value, lang)


def right_name(right: str, lang: Language) -> str:
    """Return what a role or a scope is called; what is neither stays as it is."""
    return say(f"right_{right}", lang) if right in (*ROLES, *SCOPES) else right
