"""The report of one part: what was seen and measured, what was concluded and why, what helps, by which model and under what conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from inspector.diagnosis import Catalogue
from inspector.diagnosis.wording import channel_title, unit_text
from inspector.errors import StoreError
from inspector.parts import OK_LABEL
from inspector.remarks import said
from inspector.reports import figures
from inspector.reports.sheet import Facts, Heading, Language, Paragraph, Picture, Sheet, Stamp, Table
from inspector.reports.sheets import clock, new_sheet, number, span
from inspector.reports.words import in_language, say
from inspector.store import Feedback, Store, StoredEvidence, StoredInspection
from inspector.store.evidence import load_evidence

_LIKELY_FROM = 0.05
_MOST_CAUSES = 4
_MOST_FIXES = 3


def part_report(store: Store, stored: StoredInspection, catalogue: Catalogue, language: Language, now: datetime) -> Sheet:
    """Return the report of one stored inspection. Raises StoreError."""
    summary = stored.summary
    title = say("part_report", language, part=summary.part_id)
    subtitle = say("part_subtitle", language, station=summary.station, when=clock(summary.wall_utc_ns))
    writer = _Writer(stored, catalogue, language, new_sheet(title, subtitle, language, now))
    writer.verdict()
    writer.pictures()
    writer.causes()
    writer.fixes()
    writer.signals(_last_passed(store, stored))
    writer.answers(store.feedback(summary.inspection_id))
    writer.versions()
    return writer.sheet


def _last_passed(store: Store, stored: StoredInspection) -> StoredEvidence:
    passed = store.recent(stored.summary.station, limit=1, outcome="pass", before=stored.summary.inspection_id)
    before = store.get(passed[0].inspection_id) if passed else None
    return _evidence(before) if before else StoredEvidence()


def _evidence(stored: StoredInspection) -> StoredEvidence:
    try:
        return load_evidence(stored.folder)
    except StoreError:
        return StoredEvidence()  # the report says that nothing is kept; the verdict is still worth a page


class _Writer:
    """Writes the blocks of one part, chapter by chapter."""

    def __init__(self, stored: StoredInspection, catalogue: Catalogue, language: Language, sheet: Sheet) -> None:
        self.stored, self.document, self.catalogue, self.language, self.sheet = stored, stored.document, catalogue, language, sheet
        self.evidence = _evidence(stored)

    def verdict(self) -> None:
        summary, document = self.stored.summary, self.document
        detail = self._say("scored", score=summary.score, threshold=summary.threshold)
        self.sheet.add(Stamp(summary.outcome, self._say(summary.outcome), detail))
        if degraded := document.get("condition", {}).get("degraded"):
            listed = "; ".join(f"{self._channel(name)} ({self._remark(why)})" for name, why in degraded.items())
            self.sheet.add(Paragraph(self._say("degraded", channels=listed), "warning"))
        if document.get("reasons"):
            self.sheet.add(Paragraph(self._say("reasons", reasons="; ".join(map(self._remark, document["reasons"]))), "warning"))
        if conclusion := document.get("conclusion"):
            self.sheet.add(Heading(self._say("conclusion")), Paragraph(conclusion[self.language], "lead"))
        if test := document.get("next_test"):
            self.sheet.add(Paragraph(self._say("next_test", test=test[self.language])))

    def pictures(self) -> None:
        if not self.evidence.pictures:
            return
        self.sheet.add(Heading(self._say("pictures")))
        told = {heat["camera"]: heat.get("reliable") for heat in self.document.get("heat_maps", [])}
        for camera, path in self.evidence.pictures.items():
            heat = self.evidence.heat_maps.get(camera)
            ratio = 1.0 if heat is None else 0.5
            self.sheet.add(Picture(figures.picture(path), self._say("as_seen", camera=self._channel(camera)), ratio))
            if heat is not None:
                boxes = [d["box_px"] for d in self.document.get("defects", []) if d.get("box_px") and d.get("camera") in (None, camera)]
                caption = self._say("heat_map", camera=self._channel(camera))
                self.sheet.add(Picture(figures.picture(path, boxes, heat), caption, ratio))
                if told.get(camera) is not None:
                    self.sheet.add(Paragraph(self._say("map_trusted" if told[camera] else "map_not_trusted"), "quiet"))
        self._defects()

    def causes(self) -> None:
        causes = self.document.get("causes", [])
        likely = [cause for index, cause in enumerate(causes) if index == 0 or cause["probability"] >= _LIKELY_FROM][:_MOST_CAUSES]
        if not likely:
            return
        self.sheet.add(Heading(self._say("causes")))
        for cause in likely:
            name = (cause.get("title") or {}).get(self.language) or in_language(self.catalogue.title_of(cause["name"]), self.language)
            self.sheet.add(Paragraph(self._say("cause_is", cause=name, chance=f"{cause['probability']:.0%}"), "lead"))
            rows = [self._fact(item) for item in cause.get("evidence", [])]
            rows += [self._fact(item, self._say("speaks_against")) for item in cause.get("against", [])]
            if rows:
                heads = tuple(self._say(word) for word in ("evidence", "measured", "normal", "when"))
                self.sheet.add(Table(heads, tuple(rows), numbers=(1, 2, 3)))
            elif cause["name"] != "not_measured":
                self.sheet.add(Paragraph(self._say("no_evidence"), "quiet"))

    def fixes(self) -> None:
        if self.stored.summary.outcome == "pass":
            return
        self.sheet.add(Heading(self._say("fix")))
        if escalation := self.document.get("escalation"):
            self.sheet.add(Paragraph(escalation[self.language], "warning"))
        rows = [self._fix(one) for one in self.document.get("suggestions", [])[:_MOST_FIXES]]
        if rows:
            self.sheet.add(Table(tuple(self._say(word) for word in ("action", "settings", "helped")), tuple(rows)))
        else:
            self.sheet.add(Paragraph(self._say("no_fix"), "quiet"))

    def signals(self, normal: StoredEvidence) -> None:
        self.sheet.add(Heading(self._say("signals")))
        spoken = _spoken(self.document.get("causes", []))
        for name, wave in self.evidence.waveforms.items():
            if wave.unit == "FS":
                self._figure(figures.spectrogram(wave), "spectrogram", channel=self._channel(name))
            self._figure(figures.spectrum(wave, normal.waveforms.get(name)), "spectrum", channel=self._channel(name))
        for name, series in sorted(self.evidence.series.items(), key=lambda item: item[0] not in spoken):
            drawn = figures.trend(series, normal.series.get(name), spoken.get(name, []))
            self._figure(drawn, "trend", channel=self._channel(name), unit=unit_text(series.unit).strip())
        if not self.evidence.waveforms and not self.evidence.series:
            self.sheet.add(Paragraph(self._say("no_signals"), "quiet"))

    def answers(self, given: Sequence[Feedback]) -> None:
        self.sheet.add(Heading(self._say("answers")))
        if not given and self.stored.truth_label is None:
            self.sheet.add(Paragraph(self._say("nobody"), "quiet"))
            return
        rows = [(clock(one.wall_utc_ns), "; ".join(filter(None, (self._say(f"said_{one.kind}"), one.who, one.note)))) for one in given]
        if self.stored.truth_label is not None:
            rows.append((self._say("really"), self._kind(self.stored.truth_label)))
        self.sheet.add(Facts(tuple(rows)))

    def versions(self) -> None:
        document, model = self.document, self.document.get("model", {})
        self.sheet.add(Heading(self._say("versions")))
        rows = [
            (self._say("inspection_id"), self.stored.summary.inspection_id),
            (self._say("model"), f"{model.get('name', '–')} {model.get('version', '')}, SHA-256 {model.get('sha256', '–')}"),
            (self._say("weights"), ", ".join(f"{self._say(name)} {share:.0%}" for name, share in document.get("weights", {}).items())),
            (self._say("sync"), ", ".join(f"{self._channel(name)} {ms:.2f}" for name, ms in document.get("sync_error_ms", {}).items())),
            (self._say("timings"), ", ".join(f"{self._say(stage)} {ms:.0f}" for stage, ms in document.get("timings_ms", {}).items())),
        ]
        self.sheet.add(Facts(tuple(row for row in rows if row[1])))

    # --- pieces ------------------------------------------------------------------------------------------------------------------

    def _defects(self) -> None:
        found = self.document.get("defects", [])
        if not found:
            self.sheet.add(Paragraph(self._say("no_defect"), "quiet"))
            return
        rows = tuple((self._kind(d["kind"]), f"{d['confidence']:.0%}", _box(d), _area(d)) for d in found)
        self.sheet.add(Table(tuple(self._say(word) for word in ("defect", "confidence", "place", "area")), rows, numbers=(1, 3)))

    def _fact(self, item: Mapping[str, Any], before: str = "") -> tuple[str, ...]:
        low, high = item.get("expected_low"), item.get("expected_high")
        normal = "–" if low is None and high is None else f"≤ {number(high)}" if low is None else f"≥ {number(low)}"
        if low is not None and high is not None:
            normal = f"{number(low)} … {number(high)}"
        measured = number(item["measured"]) + unit_text(item["unit"])
        return before + item["text"][self.language], measured, normal, span(item["start_s"], item["end_s"])

    def _fix(self, one: Mapping[str, Any]) -> tuple[str, ...]:
        action = one["action"].get(self.language) or one["action"].get("original", "")
        settings = ", ".join(f"{p['name'].replace('_', ' ')} {p['value']:g} {p['unit']}" for p in one.get("parameters", []))
        tried = one.get("tried", 0)
        return (
            action,
            settings or "–",
            self._say("of_tried", helped=one.get("helped", 0), tried=tried) if tried else self._say("never_tried"),
        )

    def _figure(self, png: bytes | None, word: str, **values: object) -> None:
        if png is not None:
            self.sheet.add(Picture(png, self._say(word, **values), 0.5))

    def _say(self, key: str, **values: object) -> str:
        return say(key, self.language, **values)

    def _channel(self, name: str) -> str:
        return in_language(channel_title(name, self.catalogue), self.language)

    def _remark(self, sentence: str) -> str:
        return said(sentence, self.language, self._channel)

    def _kind(self, kind: str) -> str:
        return "ok" if kind == OK_LABEL else in_language(self.catalogue.defect_title(kind), self.language)


def _spoken(causes: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return by channel what speaks for the first cause."""
    spoken: dict[str, list[Mapping[str, Any]]] = {}
    for item in causes[0].get("evidence", []) if causes else []:
        spoken.setdefault(item["channel"], []).append(item)
    return spoken


def _box(defect: Mapping[str, Any]) -> str:
    box = defect.get("box_px")
    return "–" if box is None else f"x {box[0]}, y {box[1]}, {box[2]} × {box[3]}"


def _area(defect: Mapping[str, Any]) -> str:
    if defect.get("area_mm2") is not None:
        return f"{defect['area_mm2']:.1f} mm²"
    return f"{defect['area_px']} px" if defect.get("area_px") is not None else "–"
