from dataclasses import replace

import numpy as np
import pytest

from inspector.align import align
from inspector.config import Station
from inspector.errors import UsageError
from inspector.faults import FAULT_KINDS, Fault, applies_to, inject, parse_fault
from inspector.features import extract
from inspector.parts import Frame, Series, Waveform
from inspector.testing import make_capture

STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "B", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            "image": {"modality": "image", "driver": "image-folder", "max_sync_error_ms": 20},
            "audio": {"modality": "audio", "driver": "audio-file", "unit": "FS", "window": {"pre_s": 0.85}, "max_sync_error_ms": 20},
            "series": {"modality": "series", "driver": "series-file", "unit": "degC", "window": {"pre_s": 0.85}, "max_age_ms": 250},
        },
    }
)
SHAPES = {"image": Frame, "audio": Waveform, "series": Series}


def captures(count=3):
    made = []
    for number in range(count):
        capture = make_capture(f"p{number}", t_ns=(10 + 2 * number) * 10**9, seed=number, modalities=("image", "audio", "series"))
        # pictures with structure: what a camera sees, and no noise that counts as bad
        ramp = np.add.outer(np.arange(48) * 3, np.arange(64) * 2 + number).astype(np.uint8)
        made.append(replace(capture, frames={"image": Frame(capture.trigger.t_ns, ramp)}))
    return made


@pytest.mark.parametrize("channel", SHAPES)
@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_no_fault_is_taken_for_a_whole_part(channel, kind):
    if not applies_to(kind, SHAPES[channel]):
        pytest.skip("cannot befall this kind of signal")
    if (channel, kind) == ("series", "stuck"):
        pytest.skip("a value that stands still may be a set point: only a station that gives max_still_s can know")
    whole = [extract(align(capture, STATION)).degraded for capture in inject(iter(captures()), [])]
    broken = [extract(align(capture, STATION)).degraded for capture in inject(iter(captures()), [Fault(channel, kind)])]
    for before, after in zip(whole, broken, strict=True):
        assert channel in after
        assert {name for name in after if name != channel} == {name for name in before if name != channel}
        assert channel not in before


def test_a_fault_has_its_time():
    broken = list(inject(iter(captures(4)), [Fault("audio", "unplugged", 1.0, 4.5)]))
    assert ["audio" in capture.waveforms for capture in broken] == [True, False, False, True]
    assert broken[1].faults == {"audio": "injected fault: unplugged"}
    assert align(broken[1], STATION).degraded["audio"] == "injected fault: unplugged"


def test_a_stale_picture_is_the_one_before_and_is_left_out():
    broken = list(inject(iter(captures(2)), [Fault("image", "stale", 1.0)]))
    assert broken[1].frames["image"].t_ns == broken[0].frames["image"].t_ns
    assert "stale: the last picture is 2.0 s older" in align(broken[1], STATION).degraded["image"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("camera=frozen", Fault("camera", "frozen")),
        ("a b=nan@1.5-20", Fault("a b", "nan", 1.5, 20.0)),
        ("mic=clock-back@3-", Fault("mic", "clock-back", 3.0)),
    ],
)
def test_a_fault_is_read_as_written(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize("text", ["camera", "camera=tired", "=nan", "camera=nan@x-y", "camera=nan@1..2-3"])
def test_what_is_no_fault_is_refused_with_the_way_to_write_it(text):
    with pytest.raises(UsageError, match=r"write CHANNEL=KIND|are seconds"):
        parse_fault(text)


def test_a_channel_that_is_not_there_is_told():
    with pytest.raises(UsageError, match=r"no such channel in the recording: camera; it has audio, image, series"):
        list(inject(iter(captures(1)), [Fault("camera", "nan")]))
