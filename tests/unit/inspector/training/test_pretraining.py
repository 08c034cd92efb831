import pytest
import torch

from inspector.fusion.network import FusionNetwork
from inspector.fusion.spec import NetworkSpec
from inspector.training.engine import Engine
from inspector.training.pretraining import Guesses, pretrain
from inspector.training.recipe import EngineRecipe, PretrainingRecipe
from tests.unit.inspector.training.made_parts import SPEC, made_table


def test_what_is_hidden_is_guessed_better_with_time_and_no_label_is_read():
    torch.manual_seed(0)
    member, table = FusionNetwork(SPEC), made_table()
    before = {name: value.clone() for name, value in member.state_dict().items()}
    for truth in (table.defective, table.kinds, table.causes):
        truth.fill_(-1)
    recipe = PretrainingRecipe(epochs=100, learning_rate=0.01)
    losses = pretrain(member, table, torch.arange(16), recipe, Engine(EngineRecipe()), seed=0)
    assert losses[-1] < 0.9 * losses[0]
    changed = {name.split(".")[0] for name, value in member.state_dict().items() if not torch.equal(value, before[name])}
    assert {"vectors", "trunk", "witnesses"} <= changed
    assert "head" not in changed


@pytest.mark.parametrize("channels", [("top", "mic"), ("top",), ("mic",)])
def test_pictures_are_guessed_too_and_any_sense_may_be_absent(channels):
    spec = NetworkSpec(("top",), (64, 64), SPEC.vectors[:1], (), (), width=16, map_width=16, layers=1)
    torch.manual_seed(0)
    table = made_table(spec=spec)
    batch, _ = table.batch(torch.arange(4))
    maps = (torch.randn(4, 40, 8, 8), torch.randn(4, 112, 4, 4), torch.randn(4, 192, 2, 2), torch.randn(4, 1, 8, 8))
    batch.maps, batch.quality = {"top": maps}, {name: torch.ones(4) for name in ("top", "mic")}
    task = Guesses(FusionNetwork(spec), batch, 0.5)
    for values in (batch.maps, batch.summaries, batch.steps):
        for channel in {"top", "mic"} - set(channels):
            values.pop(channel, None)
    loss = task(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.member.trunk.parameters())
