import numpy as np

from inspector.features import meanings, sound, trend, vibration
from inspector.parts import Series, Waveform

TRIGGER_NS = 0


def test_every_number_of_a_waveform_means_something():
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    for modality, room in (("audio", sound), ("vibration", vibration)):
        vectors = room.describe(Waveform(0, 16000.0, samples, "FS"), TRIGGER_NS)
        known = meanings(modality)
        assert (len(known.summary), len(known.step)) == (len(vectors.summary), vectors.steps.shape[1])


def test_every_number_of_a_series_means_something():
    series = Series(np.arange(100) * 10**7, np.random.default_rng(0).normal(0, 1, 100), "A")
    vectors = trend.describe(series, TRIGGER_NS)
    known = meanings("series")
    assert (len(known.summary), len(known.step)) == (len(vectors.summary), vectors.steps.shape[1])
