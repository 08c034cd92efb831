"""Memories of good surfaces, and what they make of the parts they remember."""

from types import SimpleNamespace

import torch

from inspector.fusion.ensemble import Ensemble
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.vision import COARSE_CHANNELS, DEEP_CHANNELS, FINE_CHANNELS
from inspector.training.fitting import fit_memories
from inspector.training.samples import View

SPEC = NetworkSpec(cameras=("top",), image_size=(64, 64), vectors=(), kinds=("crack",), causes=(), width=16, map_width=16)


def seen(label, group):
    torch.manual_seed(group)
    view = View(*(torch.randn(c, s, s).half() for c, s in ((FINE_CHANNELS, 8), (COARSE_CHANNELS, 4), (DEEP_CHANNELS, 2))), target=None)
    return SimpleNamespace(defective=label != "ok", group=str(group), views={"top": [view]})


def unusual_of(samples):
    return [float(sample.views["top"][0].unusual.mean()) for sample in samples]


def test_a_good_part_is_looked_at_by_a_memory_that_does_not_know_it():
    good, val = [seen("ok", n) for n in range(12)], [seen("ok", n) for n in range(100, 112)]
    ensemble = Ensemble(SPEC, 1)
    fit_memories(ensemble, SimpleNamespace(train=[*good, seen("crack", 50)], val=val, unlabelled=[]), seed=0)
    memory = ensemble.memory("top")
    remembered = [float(memory(s.views["top"][0].fine[None].float(), s.views["top"][0].coarse[None].float()).mean()) for s in good]
    known, apart, new = (sum(values) / len(values) for values in (remembered, unusual_of(good), unusual_of(val)))
    assert abs(apart - new) < abs(known - new) / 2


def test_too_few_good_parts_are_not_remembered():
    ensemble = Ensemble(SPEC, 1)
    parts = [seen("ok", n) for n in range(3)]
    fit_memories(ensemble, SimpleNamespace(train=parts, val=[], unlabelled=[]), seed=0)
    assert not ensemble.memory("top").filled
    assert unusual_of(parts) == [0.0] * 3
