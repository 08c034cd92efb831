"""What people wrote or said about a part, with who and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

import streamlit as st

from dashboards import queries
from dashboards.panels.pieces import title
from dashboards.words import Language, say
from inspector.store import Feedback, StoredInspection


def show(stored: StoredInspection, given: Sequence[Feedback], lang: Language) -> None:
    """Draw the notes among the answers, to be read and heard."""
    told = [answer for answer in given if answer.note or "recording" in answer.detail]
    if not told:
        return
    title("notes", lang)
    kept = queries.spoken_notes(stored)
    for answer in told:
        when = datetime.fromtimestamp(answer.wall_utc_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")
        st.html(f'<p class="plain"><b>{escape(answer.who or "–")}</b> · {when} {escape(answer.note or "")}</p>')
        if "recording" not in answer.detail:
            continue
        path = kept.get(answer.detail["recording"]["name"])
        if path is None:
            st.html(f'<p class="quiet plain">{say("not_kept", lang)}</p>')
        else:
            st.audio(path.read_bytes(), format=f"audio/{path.suffix[1:]}")
