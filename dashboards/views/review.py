"""Parts to look at next, those first of which the model would learn most; what a person says of them is kept for the next training."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from dashboards import labelling, masthead, queries
from dashboards.live_feed import shown_camera
from dashboards.panels import drawing, picture
from dashboards.panels.pieces import plain_text, title
from dashboards.shapes import SHAPES
from dashboards.words import Language, cause_name, kind_name, say
from inspector.errors import InspectorError
from inspector.parts import OK_LABEL
from inspector.store import StoredInspection

if TYPE_CHECKING:
    from inspector.review import Candidate

_SHOWN = 20
_NO_CAUSE = "none"


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    candidates = labelling.queue(station) if station else []
    with st.container(key="panel-review-head", horizontal=True, vertical_alignment="bottom", gap="medium"):
        if station:
            _export(station, lang)
    if not candidates:
        st.html(f'<p class="lead">{say("nothing_to_review", lang)}</p>')
        return
    left, right = st.columns([1, 2.2], gap="small")
    with left:
        chosen = _list(candidates[:_SHOWN], lang)
    stored = queries.inspection(chosen.summary.inspection_id)
    if stored is None:
        return
    with right:
        _head(chosen, lang)
        if shown_camera(stored):
            seen, drawn = st.columns(2, gap="small")
            with seen:
                picture.show(stored, lang)
            with drawn:
                drawing.show(stored, lang)
        _said(chosen, lang)
        _form(stored, lang)


def _list(candidates: list[Candidate], lang: Language) -> Candidate:
    with st.container(key="panel-queue"):
        title("look_next", lang)
        by_id = {candidate.summary.inspection_id: candidate for candidate in candidates}
        if st.session_state.get("review-part") not in by_id:
            st.session_state["review-part"] = next(iter(by_id))

        def told(inspection_id: str) -> str:
            one = by_id[inspection_id]
            return f"{one.summary.part_id} · {say(one.summary.outcome, lang)} · {', '.join(say(reason, lang) for reason in one.reasons)}"

        chosen = st.radio(say("look_next", lang), list(by_id), format_func=told, key="review-part", label_visibility="collapsed")
    return by_id[chosen]


def _head(candidate: Candidate, lang: Language) -> None:
    summary = candidate.summary
    reasons = ", ".join(say(reason, lang) for reason in candidate.reasons)
    st.html(
        f'<div class="verdict-line {summary.outcome}"><img src="{SHAPES[summary.outcome]}" alt=""><b>{say(summary.outcome, lang)}</b>'
        f'<span>{escape(kind_name(summary.kind, lang))}</span><span class="about"><strong>{escape(summary.part_id)}</strong>'
        f"{say('score', lang)} {summary.score:.3f} ({say('threshold', lang)} {summary.threshold:.3f}) · {escape(reasons)}</span></div>"
    )


def _said(candidate: Candidate, lang: Language) -> None:
    """Show what people said so far; where two disagree, both stand there."""
    if not candidate.labels:
        return
    with st.container(key="panel-said"):
        title("people_said", lang)
        for label in candidate.labels:
            cause = f" · {cause_name(label.cause, lang)}" if label.cause else ""
            note = f" · {label.note}" if label.note else ""
            st.html(f'<p class="plain"><b>{escape(label.who)}</b>: {escape(kind_name(label.kind, lang) + cause + note)}</p>')


def _form(stored: StoredInspection, lang: Language) -> None:
    with st.container(key="panel-label"):
        title("really_question", lang)
        with st.form("label", border=False, clear_on_submit=True):
            kinds = [OK_LABEL, *labelling.kinds(stored)]
            proposed = stored.summary.kind if stored.summary.outcome == "fail" else None
            index = kinds.index(proposed) if proposed in kinds else None
            columns = st.columns(3, gap="medium")
            key = stored.summary.inspection_id
            kind = columns[0].selectbox(
                say("kind", lang),
                kinds,
                index=index,
                format_func=lambda name: kind_name(name, lang),
                accept_new_options=True,
                key=f"kind-{key}",
                placeholder=say("choose_kind", lang),
            )
            cause = columns[1].selectbox(
                say("cause", lang),
                (None, _NO_CAUSE, *labelling.causes(stored)),
                format_func=lambda name: cause_name(name, lang) if name else say("not_known", lang),
                key=f"cause-{key}",
            )
            note = columns[2].text_input(say("note", lang), max_chars=500, key=f"note-{key}")
            if st.form_submit_button(say("keep_label", lang), type="primary", width=220):
                _keep(stored, kind, cause, note, lang)


def _keep(stored: StoredInspection, kind: str | None, cause: str | None, note: str, lang: Language) -> None:
    if kind is None:
        st.warning(say("choose_kind", lang))
        return
    try:
        labelling.keep(stored, kind, cause, note)
    except InspectorError as error:
        st.error(plain_text(str(error)))
        return
    st.session_state.pop("review-part", None)
    st.rerun()


def _export(station: str, lang: Language) -> None:
    number = labelling.labelled(station)
    if st.button(say("export_labels", lang, parts=number), key="export-labels", disabled=number == 0):
        try:
            folder, parts = labelling.export(station)
        except InspectorError as error:
            st.error(plain_text(str(error)))
            return
        st.success(plain_text(say("exported", lang, parts=parts, folder=folder)))
