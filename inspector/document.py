"""An inspection as the JSON object that users script against. One place says how it is spelled."""

from __future__ import annotations

from typing import Any

from inspector.parts import Attribution, Cause, Defect, Evidence, Inspection, Mask, Parameter, Suggestion, Text


def inspection_document(inspection: Inspection) -> dict[str, Any]:
    """Return `inspection` as plain values (str, float, dict, list); keys that do not apply are absent."""
    verdict, diagnosis, record = inspection.verdict, inspection.diagnosis, inspection.record
    document: dict[str, Any] = {
        "part_id": inspection.part_id,
        "station": inspection.station,
        "outcome": verdict.outcome,
        "condition": {"complete": verdict.complete, "degraded": dict(verdict.degraded)},
        "score": verdict.score,
        "threshold": verdict.threshold,
        "reasons": list(verdict.reasons),
        "defects": [_defect(defect) for defect in verdict.defects],
        "weights": dict(verdict.weights),
        "quality": dict(verdict.quality),
        "sync_error_ms": {name: error / 1e6 for name, error in record.sync_error_ns.items()},
        "drops": dict(record.drops),
        "timings_ms": dict(inspection.timings_ms),
        "model": {"name": verdict.model.name, "version": verdict.model.version, "sha256": verdict.model.sha256},
    }
    if verdict.score_interval is not None:
        document["score_interval"] = list(verdict.score_interval)
        document["uncertainty"] = verdict.uncertainty
    if inspection.heat_maps:
        document["heat_maps"] = [
            _without_none({"camera": m.camera, "method": m.method, "faithfulness": m.faithfulness, "reliable": m.reliable})
            for m in inspection.heat_maps
        ]
    if inspection.attributions:
        document["attributions"] = [_attribution(one) for one in inspection.attributions]
    if inspection.good_parts:
        document["good_parts"] = [{"camera": g.camera, "part_id": g.part_id, "distance": g.distance} for g in inspection.good_parts]
    if diagnosis is not None:
        document["causes"] = [_cause(cause) for cause in diagnosis.causes]
        document["conclusion"] = _text(diagnosis.conclusion)
        if diagnosis.next_test is not None:
            document["next_test"] = _text(diagnosis.next_test)
        if diagnosis.report is not None:
            document["report"] = _text(diagnosis.report)
        if diagnosis.together:
            document["together"] = [
                _without_none({"causes": list(pair.causes), "probability": pair.probability, "leads": pair.leads})
                for pair in diagnosis.together
            ]
        document["suggestions"] = [suggestion_document(suggestion) for suggestion in inspection.suggestions]
    if inspection.escalation is not None:
        document["escalation"] = _text(inspection.escalation)
    return document


def suggestion_document(suggestion: Suggestion) -> dict[str, Any]:
    """Return one suggestion as plain values."""
    action = _text(suggestion.action)
    if suggestion.original is not None:
        action["original"] = suggestion.original
    document: dict[str, Any] = {
        "fix_id": suggestion.fix_id,
        "action": action,
        "parameters": [_parameter(parameter, suggestion) for parameter in suggestion.parameters],
        "tried": suggestion.tried,
        "helped": suggestion.helped,
        "score": suggestion.score,
        "cases": list(suggestion.cases),
        "chance": suggestion.chance,
        "chance_interval": None if suggestion.chance_interval is None else list(suggestion.chance_interval),
        "minutes": suggestion.minutes,
        "cost": suggestion.cost,
        "warning": None if suggestion.warning is None else _text(suggestion.warning),
    }
    return _without_none(document)


def _parameter(parameter: Parameter, suggestion: Suggestion) -> dict[str, Any]:
    document = {name: getattr(parameter, name) for name in ("name", "value", "unit", "low", "high")}
    for worked in suggestion.worked:
        if (worked.name, worked.unit) == (parameter.name, parameter.unit):
            document |= {"worked_low": worked.low, "worked_high": worked.high, "successes": worked.successes}
    return _without_none(document)


def _defect(defect: Defect) -> dict[str, Any]:
    return _without_none(
        {
            "kind": defect.kind,
            "confidence": defect.confidence,
            "camera": defect.camera,
            "box_px": None if defect.box_px is None else list(defect.box_px),
            "area_px": defect.area_px,
            "area_mm2": defect.area_mm2,
            "severity": defect.severity,
            "mask": None if defect.mask is None else _mask(defect.mask),
        }
    )


def _mask(mask: Mask) -> dict[str, Any]:
    """Return the mask as COCO's tools read it: size is (height, width)."""
    return {"size": [mask.size_px[1], mask.size_px[0]], "counts": list(mask.runs)}


def _attribution(one: Attribution) -> dict[str, Any]:
    return _without_none(
        {
            "channel": one.channel,
            "modality": one.modality,
            "share": one.share,
            "band_hz": None if one.band_hz is None else list(one.band_hz),
            "start_s": one.start_s,
            "end_s": one.end_s,
            "text": _text(one.text),
        }
    )


def _cause(cause: Cause) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": cause.name,
        "title": _text(cause.title),
        "probability": cause.probability,
        "evidence": [_evidence(item) for item in cause.evidence],
    }
    if cause.against:
        document["against"] = [_evidence(item) for item in cause.against]
    if cause.looked_for:
        document["looked_for"] = dict(cause.looked_for)
    return document


def _evidence(evidence: Evidence) -> dict[str, Any]:
    document: dict[str, Any] = {
        "channel": evidence.channel,
        "kind": evidence.kind,
        "measured": evidence.measured,
        "expected_low": evidence.expected_low,
        "expected_high": evidence.expected_high,
        "unit": evidence.unit,
        "start_s": evidence.start_s,
        "end_s": evidence.end_s,
        "text": _text(evidence.text),
    }
    more = {"at_hz": evidence.at_hz, "beyond_share": evidence.beyond_share, "likelihood_ratio": evidence.likelihood_ratio}
    return document | _without_none(more | {"rule": evidence.rule or None})


def _text(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}
