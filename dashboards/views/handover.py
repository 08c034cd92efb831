"""What this shift leaves to the next, to read together and to print."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from html import escape

import streamlit as st

from dashboards import alarm_feed, masthead, queries
from dashboards.theme import asset
from dashboards.words import Language, cause_name, kind_name, parameter_name, say
from inspector.diagnosis.wording import unit_name
from inspector.monitoring.alarms import state
from inspector.monitoring.handover import HandOver
from inspector.store import Alarm, PartAnswer


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    since_ns = int(queries.shift_start(datetime.now().astimezone()).timestamp() * 1e9)
    left = queries.handed_over(station, since_ns, time.time_ns())
    with st.container(key="panel-handover"):
        st.html(f"<style>{asset('handover.css')}</style>{page(left, masthead.signer(station)['who'], lang)}")
        button = st.components.v2.component("line_inspector.print", html=asset("print.html"), css=asset("print.css"), js=asset("print.js"))
        button(key="print", data={"word": say("print", lang)})


def page(left: HandOver, who: str, lang: Language) -> str:
    """Return the whole list as HTML."""
    span = say("shift_span", lang, start=_moment(left.since_utc_ns), end=_moment(left.until_utc_ns))
    sections = (
        ("open_cases", [_alarm(alarm, left.until_utc_ns, lang) for alarm in left.open_alarms]),
        ("shelved_cases", [_alarm(alarm, left.until_utc_ns, lang) for alarm in left.shelved_alarms]),
        ("unhelped_fixes", _answers(left.unhelped, lang)),
        ("untold_fixes", _answers(left.untold, lang)),
        ("maintenance_asked", _answers(left.maintenance, lang)),
        ("notes_left", _answers(left.notes, lang)),
    )
    return (
        f'<article class="handover"><h1>{escape(say("handover_of", lang, station=left.station))}</h1><p class="span">{span}</p>'
        f"{_figures(left, lang)}{''.join(_section(word, lines, lang) for word, lines in sections)}"
        f"<footer><p>{say('handed_over', lang)}: <b>{escape(who)}</b></p><p>{say('taken_over', lang)}:</p></footer></article>"
    )


def _figures(left: HandOver, lang: Language) -> str:
    all_parts = sum(left.counts.values())
    ratio = left.first_pass.yield_ratio
    figures = [(say("parts", lang), str(all_parts))]
    figures += [(say(outcome, lang), str(left.counts.get(outcome, 0))) for outcome in ("pass", "fail", "review")]
    figures.append((say("first_pass_yield", lang), "–" if ratio is None else f"{ratio:.1%}"))
    return f'<dl class="figures">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)}</dl>'


def _section(word: str, lines: Sequence[str], lang: Language) -> str:
    listed = "".join(f"<li>{line}</li>" for line in lines) or f'<li class="none">{say("nothing_left", lang)}</li>'
    return f"<section><h2>{say(word, lang)} <span>{len(lines)}</span></h2><ul>{listed}</ul></section>"


def _alarm(alarm: Alarm, now_ns: int, lang: Language) -> str:
    is_shelved = state(alarm, now_ns) == "shelved"
    how = say(state(alarm, now_ns), lang)
    if is_shelved and alarm.shelved_until_utc_ns is not None and alarm.shelved_reason is not None:
        until, reason = _moment(alarm.shelved_until_utc_ns), say(alarm.shelved_reason, lang)
        how = say("shelved_until", lang, time=until, name=escape(alarm.shelved_by or ""), reason=reason)
    elif alarm.acknowledged_by is not None and alarm.acknowledged_utc_ns is not None:
        how = say("acknowledged_by", lang, name=escape(alarm.acknowledged_by), time=_moment(alarm.acknowledged_utc_ns))
    opened = _moment(alarm.opened_utc_ns)
    since = say("alarm_parts", lang, n=alarm.parts, time=opened) if alarm.parts else say("alarm_since", lang, time=opened)
    return f"<b>{escape(alarm_feed.title(alarm.cause, lang))}</b> {since} · {how}"


def _answers(answers: Sequence[PartAnswer], lang: Language) -> list[str]:
    return [_answer(one, lang) for one in answers]


def _answer(one: PartAnswer, lang: Language) -> str:
    answer, part = one.answer, one.part
    action = (one.action or {}).get(lang) or (one.action or {}).get("original", "")
    settings = ", ".join(
        f"{parameter_name(setting['name'], lang)} {setting['value']:g} {unit_name(setting['unit'])}"
        for setting in answer.detail.get("parameters", [])
    )
    trouble = " · ".join(name for name in (kind_name(part.kind, lang), cause_name(part.cause, lang)) if name)
    head = answer.note or action or trouble or say(answer.kind, lang)
    rest = [settings, trouble if head != trouble else "", f"{part.part_id}, {_moment(answer.wall_utc_ns)}"]
    rest.append(say("by_name", lang, name=answer.who or say("nobody", lang)))
    return f"<b>{escape(head)}</b> {escape(' · '.join(text for text in rest if text))}"


def _moment(instant_ns: int) -> str:
    return datetime.fromtimestamp(instant_ns / 1e9).astimezone().strftime("%m-%d %H:%M")
