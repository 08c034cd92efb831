"""A part that passes by its score is held for review where the station could not see it as it must."""

from dataclasses import replace

import pytest

from inspector.config import Station
from inspector.parts import ClockFit, ModelRef, Verdict
from inspector.pipeline import Pipeline
from inspector.testing import make_capture


class Lenient:
    """A model that passes whatever it is shown."""

    def judge(self, features):
        return Verdict("pass", 0.01, 0.5, ModelRef("lenient", "1", "0"), degraded=features.degraded)


def station(**audio):
    channels = {
        "image": {"modality": "image", "driver": "image-folder"},
        "audio": {"modality": "audio", "driver": "audio-file", "unit": "FS", "window": {"pre_s": 0.85}, "required": False, **audio},
    }
    content = {"station": "bench", "title": {"en": "B", "zh": "台"}, "trigger": {"driver": "timer"}, "channels": channels}
    return Station.model_validate(content)


def judged(capture, one):
    return Pipeline(Lenient(), None, None, None).judge(capture, one)


def with_clock(uncertainty_ms):
    return replace(
        make_capture(modalities=("image", "audio")), clocks={"audio": ClockFit(0, 0, uncertainty_ns=round(uncertainty_ms * 1e6))}
    )


def test_a_part_in_step_passes():
    found = judged(with_clock(3), station(max_sync_error_ms=50))
    assert found.verdict.outcome == "pass"
    assert 3e6 <= found.record.sync_error_ns["audio"] < 4e6


@pytest.mark.parametrize("required", [True, False])
def test_a_channel_out_of_step_is_review_and_named_though_it_is_optional(required):
    found = judged(with_clock(63), station(max_sync_error_ms=50, required=required))
    assert found.verdict.outcome == "review"
    assert found.verdict.reasons == ("audio: out of step: its clock is known to 63 ms only",)


def test_a_picture_whose_distance_and_clock_only_together_are_too_far_is_review_and_named():
    capture = make_capture(modalities=("image",))
    frame = replace(capture.frames["image"], t_ns=capture.trigger.t_ns + 45_000_000)
    capture = replace(capture, frames={"image": frame}, clocks={"image": ClockFit(0, 0, uncertainty_ns=10_000_000)})
    found = judged(capture, station())
    assert found.record.sync_error_ns["image"] == 55_000_000
    assert found.verdict.outcome == "review"
    assert found.verdict.reasons == ("image: out of step: by up to 55 ms",)


@pytest.mark.parametrize(("required", "outcome"), [(True, "review"), (False, "pass")])
def test_a_missing_channel_is_review_where_it_is_required(required, outcome):
    capture = replace(make_capture(modalities=("image",)), faults={"audio": "unplugged"})
    found = judged(capture, station(required=required))
    assert found.verdict.outcome == outcome
    assert found.verdict.degraded["audio"] == "unplugged"
    assert found.verdict.reasons == (("audio: unplugged",) if required else ())
