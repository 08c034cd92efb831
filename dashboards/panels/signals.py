"""What was heard, felt and measured of one part, beside the last part that passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboards import queries
from dashboards.charts import spectra, trends
from dashboards.panels.pieces import draw, title
from dashboards.words import Language, channel_name, say
from inspector.config import MachineConfig
from inspector.parts import Waveform
from inspector.store import StoredEvidence, StoredInspection


def show(stored: StoredInspection, evidence: StoredEvidence, lang: Language) -> None:
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
        title("spectrogram", lang, channel_name(name, lang))
        draw(spectra.spectrogram(wave, lang, spoken), f"spectrogram-{name}")
        if name in evidence.sounds:
            st.audio(evidence.sounds[name].read_bytes(), format="audio/flac")


def _vibration(name: str, wave: Waveform, normal: Waveform | None, normal_part: str, machine: MachineConfig, lang: Language) -> None:
    with st.container(key=f"panel-wave-{name}"):
        left, right = st.columns(2, gap="medium")
        with left:
            title("spectrum", lang, channel_name(name, lang))
            draw(spectra.spectrum(wave, normal, normal_part, machine, lang), f"spectrum-{name}")
        with right:
            title("envelope_spectrum", lang, channel_name(name, lang))
            draw(spectra.envelope_spectrum(wave, normal, normal_part, machine, lang), f"envelope-{name}")


def _trends(stored: StoredInspection, evidence: StoredEvidence, normal: StoredEvidence, lang: Language) -> None:
    if not evidence.series:
        return
    spoken = _spoken(stored.document.get("causes", []), stored.document.get("attributions", []))
    with st.container(key="panel-trends"):
        title("trends", lang)
        columns = st.columns(2, gap="medium")
        ordered = sorted(evidence.series, key=lambda name: name not in spoken)  # what the diagnosis points at comes first
        for index, name in enumerate(ordered):
            with columns[index % 2]:
                st.html(f'<p class="panel-title">{escape(channel_name(name, lang))}</p>')
                figure = trends.trend(evidence.series[name], normal.series.get(name), spoken.get(name, []), lang)
                draw(figure, f"trend-{name}")


def _spoken(causes: Sequence[Mapping[str, Any]], attributions: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return by channel the evidence of the first cause, and the spans that drove the verdict."""
    spoken: dict[str, list[dict[str, Any]]] = {}
    for item in causes[0].get("evidence", []) if causes else []:
        spoken.setdefault(item["channel"], []).append(item)
    for item in attributions:
        spoken.setdefault(item["channel"], []).append(dict(item))
    return spoken
