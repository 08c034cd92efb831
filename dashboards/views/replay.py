"""A recorded batch judged again: every part on one time axis, and where it is compared, what another way of judging makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboards import kept_replays, masthead
from dashboards.charts import batch, timeline
from dashboards.panels import replay_start
from dashboards.panels.diagnosis import title_of
from dashboards.panels.picture import picture_component
from dashboards.panels.pieces import draw, number_of, plain_text, title
from dashboards.replayed import FILTERS, Row, rows_of
from dashboards.shapes import SHAPES
from dashboards.theme import asset
from dashboards.words import Language, all_words, cause_name, channel_name, in_words, kind_name, say
from inspector.errors import StoreError
from inspector.store.replays import KeptReplay, Side

_SIDES: tuple[Side, Side] = ("before", "after")


def show() -> None:
    """Draw the page of the replay that `?replay=` names, else of the newest; `?number=` names the part."""
    lang = masthead.language()
    with st.container(key="panel-choose"):
        name = _chosen(lang)
        replay_start.show(lang)
    try:
        kept = kept_replays.replay(name) if name else None
    except StoreError as error:
        st.error(plain_text(str(error)))
        return
    if kept is None:
        st.html(f'<p class="lead">{say("no_replays", lang)}</p>')
        return
    rows = rows_of(kept.document)
    if kept.compared:
        _costs(kept.document["compare"], lang)
    shown = _filtered(rows, compared=kept.compared, lang=lang)
    if not shown:
        st.html(f'<p class="lead">{say("nothing_matches", lang)}</p>')
        return
    row = _stepped(kept, rows, shown, lang)
    for column, side in zip(st.columns(2 if kept.compared else 1, gap="small"), _SIDES, strict=False):
        with column:
            _side(kept, row, side, lang)
    _signals(kept, row, lang)


# --- which replay, which part ------------------------------------------------------------------------------------------------------


def _chosen(lang: Language) -> str | None:
    names = kept_replays.names()
    if not names:
        return None
    asked = st.session_state.pop("replay-started", None) or st.query_params.get("replay")
    if asked in names and st.session_state.get("replay-asked") != asked:
        st.session_state["replay-asked"] = st.session_state["replay"] = asked
    name = st.selectbox(say("replay_shown", lang), names, key="replay", width=420)
    st.query_params["replay"] = name
    return name


def _filtered(rows: Sequence[Row], *, compared: bool, lang: Language) -> list[Row]:
    with st.container(key="panel-filter", horizontal=True, vertical_alignment="bottom", gap="medium"):
        offered = [word for word, filter_ in FILTERS.items() if compared or not filter_.needs_two]
        counted = {word: sum(FILTERS[word].keeps(row) for row in rows) for word in offered}
        wanted = st.segmented_control(
            say("filters", lang),
            offered,
            default="all_parts",
            required=True,
            key="replay-filter",
            format_func=lambda word: f"{say(word, lang)} ({counted[word]})",
        )
    return [row for row in rows if FILTERS[wanted or "all_parts"].keeps(row)]


def _stepped(kept: KeptReplay, rows: Sequence[Row], shown: Sequence[Row], lang: Language) -> Row:
    """Draw the batch over time with the part that is looked at; return that part."""
    asked = st.query_params.get("number", "")
    at = next((index for index, row in enumerate(shown) if str(row.number) == asked), None)
    if at is None:  # the filter took it away: go on from where it was
        at = next((index for index, row in enumerate(shown) if asked.isdecimal() and row.number >= int(asked)), 0)
    with st.container(key="panel-batch"):
        with st.container(key="chooser", horizontal=True, vertical_alignment="center", gap="small"):
            if st.button(say("earlier", lang), key="earlier", icon=":material/chevron_left:", disabled=at == 0, width=140):
                at -= 1
            if st.button(say("later", lang), key="later", icon=":material/chevron_right:", disabled=at >= len(shown) - 1, width=140):
                at += 1
            st.html(f'<span class="lead"><b>{escape(shown[at].part_id)}</b></span> <span class="quiet">{at + 1} / {len(shown)}</span>')
        picked = draw_batch(rows, shown[at], compared=kept.compared, lang=lang)
        if picked is not None and st.session_state.get("batch-picked") != (kept.name, picked):
            st.session_state["batch-picked"] = (kept.name, picked)
            at = next((index for index, row in enumerate(shown) if row.number == picked), at)
    if str(shown[at].number) != asked:
        st.query_params["number"] = str(shown[at].number)
        st.rerun()
    return shown[at]


def draw_batch(rows: Sequence[Row], shown: Row, *, compared: bool, lang: Language) -> int | None:
    """Draw all scores over the batch; return the number of the part that was clicked, if one was."""
    figure = batch.scores(rows, shown, compared=compared, lang=lang)
    event = draw(figure, "batch-scores", on_select="rerun", selection_mode="points")
    points = event["selection"]["points"] if event else []
    return int(points[0]["customdata"][0]) if points else None


# --- what it costs -------------------------------------------------------------------------------------------------------------------


def _costs(compare: Mapping[str, Any], lang: Language) -> None:
    costs = compare["costs"]
    with st.container(key="panel-costs"):
        title("two_ways", lang)
        words = ("escapes", "overkill", "to_a_person", "cost_of_mistakes")
        cells = ["<span></span>", *(f'<span class="quiet">{say(word, lang)}</span>' for word in words), "<span></span>"]
        for side in _SIDES:
            one = costs[side]
            figures = (one["escapes"], one["overkill"], one["reviews"], number_of(one["cost"]))
            cells += [f'<span class="way">{say(side, lang)}</span>', *(f"<b>{figure}</b>" for figure in figures)]
            cells.append(f'<span class="quiet">{escape(_setting(compare[side], lang))}</span>')
        st.html(f'<div class="two-ways">{"".join(cells)}</div>')
        saved = costs["saved"]
        word = "costs_less" if saved > 0 else "costs_more" if saved < 0 else "costs_same"
        prices = {name: number_of(price) for name, price in costs["prices"].items()}
        told = (
            f"{say(word, lang, cost=number_of(abs(saved)))} {say('truth_known', lang, known=costs['known'], parts=len(compare['parts']))}"
        )
        st.html(f'<p class="plain">{told} <span class="quiet">{say("prices_are", lang, **prices)}</span></p>')


def _setting(setting: Mapping[str, Any], lang: Language) -> str:
    """Return a way of judging in words: the model, and what it was told otherwise."""
    model = "/".join(str(setting["model"]).replace("\\", "/").rstrip("/").split("/")[-2:])
    said = [f"{say('model', lang)} {model}"]
    if "threshold" in setting:
        said.append(f"{say('threshold', lang)} {number_of(setting['threshold'])}")
    if "costs" in setting:
        said.append(say("prices_are", lang, **{name: number_of(price) for name, price in setting["costs"].items()}))
    if "defect_rate" in setting:
        said.append(f"{say('defect_rate', lang)} {setting['defect_rate']:.1%}")
    if "catalogue" in setting:
        said.append(f"{say('catalogue', lang)} {setting['catalogue']}")
    if "without" in setting:
        said.append(f"{say('without_sense', lang)} {', '.join(say(sense, lang) for sense in setting['without'])}")
    return " · ".join(said)


# --- one part ------------------------------------------------------------------------------------------------------------------------


def _side(kept: KeptReplay, row: Row, side: Side, lang: Language) -> None:
    document = row.documents[_SIDES.index(side)]
    with st.container(key=f"panel-{side}"):
        if kept.compared:
            title(side, lang)
        differs = " differs" if side == "after" and "outcome" in row.differs else ""
        st.html(
            f'<div class="verdict-line {document["outcome"]}{differs}"><img src="{SHAPES[document["outcome"]]}" alt="">'
            f"<b>{say(document['outcome'], lang)}</b><span>{escape(kind_name(row.kind(side), lang))}</span>"
            f'<span class="about">{say("score", lang)} {document["score"]:.3f} ({say("threshold", lang)} {document["threshold"]:.3f})'
            f"{_truth(row, side, lang)}</span></div>"
        )
        _cause(document, lang)
        cameras = kept_replays.cameras(kept, row.number)
        if cameras:
            picture_component(_picture(kept, row, side, cameras[0]), f"picture-{side}", lang)
        else:
            st.html(f'<p class="quiet">{say("no_picture", lang)}</p>')


def _truth(row: Row, side: Side, lang: Language) -> str:
    if row.truth is None:
        return ""
    said = say("really_is", lang, kind=kind_name(row.truth, lang))
    made = row.mistake(side)
    return f"<br>{escape(said)}" + (f" · <em>{say(made, lang)}</em>" if made else "")


def _cause(document: Mapping[str, Any], lang: Language) -> None:
    if document["condition"]["degraded"]:
        listed = "; ".join(f"{channel_name(name, lang)} ({in_words(why, lang)})" for name, why in document["condition"]["degraded"].items())
        st.html(f'<p class="quiet plain">{say("degraded", lang)}: {escape(listed)}</p>')
    if said := document.get("conclusion"):
        st.html(f'<p class="plain">{escape(said[lang])}</p>')
    likely = [cause for cause in document.get("causes", [])[:3] if cause["probability"] >= 0.005]
    ranked = " · ".join(f"{title_of(cause, lang)} {cause['probability']:.0%}" for cause in likely)
    st.html(f'<p class="quiet plain">{escape(ranked or cause_name(None, lang))}</p>')


def _picture(kept: KeptReplay, row: Row, side: Side, camera: str) -> dict[str, Any]:
    address = f"/replays/{kept.name}"
    drawn = kept_replays.has_heat_map(kept, row.number, side, camera)
    return {
        "id": f"{kept.name}-{row.number}-{side}",
        "camera": camera,
        "picture": f"{address}/before/{row.number}/picture/{camera}.jpg",
        "heat": f"{address}/{side}/{row.number}/heat/{camera}.png" if drawn else None,
        "defects": [
            defect | {"kind": {"en": kind_name(defect["kind"], "en"), "zh": kind_name(defect["kind"], "zh")}}
            for defect in row.documents[_SIDES.index(side)]["defects"]
        ],
    }


def _signals(kept: KeptReplay, row: Row, lang: Language) -> None:
    evidence = kept_replays.evidence(kept, row.number)
    spoken: dict[str, list[Mapping[str, Any]]] = {}
    for document in row.documents:
        for item in (document.get("causes") or [{}])[0].get("evidence", []):
            spoken.setdefault(item["channel"], []).append(item)
    sounds = {name: f"/replays/{kept.name}/before/{row.number}/sound/{name}.flac" for name in evidence.sounds}
    made = timeline.rows(evidence, spoken, sounds, lang)
    if not made:
        st.html(f'<p class="quiet">{say("no_evidence_files", lang)}</p>')
        return
    start_s, end_s = timeline.span_s(made)
    words = {word: text for word, text in all_words(lang).items() if word.startswith("timeline_")}
    component = st.components.v2.component(
        "line_inspector.timeline", html=asset("timeline.html"), css=asset("timeline.css"), js=asset("timeline.js")
    )
    with st.container(key="panel-timeline"):
        title("one_axis", lang)
        data = {"rows": made, "words": words, "start_s": start_s, "end_s": end_s, "near": timeline.near_s(made)}
        component(key=f"timeline-{kept.name}-{row.number}-{lang}", data=data)
