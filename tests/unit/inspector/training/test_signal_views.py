"""A part's signals as another day might have brought them, and how training reads them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from inspector.fusion.network import FusionNetwork
from inspector.testing import make_part
from inspector.training.batches import Table
from inspector.training.counselling import take_counsel
from inspector.training.fitting import fit_scales
from inspector.training.signal_views import GAIN_DB, TEMPO, altered
from tests.unit.inspector.training.made_parts import LABELS, SPEC, made_table


@pytest.mark.parametrize("seed", range(6))
def test_another_day_keeps_the_shape_of_every_signal(seed):
    record = make_part()
    other = altered(record, np.random.default_rng(seed))
    assert not other.frames
    assert other.waveforms.keys() == record.waveforms.keys()
    for name, wave in other.waveforms.items():
        assert wave.samples.shape == record.waveforms[name].samples.shape
        assert np.isfinite(wave.samples).all()
        assert abs(wave.sample_rate_hz / record.waveforms[name].sample_rate_hz - 1) <= TEMPO
    for series in other.series.values():
        assert (np.diff(series.t_ns) >= 0).all()


def test_a_louder_microphone_is_no_other_machine_but_a_stronger_shake_is():
    assert GAIN_DB["vibration"] < GAIN_DB["audio"]


def with_views(views=1):
    samples = made_table(LABELS * 8).samples
    for sample in samples:
        sample.altered = [
            replace(sample.features, vectors={n: replace(v, summary=v.summary + 100) for n, v in sample.features.vectors.items()})
        ] * views
    return Table(samples, SPEC, {})


def test_training_reads_the_views_by_turns_and_judging_the_recording():
    table, rows = with_views(), torch.arange(32)
    plain = table.batch(rows)[0].summaries["mic"]
    assert torch.equal(plain, table.summaries["mic"])
    drawn = table.batch(rows, np.random.default_rng(0))[0].summaries["mic"]
    moved = (drawn - plain).mean(dim=1)
    assert {round(float(value)) for value in moved} == {0, 100}


def test_the_counsel_is_heard_of_every_view():
    table = with_views(views=2)
    member = FusionNetwork(SPEC)
    fit_scales(SimpleNamespace(members=[member], spec=SPEC), table)
    heard = take_counsel(member, table, torch.arange(32), seed=0)
    assert heard["audio"].shape == (3, 32, SPEC.outputs)
    table.counsel = heard
    batch = table.batch(torch.arange(32), np.random.default_rng(0))[0]
    assert batch.counsel["audio"].shape == (32, SPEC.outputs)
