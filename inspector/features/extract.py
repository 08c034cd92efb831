"""The features of one part, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping

from inspector.features import picture, picture_quality, series_quality, sound, trend, vibration, waveform_quality
from inspector.features.content import Features, Picture, Vectors
from inspector.features.meaning import Meanings
from inspector.features.quality import Quality
from inspector.parts import Modality, PartRecord
from inspector.remarks import remark


def extract(record: PartRecord) -> Features:
    """Describe every channel of `record` that holds data. A channel that cannot be described is degraded, never an error."""
    pictures: dict[str, Picture] = {}
    vectors: dict[str, Vectors] = {}
    qualities: dict[str, Quality] = {}
    trigger_ns = record.trigger.t_ns
    for name, frame in record.frames.items():
        pictures[name] = picture.prepare(frame, trigger_ns)
        qualities[name] = picture_quality.assess(frame, pictures[name])
    for name, waveform in record.waveforms.items():
        describe = vibration if record.channels[name].modality == "vibration" else sound
        qualities[name] = waveform_quality.assess(waveform)
        if qualities[name].value > 0:
            vectors[name] = describe.describe(waveform, trigger_ns)
    for name, series in record.series.items():
        qualities[name] = series_quality.assess(series)
        if qualities[name].value > 0:
            vectors[name] = trend.describe(series, trigger_ns)
    return Features(
        record=record,
        pictures=pictures,
        vectors=vectors,
        quality={name: quality.value for name, quality in qualities.items()},
        degraded=_degraded(record, qualities),
        indicators={name: quality.indicators for name, quality in qualities.items()},
    )


def meanings(modality: Modality) -> Meanings:
    """Return what each number tells of in the vectors of a waveform or series of this modality."""
    if modality == "series":
        return trend.meanings()
    return vibration.meanings() if modality == "vibration" else sound.meanings()


def _degraded(record: PartRecord, qualities: Mapping[str, Quality]) -> dict[str, str]:
    missing = {name: remark("missing") for name in record.channels if name not in record.present}
    bad = {name: quality.reason for name, quality in qualities.items() if quality.reason}
    return missing | bad | dict(record.degraded)
