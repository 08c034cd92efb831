"""Reports to take away, and what somebody wrote of a part held against its record."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from dashboards import queries
from dashboards.panels.pieces import plain_text, title
from dashboards.words import Language, say
from inspector.errors import InspectorError
from inspector.store import StoredInspection

_FORMATS = {".pdf": "application/pdf", ".html": "text/html"}
_LOOKS = {"contradicts": "fail", "unsupported": "review", "holds": "pass"}


def download(name: str, make: Callable[[str], bytes], lang: Language) -> None:
    """Draw a button per format; the report is made when it is asked for."""
    with st.container(key=f"downloads-{name}", horizontal=True, gap="small"):
        for ending, mime in _FORMATS.items():
            label = f"{say('report', lang)} {ending[1:].upper()}"
            st.download_button(label, _made(make, ending, lang), f"{name}{ending}", mime, key=f"report-{name}{ending}", on_click="ignore")


def _made(make: Callable[[str], bytes], ending: str, lang: Language) -> Callable[[], bytes]:
    def made() -> bytes:
        try:
            return make(ending)
        except InspectorError as error:
            st.error(plain_text(f"{say('not_made', lang)}: {error}"))
            return b""

    return made


def statement(stored: StoredInspection, lang: Language) -> None:
    """Take a written statement on a part and point out what the record contradicts."""
    with st.container(key="panel-statement"):
        title("statement", lang)
        text = st.text_area(say("statement_hint", lang), key=f"statement-{stored.summary.inspection_id}", height=110, max_chars=4000)
        if not text.strip():
            return
        remarks = queries.check_statement(text, stored)
        if not remarks:
            st.html(f'<p class="quiet plain">{say("nothing_checked", lang)}</p>')
        for remark in remarks:
            record = remark.record.zh if lang == "zh" else remark.record.en
            badge = f'<span class="badge {_LOOKS[remark.finding]}">{say(remark.finding, lang)}</span>'
            st.html(f'<p class="plain">{badge} “{escape(remark.said)}” <span class="quiet">{escape(record)}</span></p>')
