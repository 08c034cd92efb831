"""Models of a station: which one serves, trainings, golden parts, and a model put into service or taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import labelling, masthead, model_room, people
from dashboards.model_room import Model
from dashboards.panels.pieces import plain_text, table, title
from dashboards.words import Language, kind_name, say, signer
from inspector.errors import InspectorError
from inspector.trainings import Training

STAGES = ("reading parts", "altering signals", "looking at pictures", "pretraining", "training member", "measuring good parts")


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    if error := st.session_state.pop("models-error", None):
        st.error(plain_text(error))
    known = model_room.models()
    left, right = st.columns(2, gap="small")
    with left:
        _in_service(station, known, lang)
        _golden(station, lang)
    with right:
        _training(station, lang)
    _candidate(station, known, lang)


def _tried(act: Callable[[], object]) -> None:
    """Do what was asked for and draw the page anew; what was refused stands at its head then."""
    try:
        act()
    except InspectorError as error:
        st.session_state["models-error"] = str(error)
    st.rerun()


# --- what serves -----------------------------------------------------------------------------------------------------------------


def _in_service(station: str, known: list[Model], lang: Language) -> None:
    folder, service = model_room.serving(station)
    with st.container(key="panel-serving"):
        title("model_in_service", lang)
        st.html(f'<p class="lead"><b>{escape(_title(folder, known)) if folder else say("model_unknown", lang)}</b></p>')
        if service is None:
            word = "model_never_activated" if folder else "model_not_told"
            st.html(f'<p class="quiet plain">{say(word, lang)}</p>')
        else:
            told = say("model_activated_by", lang, who=_by(service.who, lang), when=_when(service.wall_utc_ns))
            st.html(f'<p class="quiet plain">{told}</p>')
            with st.popover(say("roll_back", lang), disabled=not people.may("engineer", station)):
                before = _title(Path(service.replaces), known) if service.replaces else "–"
                st.html(f'<p class="plain">{escape(say("roll_back_to", lang, model=before))}</p>')
                if st.button(say("roll_back", lang), key="roll-back", type="primary"):
                    _tried(lambda: model_room.roll_back(station))
        if activated := model_room.history(station)[:5]:
            rows = [
                [escape(f"{one.name} {one.version}"), _when(one.wall_utc_ns), _by(one.who, lang), _ended(one.withdrawn_utc_ns)]
                for one in activated
            ]
            table([say(word, lang) for word in ("model", "activated", "who", "taken_back")], rows)


def _ended(utc_ns: int | None) -> str:
    return "–" if utc_ns is None else _when(utc_ns)


def _title(folder: Path, known: list[Model]) -> str:
    return next((model.title for model in known if model.folder == folder.resolve()), str(folder))


def _by(who: str, lang: Language) -> str:
    return escape(signer(who, lang))


def _when(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")


# --- golden parts ----------------------------------------------------------------------------------------------------------------


def _golden(station: str, lang: Language) -> None:
    with st.container(key="panel-golden"):
        title("golden_parts", lang)
        parts = model_room.golden(station)
        if parts:
            rows = [
                [
                    f'<a href="/part?id={summary.inspection_id}&lang={lang}" target="_self">{escape(summary.part_id)}</a>',
                    escape(kind_name(truth, lang)) if truth else say("not_known", lang),
                    say(summary.outcome, lang),
                ]
                for summary, truth in parts
            ]
            table([say(word, lang) for word in ("page_part", "really_is", "was_judged")], rows)
        st.html(f'<p class="quiet plain">{say("golden_hint", lang)}</p>')


# --- training --------------------------------------------------------------------------------------------------------------------


def _training(station: str, lang: Language) -> None:
    with st.container(key="panel-training"):
        title("training", lang)
        past = model_room.trainings()
        if past and past[0].state == "running":
            _follow(station, lang)
            return
        _start(station, lang)
        if past:
            rows = [
                [
                    escape(f"{one.model.parent.name} {one.model.name}"),
                    _when(one.began_utc_ns),
                    _by(one.who, lang),
                    _state(one, lang),
                ]
                for one in past[:6]
            ]
            table([say(word, lang) for word in ("model", "began", "who", "state")], rows)


def _state(one: Training, lang: Language) -> str:
    word = say(f"training_{one.state}", lang)
    return f"{word}<br><span class='quiet'>{escape(one.error[:300])}</span>" if one.error else word


def _start(station: str, lang: Language) -> None:
    labelled, folders, recipes = labelling.labelled(station), model_room.data_folders(), model_room.recipes()
    choices = [*([None] if labelled else []), *folders]
    if not choices:
        st.html(f'<p class="quiet plain">{say("train_nothing", lang)}</p>')
        return
    with st.form("train", border=False):
        columns = st.columns(2, gap="medium")
        data = columns[0].selectbox(
            say("train_on", lang), choices, format_func=lambda name: name or say("train_on_labels", lang, parts=labelled)
        )
        recipe = columns[1].selectbox(say("recipe", lang), list(recipes))
        if st.form_submit_button(say("train_start", lang), type="primary", disabled=not people.may("engineer", station)):
            _tried(lambda: model_room.train(station, folders[data] if data else None, recipes[recipe]))


@st.fragment(run_every=1.0)
def _follow(station: str, lang: Language) -> None:
    newest = next(iter(model_room.trainings()), None)
    if newest is None or newest.state != "running":
        st.rerun()
    st.html(f'<p class="plain"><b>{escape(newest.model.parent.name)} {escape(newest.model.name)}</b> · {_by(newest.who, lang)}</p>')
    share = newest.done / newest.total if newest.total else 0.0
    st.progress(min(share, 1.0), _stage(newest, lang))
    if st.button(say("train_cancel", lang), key="cancel-training", disabled=not people.may("engineer", station)):
        _tried(lambda: model_room.cancel_training(station))


def _stage(one: Training, lang: Language) -> str:
    """Return what a training is at, in words; what a training of another version calls otherwise stands as it is."""
    known = next((stage for stage in STAGES if one.stage.startswith(stage)), None)
    if known is None:
        return plain_text(one.stage) if one.stage else say("train_loading", lang)
    numbers = [word for word in one.stage.split() if word.isdecimal()]
    member, members = numbers if len(numbers) == 2 else ("1", "1")
    return say(f"stage_{known.replace(' ', '_')}", lang, member=member, members=members, done=one.done, total=one.total)


# --- a model into service ----------------------------------------------------------------------------------------------------------


def _candidate(station: str, known: list[Model], lang: Language) -> None:
    folder, _service = model_room.serving(station)
    serves = next((model for model in known if folder and model.folder == folder.resolve()), None)
    others = {model.title: model for model in known if model is not serves}
    with st.container(key="panel-candidate"):
        title("candidate", lang)
        if not others or (serves is None and len(others) < 2):
            st.html(f'<p class="plain">{say("no_candidate", lang)}</p>')
            return
        chosen = others[st.selectbox(say("candidate", lang), list(reversed(others)), width=460, label_visibility="collapsed")]
        against = _against(serves, [model for model in known if model is not chosen], lang)
        _check(station, chosen, against, lang)
    left, right = st.columns(2, gap="small")
    with left:
        _card("card_in_service", serves, lang)
    with right:
        _card("card_candidate", chosen, lang)


def _against(serves: Model | None, known: list[Model], lang: Language) -> Path | None:
    """Ask what a model is checked against where nobody knows what serves."""
    if serves is not None:
        return None
    titles = {model.title: model for model in known}
    return titles[st.selectbox(say("check_against", lang), list(titles), width=460)].folder


def _check(station: str, chosen: Model, against: Path | None, lang: Language) -> None:
    runs, done, error = model_room.checking(station)
    if runs:
        _follow_check(station, done, lang)
        return
    if error:
        st.error(plain_text(error))
    found = model_room.last_check(station, chosen.folder)
    hindered = model_room.hindrances(station, chosen.folder)
    may = people.may("engineer", station)
    with st.container(key="check-buttons", horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(say("check_model", lang), key="check-model", disabled=not may):
            _tried(lambda: model_room.check(station, chosen.folder, against))
        if st.button(say("activate", lang), key="activate", type="primary", disabled=not may or bool(hindered)):
            _tried(lambda: model_room.activate(station, chosen.folder))
    for why in hindered:
        st.html(f'<p class="plain quiet">{say(f"why_{why}", lang)}</p>')
    if found:
        _found(found, lang)


@st.fragment(run_every=1.0)
def _follow_check(station: str, done: int, lang: Language) -> None:
    runs, done, _error = model_room.checking(station)
    if not runs:
        st.rerun()
    st.html(f'<p class="plain" role="status">{say("check_running", lang, done=done)}</p>')


def _found(found: Mapping[str, Any], lang: Language) -> None:
    """Show what a check found: golden parts, what each way of judging costs, and the parts that are judged otherwise."""
    golden, compared = found["golden"], found["compare"]
    costs, wrong = compared["costs"], golden["wrong"]
    right = golden["parts"] - len(wrong)
    look = "fail" if wrong else "pass"
    st.html(
        f'<p class="plain">{say("checked_at", lang, when=_when(found["at_utc_ns"]), parts=found["parts"], known=costs["known"])} '
        f'<span class="badge {look}">{say("golden_right", lang, right=right, parts=golden["parts"])}</span> '
        f'<a href="/replay?replay={found["replay"]}&lang={lang}" target="_self">{say("look_at_parts", lang)}</a></p>'
    )
    rows = [
        [say(word, lang), *(str(costs[side][name]) for name in ("escapes", "overkill", "reviews")), f"{costs[side]['cost']:g}"]
        for word, side in (("model_in_service", "before"), ("candidate", "after"))
    ]
    table(["", *(say(word, lang) for word in ("escapes", "overkill", "to_a_person", "cost_of_mistakes"))], rows, figures=(1, 2, 3, 4))
    changed = [*_wrong_rows(wrong, lang), *_changed_rows(compared["changed"], lang)][:30]
    if changed:
        table([say(word, lang) for word in ("page_part", "model_in_service", "candidate", "really_is")], changed)
    else:
        st.html(f'<p class="plain quiet">{say("nothing_changed", lang)}</p>')


def _wrong_rows(wrong: list[Mapping[str, Any]], lang: Language) -> list[list[str]]:
    return [
        [f"★ {escape(one['part_id'])}", "", f'<span class="off">{say(one["outcome"], lang)}</span>', escape(kind_name(one["truth"], lang))]
        for one in wrong
    ]


def _changed_rows(changed: list[Mapping[str, Any]], lang: Language) -> list[list[str]]:
    return [
        [
            escape(one["part_id"]),
            *(f"{say(outcome, lang)} ({score:.3f})" for outcome, score in zip(one["outcome"], one["score"], strict=True)),
            escape(kind_name(one.get("truth"), lang)) or say("not_known", lang),
        ]
        for one in changed
    ]


def _card(word: str, model: Model | None, lang: Language) -> None:
    with st.container(key=f"panel-{word}"):
        title(word, lang)
        if model is None or not model.card:
            st.html(f'<p class="quiet plain">{say("no_card", lang)}</p>')
            return
        st.html(f'<p class="lead"><b>{escape(model.title)}</b></p><pre class="card" lang="en" tabindex="0">{escape(model.card)}</pre>')
