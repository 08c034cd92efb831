"""One part in full, for the engineer: what was seen, heard and felt, what was concluded of it and why, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboards import masthead, queries
from dashboards.charts import spectra, trends
from dashboards.live_feed import part_view
from dashboards.shapes import SHAPES
from dashboards.theme import asset
from dashboards.words import Language, cause_name, channel_name, kind_name, parameter_name, say, stage_name
from inspector.config import MachineConfig
from inspector.diagnosis.wording import unit_name
from inspector.errors import StoreError
from inspector.parts import NOT_MEASURED, Waveform
from inspector.store import Answer, StoredEvidence, StoredInspection

_PLOT = {"displayModeBar": False, "responsive": True}


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
        _picture(stored, lang)
        _about(stored, lang)
    with right:
        _conclusion(stored, lang)
        _driven_by(stored.document.get("attributions", []), lang)
        _causes(stored.document.get("causes", []), lang)
        _suggestions(stored.document.get("suggestions", []), stored.document.get("escalation"), lang)
        _answers(stored, lang)
    _signals(stored, evidence, lang)
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
        wanted = st.text_input(
            say("choose_part", lang), placeholder=say("choose_part", lang), label_visibility="collapsed", key="wanted", width=260
        )
    if wanted and wanted != stored.summary.part_id:
        found = queries.find_part(wanted.strip(), stored.summary.station)
        if found is None:
            st.warning(say("part_not_found", lang, part=_plain(wanted)))
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
        listed = "; ".join(f"{channel_name(name, lang)} ({why})" for name, why in degraded.items())
        st.warning(f"{say('degraded', lang)}: {_plain(listed)}")
    if stored.document.get("reasons"):
        st.info(f"{say('reasons', lang)}: {_plain('; '.join(stored.document['reasons']))}")


def _picture(stored: StoredInspection, lang: Language) -> None:
    with st.container(key="panel-picture"):
        _title("picture", lang)
        cameras = list(queries.pictures(stored))
        if not cameras:
            st.html(f'<p class="quiet">{say("no_picture", lang)}</p>')
            return
        view = part_view(stored.summary.inspection_id) or {}
        camera = view.get("camera", cameras[0])
        if len(cameras) > 1:
            camera = (
                st.segmented_control(say("channel", lang), cameras, default=camera, required=True, label_visibility="collapsed") or camera
            )
        picture = st.components.v2.component(
            "line_inspector.picture", html=asset("picture.html"), css=asset("picture.css"), js=asset("picture.js")
        )
        words = {key: say(key, lang) for key in ("heat_map", "opacity")}
        picture(key="picture", data={"part": _picture_view(stored, camera), "language": lang, "words": words})
        _trust(stored.document.get("heat_maps", []), camera, lang)
        _defects(stored.document.get("defects", []), lang)
        _good_part(stored, camera, lang)


def _trust(heat_maps: Sequence[Mapping[str, Any]], camera: str, lang: Language) -> None:
    """Say whether the decision really came from where the map is hot."""
    for heat in heat_maps:
        if heat["camera"] == camera and heat.get("reliable") is not None:
            word, look = ("map_reliable", "pass") if heat["reliable"] else ("map_not_reliable", "review")
            st.html(f'<p class="plain"><span class="badge {look}">{say(word, lang)} ({_figure(round(heat["faithfulness"], 2))})</span></p>')


def _good_part(stored: StoredInspection, camera: str, lang: Language) -> None:
    known = [good for good in stored.document.get("good_parts", []) if good["camera"] == camera]
    if not known or camera not in queries.good_parts(stored):
        return
    address = f"/parts/{stored.summary.inspection_id}/good/{quote(camera)}.jpeg"
    caption = say("good_part", lang, part=known[0]["part_id"])
    st.html(f'<figure class="good-part"><img src="{address}" alt=""><figcaption class="quiet">{escape(caption)}</figcaption></figure>')


def _picture_view(stored: StoredInspection, camera: str) -> dict[str, Any]:
    view = part_view(stored.summary.inspection_id) or {}
    address = f"/parts/{stored.summary.inspection_id}"
    heat = f"{address}/heat/{camera}.png" if camera in queries.heat_maps(stored) else None
    return {
        "id": view.get("id"),
        "camera": camera,
        "picture": f"{address}/picture/{camera}.jpg",
        "heat": heat,
        "defects": view.get("defects", []),
    }


def _defects(defects: Sequence[Mapping[str, Any]], lang: Language) -> None:
    if not defects:
        st.html(f'<p class="quiet plain">{say("no_defects", lang)}</p>')
        return
    rows = [
        [escape(kind_name(d.get("kind"), lang)), f"{d.get('confidence', 0):.0%}", _box(d.get("box_px")), _area(d), _severity(d)]
        for d in defects
    ]
    _table([say(word, lang) for word in ("defect", "confidence", "place", "area", "severity")], rows, figures=(1, 3, 4))


def _severity(defect: Mapping[str, Any]) -> str:
    return f"{defect['severity']:.2f}" if defect.get("severity") is not None else "–"


def _box(box: Sequence[int] | None) -> str:
    return "–" if box is None else f"x {box[0]}, y {box[1]}, {box[2]} × {box[3]} px"


def _area(defect: Mapping[str, Any]) -> str:
    if defect.get("area_mm2") is not None:
        return f"{defect['area_mm2']:.1f} mm²"
    return f"{defect['area_px']} px" if defect.get("area_px") is not None else "–"


# --- what was concluded ------------------------------------------------------------------------------------------------------------


def _conclusion(stored: StoredInspection, lang: Language) -> None:
    conclusion = stored.document.get("conclusion")
    with st.container(key="panel-conclusion"):
        _title("cause", lang)
        st.html(f'<p class="lead">{escape(conclusion[lang] if conclusion else say("no_cause", lang))}</p>')
        next_test = stored.document.get("next_test")
        if next_test:
            st.html(f'<p class="plain"><span class="quiet">{say("next_test", lang)}:</span> {escape(next_test[lang])}</p>')


def _driven_by(attributions: Sequence[Mapping[str, Any]], lang: Language) -> None:
    """List what of the sounds, vibrations and series the verdict was made of."""
    if not attributions:
        return
    with st.container(key="panel-driven-by"):
        _title("driven_by", lang)
        rows = [[escape(channel_name(a["channel"], lang)), escape(a["text"][lang]), f"{a['share']:.0%}"] for a in attributions]
        _table([say(word, lang) for word in ("channel", "says", "weights")], rows, figures=(2,))


def _causes(causes: Sequence[Mapping[str, Any]], lang: Language) -> None:
    if not causes:
        return
    with st.container(key="panel-causes"):
        _title("causes", lang)
        for cause in causes:
            _cause(cause, lang)


def _cause(cause: Mapping[str, Any], lang: Language) -> None:
    name = (cause.get("title") or {}).get(lang) or cause_name(cause["name"], lang)
    probability = float(cause["probability"])
    st.html(
        f'<div class="cause-head"><b>{escape(name)}</b><span class="bar"><i style="width:{probability:.1%}"></i></span>'
        f"<span>{probability:.0%}</span></div>"
    )
    _evidence(cause.get("evidence", []), lang)
    if not cause.get("evidence") and cause["name"] != NOT_MEASURED:
        st.html(f'<p class="quiet plain">{say("no_evidence", lang)}</p>')
    if cause.get("against"):
        st.html(f'<p class="panel-title">{say("against", lang)}</p>')
        _evidence(cause["against"], lang)


def _evidence(items: Sequence[Mapping[str, Any]], lang: Language) -> None:
    if not items:
        return
    rows = [
        [
            escape(channel_name(item["channel"], lang)),
            escape(item["text"][lang]),
            _measured(item),
            _expected(item),
            escape(unit_name(item["unit"])),
            _span(item),
        ]
        for item in items
    ]
    _table([say(word, lang) for word in ("channel", "says", "measured", "expected", "unit", "when")], rows, figures=(2, 3, 5))


def _measured(item: Mapping[str, Any]) -> str:
    measured, low, high = item["measured"], item.get("expected_low"), item.get("expected_high")
    off = (low is not None and measured < low) or (high is not None and measured > high)
    return f'<span class="{"off" if off else ""}">{_figure(measured)}</span>'


def _expected(item: Mapping[str, Any]) -> str:
    low, high = item.get("expected_low"), item.get("expected_high")
    if low is None and high is None:
        return "–"
    if low is None or high is None:
        return f"≤ {_figure(high)}" if low is None else f"≥ {_figure(low)}"
    return f"{_figure(low)} … {_figure(high)}"


def _span(item: Mapping[str, Any]) -> str:
    return f"{item['start_s']:+.2f} … {item['end_s']:+.2f} s".replace("-", "−")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def _suggestions(suggestions: Sequence[Mapping[str, Any]], escalation: Mapping[str, str] | None, lang: Language) -> None:
    with st.container(key="panel-suggestions"):
        _title("suggestion", lang)
        if escalation:
            st.html(f'<p class="plain"><b>{escape(escalation[lang])}</b></p>')
        if not suggestions:
            st.html(f'<p class="quiet plain">{say("no_suggestion", lang)}</p>')
        for suggestion in suggestions:
            st.html(_fix(suggestion, lang))


def _fix(suggestion: Mapping[str, Any], lang: Language) -> str:
    action = suggestion["action"].get(lang) or suggestion["action"].get("original", "")
    tried = suggestion.get("tried", 0)
    success = say("helped_in", lang, helped=suggestion.get("helped", 0), tried=tried) if tried else say("never_tried", lang)
    if (interval := suggestion.get("chance_interval")) and tried:
        success += " · " + say("chance_to_help", lang, low=f"{100 * interval[0]:.0f}", high=f"{100 * interval[1]:.0f}")
    if warning := suggestion.get("warning"):
        success = f"<b>{escape(warning[lang])}</b> · {success}"
    parameters = " · ".join(_parameter(parameter, lang) for parameter in suggestion.get("parameters", []))
    cases = ", ".join(escape(case) for case in suggestion.get("cases", []))
    behind = f'<p class="quiet plain">{say("cases", lang)}: {cases}</p>' if cases else ""
    return (
        f'<div class="fix"><p class="fix-action">{escape(action)}</p><p class="plain">{parameters}</p>'
        f'<p class="quiet plain">{success}</p>{behind}</div>'
    )


def _parameter(parameter: Mapping[str, Any], lang: Language) -> str:
    text = f"{escape(parameter_name(parameter['name'], lang))} <b>{parameter['value']:g} {escape(unit_name(parameter['unit']))}</b>"
    if parameter.get("successes"):
        ends = {name: f"{parameter[f'worked_{name}']:g}" for name in ("low", "high")}
        worked = say("worked_at", lang, **ends, unit=unit_name(parameter["unit"]), successes=parameter["successes"])
        text = f'{text} <span class="quiet">{escape(worked)}</span>'
    if parameter.get("low") is None or parameter.get("high") is None:
        return text
    limits = say("within_limits", lang, low=f"{parameter['low']:g}", high=f"{parameter['high']:g}")
    return f'{text} <span class="quiet">({limits} {escape(unit_name(parameter["unit"]))})</span>'


# --- answers -----------------------------------------------------------------------------------------------------------------------


def _answers(stored: StoredInspection, lang: Language) -> None:
    suggestion = next(iter(stored.document.get("suggestions", [])), None)
    with st.container(key="panel-answers"):
        _title("feedback", lang)
        offered = [kind for kind in queries.ANSWERS if suggestion or kind.startswith("verdict")]
        with st.container(key="answers"):
            for column, kind in zip(st.columns(len(offered)), offered, strict=True):
                if column.button(say(kind, lang), key=f"answer-{kind}", width="stretch"):
                    _store_answer(stored, kind, suggestion, lang)
        given = queries.feedback(stored.summary.inspection_id)
        if given:
            listed = ", ".join(f"{say(item.kind, lang)} ({datetime.fromtimestamp(item.wall_utc_ns / 1e9):%H:%M:%S})" for item in given)
            st.html(f'<p class="quiet plain">{say("feedback_given", lang)}: {listed}</p>')


def _store_answer(stored: StoredInspection, kind: Answer, suggestion: Mapping[str, Any] | None, lang: Language) -> None:
    fix_id = suggestion["fix_id"] if suggestion and not kind.startswith("verdict") else None
    try:
        queries.answer(stored.summary.inspection_id, kind, fix_id)
    except StoreError as error:
        st.error(_plain(str(error)))
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
        _title("about", lang)
        rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
        st.html(f'<dl class="facts">{rows}</dl>')


def _listed(values: Mapping[str, float], figure: Callable[[float], str], name: Callable[[str], str]) -> str:
    return " · ".join(f"{name(key)} {figure(value)}" for key, value in values.items())


# --- signals -----------------------------------------------------------------------------------------------------------------------


def _signals(stored: StoredInspection, evidence: StoredEvidence, lang: Language) -> None:
    if not evidence.waveforms and not evidence.series:
        st.html(f'<p class="quiet">{say("no_evidence_files", lang)}</p>')
        return
    passed = queries.last_passed(stored)
    normal = queries.evidence(passed) if passed else StoredEvidence()
    normal_part = passed.summary.part_id if passed else ""
    machine = queries.machine(stored)
    spoken = _spoken((), stored.document.get("attributions", []))
    for name, wave in evidence.waveforms.items():
        if wave.unit == "FS":
            _sound(name, wave, evidence, spoken.get(name, []), lang)
        else:
            _vibration(name, wave, normal.waveforms.get(name), normal_part, machine, lang)
    _trends(stored, evidence, normal, lang)


def _sound(name: str, wave: Waveform, evidence: StoredEvidence, spoken: Sequence[Mapping[str, Any]], lang: Language) -> None:
    with st.container(key=f"panel-wave-{name}"):
        _title("spectrogram", lang, channel_name(name, lang))
        _draw(spectra.spectrogram(wave, lang, spoken), f"spectrogram-{name}")
        if name in evidence.sounds:
            st.audio(evidence.sounds[name].read_bytes(), format="audio/flac")


def _vibration(name: str, wave: Waveform, normal: Waveform | None, normal_part: str, machine: MachineConfig, lang: Language) -> None:
    with st.container(key=f"panel-wave-{name}"):
        left, right = st.columns(2, gap="medium")
        with left:
            _title("spectrum", lang, channel_name(name, lang))
            _draw(spectra.spectrum(wave, normal, normal_part, machine, lang), f"spectrum-{name}")
        with right:
            _title("envelope_spectrum", lang, channel_name(name, lang))
            _draw(spectra.envelope_spectrum(wave, normal, normal_part, machine, lang), f"envelope-{name}")


def _trends(stored: StoredInspection, evidence: StoredEvidence, normal: StoredEvidence, lang: Language) -> None:
    if not evidence.series:
        return
    spoken = _spoken(stored.document.get("causes", []), stored.document.get("attributions", []))
    with st.container(key="panel-trends"):
        _title("trends", lang)
        columns = st.columns(2, gap="medium")
        ordered = sorted(evidence.series, key=lambda name: name not in spoken)  # what the diagnosis points at comes first
        for index, name in enumerate(ordered):
            with columns[index % 2]:
                st.html(f'<p class="panel-title">{escape(channel_name(name, lang))}</p>')
                figure = trends.trend(evidence.series[name], normal.series.get(name), spoken.get(name, []), lang)
                _draw(figure, f"trend-{name}")


def _spoken(causes: Sequence[Mapping[str, Any]], attributions: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return by channel the evidence of the first cause, and the spans that drove the verdict."""
    spoken: dict[str, list[dict[str, Any]]] = {}
    for item in causes[0].get("evidence", []) if causes else []:
        spoken.setdefault(item["channel"], []).append(item)
    for item in attributions:
        spoken.setdefault(item["channel"], []).append(dict(item))
    return spoken


def _draw(figure: Any, key: str) -> None:
    if figure is None:
        st.html('<p class="quiet">–</p>')
    else:
        st.plotly_chart(figure, key=key, config=_PLOT, theme=None, width="stretch")


# --- small pieces ------------------------------------------------------------------------------------------------------------------


def _title(word: str, lang: Language, of: str = "") -> None:
    text = f"{of} · {say(word, lang)}" if of else say(word, lang)
    st.html(f'<p class="panel-title">{escape(text)}</p>')


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], figures: tuple[int, ...] = ()) -> None:
    """Draw a table; the cells are HTML and must be escaped by the caller."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=figure' if index in figures else ''}>{cell}</{tag}>" for index, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    st.html(f'<table class="evidence"><thead><tr>{cells([escape(head) for head in heads], "th")}</tr></thead><tbody>{body}</tbody></table>')


def _plain(text: str) -> str:
    """Keep Streamlit from reading a plant's text as Markdown."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()<>#+-.!|~$:" else sign for sign in text)
