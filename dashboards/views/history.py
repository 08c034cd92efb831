"""What went by: figures of a span, and every part in it, to be filtered and opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

import streamlit as st

from dashboards import masthead, queries
from dashboards.charts import counts
from dashboards.panels import reports
from dashboards.shapes import SHAPES
from dashboards.words import Language, cause_name, kind_name, say
from inspector.parts import Outcome
from inspector.store import InspectionSummary

_PARTS_A_PAGE = 25
_OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "review")
_SPANS = ("last_hour", "last_shift", "last_day", "any_time")
_PLOT = {"displayModeBar": False, "responsive": True}


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    wanted = _filters(station, lang)
    reports.download(f"batch-{station}", lambda ending: queries.batch_report(station, wanted["since_utc_ns"] or 0, lang, ending), lang)
    _figures(station, wanted["since_utc_ns"] or 0, lang)
    _parts(station, wanted, lang)


def since_utc_ns(span: str, now: datetime) -> int | None:
    """Return the instant that a named span begins; None for one without beginning."""
    starts: Mapping[str, Callable[[], datetime]] = {
        "last_hour": lambda: now - timedelta(hours=1),
        "last_shift": lambda: queries.shift_start(now),
        "last_day": lambda: now - timedelta(days=1),
        "last_week": lambda: now - timedelta(days=7),
    }
    return int(starts[span]().timestamp() * 1e9) if span in starts else None


# --- filters -----------------------------------------------------------------------------------------------------------------------


def _filters(station: str, lang: Language) -> dict[str, Any]:
    with st.container(key="panel-filters", horizontal=True, vertical_alignment="bottom", gap="medium"):
        span = st.selectbox(say("time", lang), _SPANS, index=2, format_func=lambda word: say(word, lang), key="span", width=180)
        since = since_utc_ns(span, datetime.now().astimezone().replace(second=0, microsecond=0))
        outcome = st.selectbox(
            say("outcome", lang), (None, *_OUTCOMES), format_func=lambda word: say(word or "all", lang), key="outcome", width=150
        )
        kind = _named(say("kind", lang), queries.frequent("kind", station), kind_name, "kind", lang)
        cause = _named(say("cause", lang), queries.frequent("cause", station), cause_name, "cause", lang)
        text = st.text_input(say("find_part", lang), key="part-text", width=220)
    return {"since_utc_ns": since, "outcome": outcome, "kind": kind, "cause": cause, "part_text": text.strip() or None}


def _named(label: str, known: Mapping[str, int], name: Callable[[str | None, Language], str], key: str, lang: Language) -> str | None:
    return st.selectbox(
        label, (None, *known), format_func=lambda value: name(value, lang) if value else say("all", lang), key=key, width=210
    )


# --- figures -----------------------------------------------------------------------------------------------------------------------


def _figures(station: str, since_ns: int, lang: Language) -> None:
    kinds = {kind_name(kind, lang): parts for kind, parts in queries.frequent("kind", station, since_ns).items()}
    causes = {cause_name(cause, lang): parts for cause, parts in queries.frequent("cause", station, since_ns).items()}
    drawn = {
        "yield_per_hour": counts.hourly_yield(queries.hourly_yield(station, since_ns), lang),
        "pareto_defects": counts.pareto(kinds, lang),
        "pareto_causes": counts.pareto(causes, lang),
    }
    for column, (word, figure) in zip(st.columns(3, gap="small"), drawn.items(), strict=True):
        with column, st.container(key=f"panel-{word}"):
            st.html(f'<p class="panel-title">{say(word, lang)}</p>')
            if figure is None:
                st.html(f'<p class="quiet">{say("nothing_yet", lang)}</p>')
            else:
                st.plotly_chart(figure, key=word, config=_PLOT, theme=None, width="stretch")


# --- parts -------------------------------------------------------------------------------------------------------------------------


def _parts(station: str, wanted: dict[str, Any], lang: Language) -> None:
    pages = _pages(wanted)
    found = queries.history(station, **wanted, limit=_PARTS_A_PAGE, before=pages[-1])
    with st.container(key="panel-parts"):
        if not found.inspections:
            st.html(f'<p class="lead">{say("nothing_matches", lang)}</p>')
            return
        st.html(parts_table(found.inspections, lang))
        with st.container(key="pager", horizontal=True, horizontal_alignment="center", vertical_alignment="center", gap="medium"):
            if st.button(say("newer", lang), key="newer-page", icon=":material/chevron_left:", disabled=len(pages) == 1, width=140):
                pages.pop()
                st.rerun()
            st.html(f'<span class="quiet">{say("page", lang, n=len(pages))}</span>')
            if st.button(
                say("older", lang), key="older-page", icon=":material/chevron_right:", disabled=found.next_before is None, width=140
            ):
                pages.append(found.next_before)
                st.rerun()


def _pages(wanted: dict[str, Any]) -> list[str | None]:
    """Return where each page so far began, the present one last; other filters begin anew."""
    filters = {key: value for key, value in wanted.items() if key != "since_utc_ns"}  # that one moves with the clock
    filters["span"] = st.session_state.get("span")
    if st.session_state.get("paged") != filters:
        st.session_state["paged"], st.session_state["pages-so-far"] = filters, [None]
    pages: list[str | None] = st.session_state["pages-so-far"]
    return pages


def parts_table(parts: tuple[InspectionSummary, ...], lang: Language) -> str:
    """Return the list of parts as HTML."""
    heads = ("picture", "part_id", "verdict", "defect", "cause", "score", "time", "complete")
    head = "".join(f"<th>{say(word, lang)}</th>" for word in heads)
    return f'<table class="parts-table"><thead><tr>{head}</tr></thead><tbody>{"".join(_row(part, lang) for part in parts)}</tbody></table>'


def _row(part: InspectionSummary, lang: Language) -> str:
    address = f"part?{urlencode({'id': part.inspection_id, 'lang': lang})}"
    when = datetime.fromtimestamp(part.wall_utc_ns / 1e9).astimezone().strftime("%m-%d %H:%M:%S")
    badge = f'<span class="badge {part.outcome}"><img src="{SHAPES[part.outcome]}" alt="">{say(part.outcome, lang)}</span>'
    cells = (
        f'<a href="{address}" target="_self" class="thumb" tabindex="-1" aria-hidden="true">{_thumbnail(part)}</a>',
        f'<a href="{address}" target="_self">{escape(part.part_id)}</a>',
        badge,
        escape(kind_name(part.kind, lang)),
        escape(cause_name(part.cause, lang)),
        f"{part.score:.2f}",
        when,
        "" if part.complete else f'<span class="badge review">{say("incomplete", lang)}</span>',
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _thumbnail(part: InspectionSummary) -> str:
    stored = queries.inspection(part.inspection_id)
    camera = next(iter(queries.pictures(stored)), None) if stored else None
    return f'<img src="/parts/{part.inspection_id}/thumbnail/{quote(camera)}.jpg" alt="" loading="lazy">' if camera else ""
