import numpy as np
import pytest
import torch

from inspector.training.augmenting import hide_channels, hide_modalities, mix_modalities
from tests.unit.inspector.training.made_parts import LABELS, SPEC, made_table

ALL = torch.arange(16)


@pytest.fixture
def random():
    return np.random.default_rng(1)


def test_a_part_keeps_at_least_one_sense(random):
    batch, _ = made_table().batch(ALL)
    hide_modalities(batch, SPEC, 0.99, random)
    seen = torch.stack([batch.quality[name] > 0 for name in ("mic", "temp", "flow")])
    assert seen.any(dim=0).all()
    assert not seen.all(dim=0).any()


def test_a_sense_keeps_at_least_one_channel(random):
    batch, _ = made_table().batch(ALL)
    hide_channels(batch, SPEC, 0.99, random)
    assert (batch.quality["mic"] == 1).all()
    assert (torch.maximum(batch.quality["temp"], batch.quality["flow"]) == 1).all()
    assert (torch.minimum(batch.quality["temp"], batch.quality["flow"]) == 0).any()


def test_a_sense_of_another_part_is_a_conflict_where_the_two_are_unlike(random):
    table = made_table()
    batch, targets = table.batch(ALL)
    mix_modalities(batch, targets, SPEC, 0.99, random)
    for channel, modality in (("mic", "audio"), ("temp", "series")):
        for row in ALL:
            came_from = next(i for i in ALL if torch.equal(batch.summaries[channel][row], table.summaries[channel][i]))
            assert bool(targets.foreign[modality][row]) == (came_from != row)
            if came_from != row:
                assert bool(targets.conflict[row]) == (LABELS[came_from % 4] != LABELS[row % 4])
    assert 0 < targets.conflict.sum() < 16


def test_nothing_is_mixed_where_there_is_one_sense_to_see(random):
    batch, targets = made_table().batch(ALL)
    for channel in ("temp", "flow"):
        batch.quality[channel] = torch.zeros(16)
    mix_modalities(batch, targets, SPEC, 0.99, random)
    assert targets.conflict.sum() == 0
    assert not targets.foreign["audio"].any()
