import pytest
import torch

from inspector.fusion.batch import Batch
from inspector.fusion.ensemble import averaged
from inspector.fusion.network import FusionNetwork
from inspector.fusion.spec import NetworkSpec, VectorSpec

SPEC = NetworkSpec(
    cameras=("top", "side"),
    image_size=(64, 96),
    vectors=(VectorSpec("mic", "audio", 20, 4, 8), VectorSpec("temp", "series", 10, 3, 5), VectorSpec("flow", "series", 10, 3, 5)),
    kinds=("crack", "burr"),
    causes=("none", "heat"),
    width=32,
    map_width=16,
)
EVERYTHING = ("top", "side", "mic", "temp", "flow")


def batch(channels=EVERYTHING, quality=1.0, parts=3) -> Batch:
    torch.manual_seed(0)
    made = Batch()
    for camera in SPEC.cameras:
        maps = (torch.randn(parts, 40, 8, 12), torch.randn(parts, 112, 4, 6), torch.randn(parts, 192, 2, 3), torch.randn(parts, 1, 8, 12))
        if camera in channels:
            made.maps[camera] = maps
            made.quality[camera] = torch.full((parts,), quality)
    for vector in SPEC.vectors:
        summary, steps = torch.randn(parts, vector.summary), torch.randn(parts, vector.steps, vector.step_size)
        if vector.name in channels:
            made.summaries[vector.name], made.steps[vector.name] = summary, steps
            made.offsets_s[vector.name] = torch.zeros(parts, vector.steps)
            made.quality[vector.name] = torch.full((parts,), quality)
    return made


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return FusionNetwork(SPEC).eval()


@pytest.mark.parametrize("channels", [EVERYTHING, ("top",), ("side", "mic"), ("mic",), ("temp",), ("flow", "mic")])
def test_any_subset_of_channels_is_judged(network, channels):
    outputs = network(batch(channels))
    assert outputs.logits.shape == (3, 5)
    assert torch.isfinite(outputs.logits).all()
    assert torch.stack(list(outputs.attention.values())).sum(dim=0) == pytest.approx(1)


def test_quality_zero_is_the_same_as_absence(network):
    without = network(batch(("top", "temp", "flow"))).logits
    zeroed = batch(("top", "mic", "temp", "flow"))
    zeroed.quality["mic"] = torch.zeros(3)
    assert torch.allclose(network(zeroed).logits, without, atol=1e-4)


def test_a_bad_channel_gets_less_attention(network):
    good, bad = batch(), batch()
    bad.quality["mic"] = torch.full((3,), 0.1)
    assert (network(bad).attention["audio"] < network(good).attention["audio"]).all()


def test_numbers_that_a_signal_cannot_tell_do_no_harm(network):
    some = batch(("mic",))
    some.summaries["mic"][:, 3] = float("nan")
    some.steps["mic"][:, :, 2] = float("nan")
    assert torch.isfinite(network(some).logits).all()


def test_when_a_picture_was_taken_is_seen(network):
    late, early = batch(), batch()
    late.offsets_s["top"] = torch.full((3, 1), 0.5)
    assert not torch.allclose(network(late).logits, network(early).logits, atol=1e-4)


@torch.inference_mode()
def test_conflict_is_told_where_two_senses_can_be_compared(network):
    assert network(batch()).conflict.shape == (3,)
    told = averaged([network(batch())], {}, 2).evidence
    alone = averaged([network(batch(("mic",)))], {}, 2).evidence
    assert all("conflict" in evidence for evidence in told)
    assert not any("conflict" in evidence for evidence in alone)
    one_sense = FusionNetwork(NetworkSpec((), (64, 64), SPEC.vectors[:1], (), (), width=32, map_width=16)).eval()
    assert one_sense(batch(("mic",))).conflict is None


def test_to_see_conflicts_changes_nothing_else(network):
    network.zero_grad()
    network(batch()).conflict.sum().backward()
    moved = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    network.zero_grad()
    assert moved == {"conflict"}
