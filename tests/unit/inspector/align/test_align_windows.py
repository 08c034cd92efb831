from dataclasses import replace

import numpy as np
import pytest

from inspector.align import align
from inspector.config import Station
from inspector.errors import AlignmentError
from inspector.parts import Capture, Frame, Series, Trigger, Waveform

MS = 1_000_000
T = 10_000 * MS

STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            "camera": {"modality": "image", "driver": "x", "max_sync_error_ms": 20},
            "mic": {"modality": "audio", "driver": "x", "window": {"pre_s": 0.9, "post_s": 0.1}, "max_sync_error_ms": 20},
            "temp": {"modality": "series", "driver": "x", "unit": "degC", "window": {"pre_s": 10, "post_s": 0.1}, "max_age_ms": 1000},
        },
    }
)


def wave(start_ms: float, n: int, rate_hz: float = 1000.0) -> Waveform:
    return Waveform(T + round(start_ms * MS), rate_hz, np.arange(n, dtype=np.float32), "FS")


def temps(first_ms: int = -12_000, last_ms: int = 0, step_ms: int = 500) -> Series:
    t_ms = np.arange(first_ms, last_ms + 1, step_ms, dtype=np.int64)
    return Series(T + t_ms * MS, t_ms.astype(float), "degC")


CAPTURE = Capture(
    Trigger("bench", "p1", T),
    frames={"camera": Frame(T + 3 * MS, np.zeros((4, 6), np.uint8))},
    waveforms={"mic": wave(-910, 1021)},
    series={"temp": temps()},
    drops={"mic": 2},
    wall_utc_ns=7,
)


def test_a_whole_part_is_cut_to_its_windows():
    record = align(CAPTURE, STATION)
    assert not record.degraded
    assert record.sync_error_ns == {"camera": 3 * MS, "mic": 0, "temp": 0}
    assert record.waveforms["mic"].start_ns == T - 900 * MS
    assert record.waveforms["mic"].samples.tolist() == list(range(10, 1010))
    assert record.series["temp"].t_ns[0] == T - 10_000 * MS
    assert record.series["temp"].t_ns[-1] == T
    assert (record.drops, record.wall_utc_ns) == ({"mic": 2}, 7)
    assert set(record.channels) == {"camera", "mic", "temp"}


def test_the_grid_of_samples_shows_as_sync_error():
    record = align(replace(CAPTURE, waveforms={"mic": wave(-910.4, 1021)}), STATION)
    assert record.sync_error_ns["mic"] == 400_000
    assert len(record.waveforms["mic"].samples) == 1000


@pytest.mark.parametrize(
    ("change", "channel", "words", "kept"),
    [
        ({"frames": {}}, "camera", "no picture of this part", False),
        (
            {"frames": {"camera": Frame(T - 500 * MS, np.zeros((4, 6), np.uint8))}},
            "camera",
            "stale: the last picture is 500 ms older",
            False,
        ),
        ({"frames": {"camera": Frame(T + 30 * MS, np.zeros((4, 6), np.uint8))}}, "camera", "30 ms too late", False),
        ({"waveforms": {}}, "mic", "no samples", False),
        ({"waveforms": {"mic": wave(-500, 600)}}, "mic", "incomplete: begins 400 ms late", True),
        ({"waveforms": {"mic": wave(-900, 500)}}, "mic", "incomplete: ends 500 ms early", True),
        ({"waveforms": {"mic": wave(-5000, 1000)}}, "mic", "stale: samples end 3.1 s before", False),
        ({"series": {}}, "temp", "no values", False),
        ({"series": {"temp": temps(last_ms=-2000)}}, "temp", "stale: the last value is 2.1 s old", False),
        ({"series": {"temp": temps(last_ms=-60_000, first_ms=-70_000)}}, "temp", "stale: the last value is 50.0 s away", False),
        ({"series": {"temp": temps(step_ms=10, last_ms=-400)}}, "temp", "out of step: values end 490 ms too early", True),
        ({"series": {"temp": replace(temps(), values=np.full(25, np.nan))}}, "temp", "no value is a number", True),
    ],
)
def test_what_cannot_be_used_is_named(change, channel, words, kept):
    record = align(replace(CAPTURE, **change), STATION)
    assert set(record.degraded) == {channel}
    assert words in record.degraded[channel]
    assert (channel in record.present) == kept
    assert (channel in record.sync_error_ns) == kept


def test_a_gap_in_a_series_is_named_and_not_filled():
    whole = temps(step_ms=100)
    keep = (whole.t_ns < T - 6000 * MS) | (whole.t_ns > T - 4000 * MS)
    record = align(replace(CAPTURE, series={"temp": Series(whole.t_ns[keep], whole.values[keep], "degC")}), STATION)
    assert "a gap of 2.2 s" in record.degraded["temp"]
    assert len(record.series["temp"].t_ns) == len(whole.t_ns[keep & (whole.t_ns >= T - 10_000 * MS)])


def test_a_few_nan_stay_as_they_are():
    series = temps()
    series.values[20] = np.nan
    record = align(replace(CAPTURE, series={"temp": series}), STATION)
    assert not record.degraded
    assert np.isnan(record.series["temp"].values).sum() == 1


def test_a_young_history_is_no_fault():
    assert not align(replace(CAPTURE, series={"temp": temps(first_ms=-1000)}), STATION).degraded


def test_a_single_value_speaks_until_it_is_stale():
    assert not align(replace(CAPTURE, series={"temp": temps(first_ms=-500, last_ms=-500)}), STATION).degraded


def test_samples_that_are_no_numbers_are_named():
    broken = wave(-910, 1021)
    broken.samples[500:510] = np.nan
    assert align(replace(CAPTURE, waveforms={"mic": broken}), STATION).degraded["mic"] == "10 samples are not numbers"


def test_a_capture_of_another_station_is_refused():
    with pytest.raises(AlignmentError, match="not of 'bench'"):
        align(replace(CAPTURE, trigger=Trigger("other", "p1", T)), STATION)
