import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dashboards.charts import counts, heat, spectra, trends
from inspector.config import BearingConfig, MachineConfig
from inspector.parts import Series, Waveform
from inspector.store import HourlyYield

MACHINE = MachineConfig(shaft_hz=24.5, bearing=BearingConfig(bpfo_per_rev=3.585, bpfi_per_rev=5.415, bsf_per_rev=2.357, ftf_per_rev=0.398))
RATE_HZ = 12800


def wave(samples, rate_hz=RATE_HZ):
    return Waveform(-900_000_000, rate_hz, np.asarray(samples, dtype=np.float32), "m/s2")


def impacts(at_hz):
    t = np.arange(RATE_HZ) / RATE_HZ
    since = np.mod(t, 1 / at_hz)
    return np.exp(-since * 700) * np.sin(2 * np.pi * 3000 * since)


def test_spectrogram_shows_a_tone_where_it_is():
    t = np.arange(16000) / 16000
    figure = spectra.spectrogram(wave(np.sin(2 * np.pi * 2000 * t), 16000), "en")
    drawn = figure.data[0]
    loudest = np.asarray(drawn.z).mean(axis=1).argmax()
    assert drawn.y[loudest] == pytest.approx(2000, abs=40)
    assert drawn.x[0] == pytest.approx(-0.9, abs=0.1)


def test_spectrum_shows_a_line_at_its_peak_amplitude():
    t = np.arange(RATE_HZ) / RATE_HZ
    figure = spectra.spectrum(wave(10 * np.sin(2 * np.pi * 200 * t)), None, "", MACHINE, "en")
    line = figure.data[0]
    assert line.x[np.argmax(line.y)] == pytest.approx(200, abs=1)
    assert max(line.y) == pytest.approx(20, abs=0.3)


def test_envelope_spectrum_shows_impacts_and_marks_the_bearing():
    figure = spectra.envelope_spectrum(wave(impacts(87.8)), wave(np.zeros(RATE_HZ)), "P-1", MACHINE, "zh")
    line = figure.data[-1]
    assert line.x[np.argmax(line.y)] == pytest.approx(87.8, abs=1)
    marks = {note.text for note in figure.layout.annotations}
    assert {"BPFO", "BPFI", "BSF", "FTF", "1×"} <= marks


def test_an_unknown_machine_gets_no_marks():
    assert spectra.bearing_lines_hz(MachineConfig()) == {}
    assert spectra.bearing_lines_hz(MachineConfig(shaft_hz=10)) == {"1×": 10}
    figure = spectra.spectrum(wave(impacts(50)), None, "", MachineConfig(), "en")
    assert not figure.layout.annotations


@pytest.mark.parametrize("samples", [[], [0.1], np.zeros(63)])
def test_too_little_signal_is_no_figure(samples):
    assert spectra.spectrogram(wave(samples), "en") is None
    assert spectra.spectrum(wave(samples), None, "", MACHINE, "en") is None
    assert spectra.envelope_spectrum(wave(samples), None, "", MACHINE, "en") is None


@pytest.mark.parametrize(
    "samples", [np.zeros(64), np.full(5000, np.nan), np.where(np.arange(5000) % 7, 1.0, np.inf), np.ones((5000, 1)), np.full(70_000, 0.5)]
)
@pytest.mark.parametrize("rate_hz", [1.0, 50.0, 12800.0, 192_000.0])
def test_odd_signals_are_drawn_without_complaint(samples, rate_hz):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odd = wave(samples, rate_hz)
        figures = [
            spectra.spectrogram(odd, "en"),
            spectra.spectrum(odd, odd, "P", MACHINE, "zh"),
            spectra.envelope_spectrum(odd, odd, "P", MACHINE, "en"),
        ]
    for figure in figures:
        if figure is not None:
            figure.to_json()


def test_a_trend_keeps_its_gaps_and_marks_what_the_diagnosis_points_at():
    t_ns = (np.linspace(-60, 0.1, 121) * 1e9).astype(np.int64)
    values = np.linspace(20, 27, 121)
    values[40:50] = np.nan
    evidence = [{"start_s": -50.0, "end_s": 0.0, "kind": "rise", "text": {"en": "Rise <b>", "zh": "升温"}}]
    figure = trends.trend(Series(t_ns, values, "degC"), None, evidence, "en")
    assert figure.data[0].connectgaps is False
    assert np.isnan(figure.data[0].y[45])
    assert "<" not in figure.layout.annotations[0].text
    assert figure.layout.yaxis.title.text == "°C"


def test_a_trend_of_nothing_is_no_figure():
    assert trends.trend(Series(np.array([], dtype=np.int64), np.array([]), "bar"), None, [], "en") is None
    assert trends.trend(Series(np.arange(3), np.full(3, np.nan), "bar"), None, [], "en") is None
    assert trends.trend(Series(np.arange(1), np.ones(1), "bar"), None, [{"start_s": None, "end_s": None}], "en") is not None


def test_pareto_orders_and_adds_up():
    figure = counts.pareto({"burr": 1, "scratch": 3}, "en")
    assert list(figure.data[0].x) == ["scratch", "burr"]
    assert list(figure.data[1].y) == [75, 100]
    assert counts.pareto({}, "en") is None


def test_hourly_yield_is_written_above_its_hour():
    figure = counts.hourly_yield([HourlyYield(3_600_000_000_000, 10, 9)], "zh")
    assert figure.layout.annotations[0].text == "90%"
    assert counts.hourly_yield([], "zh") is None


def test_a_heat_map_is_clear_where_cold_and_opaque_where_hot(tmp_path):
    path = tmp_path / "camera.heat.png"
    Image.fromarray(np.array([[0, 60, 255]], dtype=np.uint8)).save(path)
    layer = np.asarray(Image.open(BytesIO(heat.overlay_png(path))).convert("RGBA"))
    assert layer.shape == (1, 3, 4)
    assert layer[0, 0, 3] == 0
    assert layer[0, 1, 3] < layer[0, 2, 3] == 255
