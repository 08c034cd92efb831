"""One part in full, for the engineer: what was seen, heard and felt, what was concluded of it and why, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any

import streamlit as st

from dashboards import masthead, model_room, people, queries
from dashboards.panels import advice, diagnosis, notes, picture, reports, signals
from dashboards.panels.pieces import plain_text, title
from dashboards.shapes import SHAPES
from dashboards.words import Language, channel_name, in_words, kind_name, say, stage_name
from inspector.errors import AccessError, StoreError
from inspector.store import Answer, StoredInspection


def show() -> None:
    """Draw the page of the part that `?id=` names, else of the last part that needed a person."""
    lang, station = masthead.language(), masthead.station()
    stored = _chosen(station)
    if stored is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    st.query_params["id"] = stored.summary.inspection_id
    evidence = queries.evidence(stored)
    _chooser(stored, lang)
    _verdict(stored, lang)
    left, right = st.columns([1, 1.05], gap="small")
    with left:
        picture.show(stored, lang)
        _about(stored, lang)
    with right:
        diagnosis.conclusion(stored, lang)
        diagnosis.driven_by(stored.document.get("attributions", []), lang)
        diagnosis.causes(stored.document.get("causes", []), lang)
        advice.suggestions(stored.document.get("suggestions", []), stored.document.get("escalation"), lang)
        _answers(stored, lang)
    signals.show(stored, evidence, lang)
    _golden(stored, lang)
    reports.statement(stored, lang)
    with st.expander(say("raw_json", lang)):
        st.json(dict(stored.document), expanded=2)


# --- which part ------------------------------------------------------------------------------------------------------------------


def _chosen(station: str | None) -> StoredInspection | None:
    asked = st.query_params.get("id")
    stored = queries.inspection(asked) if asked else None
    if stored is not None or station is None:
        return stored
    finding = queries.latest_finding(station)
    newest = finding.inspection_id if finding else queries.latest_id(station)
    return queries.inspection(newest) if newest else None


def _chooser(stored: StoredInspection, lang: Language) -> None:
    older, newer = queries.neighbours(stored)
    with st.container(key="chooser", horizontal=True, vertical_alignment="center", gap="small"):
        _step(say("older", lang), older, "older", "left")
        _step(say("newer", lang), newer, "newer", "right")
        reports.download(f"part-{stored.summary.inspection_id}", lambda ending: queries.part_report(stored, lang, ending), lang)
        wanted = st.text_input(
            say("choose_part", lang), placeholder=say("choose_part", lang), label_visibility="collapsed", key="wanted", width=260
        )
    if wanted and wanted != stored.summary.part_id:
        found = queries.find_part(wanted.strip(), stored.summary.station)
        if found is None:
            st.warning(say("part_not_found", lang, part=plain_text(wanted)))
        elif found != stored.summary.inspection_id and st.session_state.get("found") != (wanted, found):
            st.session_state["found"] = (wanted, found)
            _go(found)


def _step(label: str, inspection_id: str | None, key: str, arrow: str) -> None:
    if st.button(label, key=key, icon=f":material/chevron_{arrow}:", disabled=inspection_id is None, width=120) and inspection_id:
        _go(inspection_id)


def _go(inspection_id: str) -> None:
    st.query_params["id"] = inspection_id
    st.rerun()


# --- verdict and picture -----------------------------------------------------------------------------------------------------------


def _verdict(stored: StoredInspection, lang: Language) -> None:
    summary = stored.summary
    when = datetime.fromtimestamp(summary.wall_utc_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    what = kind_name(summary.kind, lang)
    st.html(
        f'<div class="verdict-line {summary.outcome}"><img src="{SHAPES[summary.outcome]}" alt=""><b>{say(summary.outcome, lang)}</b>'
        f"<span>{escape(what)}</span>"
        f'<span class="about"><strong>{escape(summary.part_id)}</strong>{escape(summary.station)} · {when} · '
        f"{say('score', lang)} {summary.score:.2f} ({say('threshold', lang)} {summary.threshold:.2f})</span></div>"
    )
    degraded: Mapping[str, str] = stored.document.get("condition", {}).get("degraded", {})
    if degraded:
        listed = "; ".join(f"{channel_name(name, lang)} ({in_words(why, lang)})" for name, why in degraded.items())
        st.warning(f"{say('degraded', lang)}: {plain_text(listed)}")
    if stored.document.get("reasons"):
        reasons = "; ".join(in_words(reason, lang) for reason in stored.document["reasons"])
        st.info(f"{say('reasons', lang)}: {plain_text(reasons)}")


# --- answers -----------------------------------------------------------------------------------------------------------------------


def _answers(stored: StoredInspection, lang: Language) -> None:
    suggestion = next(iter(stored.document.get("suggestions", [])), None)
    with st.container(key="panel-answers"):
        title("feedback", lang)
        may_answer = people.may("operator", stored.summary.station)
        offered = [kind for kind in queries.ANSWERS if suggestion or kind.startswith("verdict")]
        with st.container(key="answers"):
            for column, kind in zip(st.columns(len(offered)), offered, strict=True):
                if column.button(say(kind, lang), key=f"answer-{kind}", width="stretch", disabled=not may_answer):
                    _store_answer(stored, kind, suggestion, lang)
        if not may_answer:
            st.html(f'<p class="quiet plain">{say("may_not_answer", lang)}</p>')
        given = queries.feedback(stored.summary.inspection_id)
        if given:
            listed = ", ".join(f"{say(item.kind, lang)} ({datetime.fromtimestamp(item.wall_utc_ns / 1e9):%H:%M:%S})" for item in given)
            st.html(f'<p class="quiet plain">{say("feedback_given", lang)}: {listed}</p>')
            notes.show(stored, given, lang)


def _golden(stored: StoredInspection, lang: Language) -> None:
    """Let an engineer say that every model must judge this part right."""
    summary = stored.summary
    if not people.may("engineer", summary.station):
        return
    is_golden = model_room.is_golden(summary.inspection_id, summary.station)
    if st.button(say("golden_remove" if is_golden else "golden_make", lang), key="golden", icon=":material/star:"):
        try:
            model_room.set_golden(summary.inspection_id, summary.station, wanted=not is_golden)
        except (AccessError, StoreError) as error:
            st.error(plain_text(str(error)))
            return
        st.rerun()


def _store_answer(stored: StoredInspection, kind: Answer, suggestion: Mapping[str, Any] | None, lang: Language) -> None:
    fix_id = suggestion["fix_id"] if suggestion and not kind.startswith("verdict") else None
    try:
        queries.answer(stored.summary.inspection_id, kind, fix_id)
    except (AccessError, StoreError) as error:
        st.error(plain_text(str(error)))
        return
    st.toast(f"{say('feedback_stored', lang)}: {say(kind, lang)}")


def _about(stored: StoredInspection, lang: Language) -> None:
    document = stored.document
    model = document.get("model", {})
    facts = {
        say("model", lang): f"{model.get('name', '–')} {model.get('version', '')} · {str(model.get('sha256', ''))[:12]}",
        say("timings", lang): _listed(document.get("timings_ms", {}), lambda ms: f"{ms:.0f} ms", lambda stage: stage_name(stage, lang)),
        say("weights", lang): _listed(document.get("weights", {}), lambda w: f"{w:.0%}", lambda modality: say(modality, lang)),
        say("sync_error", lang): _listed(
            document.get("sync_error_ms", {}), lambda ms: f"{ms:.2f} ms", lambda name: channel_name(name, lang)
        ),
    }
    with st.container(key="panel-about"):
        title("about", lang)
        rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
        st.html(f'<dl class="facts">{rows}</dl>')


def _listed(values: Mapping[str, float], figure: Callable[[float], str], name: Callable[[str], str]) -> str:
    return " · ".join(f"{name(key)} {figure(value)}" for key, value in values.items())
