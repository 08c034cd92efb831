import pytest
import torch

from inspector.fusion.batch import Batch, Outputs
from inspector.training.batches import Targets
from inspector.training.losses import total_loss
from tests.unit.inspector.training.made_parts import SPEC

ONE = torch.tensor(1.0)


def losses(quality, *, foreign=(False, False), conflict=None, said=((4.0, 0.0, 0.0), (-4.0, 0.0, 0.0))):
    """Two good parts: of the first a defect is said, of the second none."""
    logits = torch.tensor(said)
    seen = torch.tensor(quality)
    outputs = Outputs(logits, {"audio": logits}, {"audio": seen, "series": seen}, {}, {}, torch.zeros(2))
    targets = Targets(torch.zeros(2), torch.tensor([-1, -1]), torch.tensor([-1, -1]), {}, {"audio": torch.tensor(foreign)}, conflict)
    return {name: float(value) for name, value in total_loss(outputs, Batch(), targets, SPEC, ONE).items()}


def test_a_part_that_is_badly_seen_teaches_less():
    clear, dim = losses([1.0, 1.0]), losses([0.1, 1.0])
    assert dim["fused"] < 0.3 * clear["fused"]
    assert dim["own_audio"] < 0.3 * clear["own_audio"]


def test_a_sense_of_another_part_has_another_truth():
    assert losses([1.0, 1.0], foreign=(True, False))["own_audio"] < 0.1
    assert losses([1.0, 1.0], conflict=torch.tensor([1.0, 0.0]))["fused"] < 0.1


def test_conflicts_and_others_weigh_the_same():
    assert losses([1.0, 1.0], conflict=torch.tensor([1.0, 0.0]))["conflict"] == pytest.approx(2 * 0.6931, abs=1e-3)
