import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inspector.fusion.network import FusionNetwork
from inspector.training.engine import Engine
from inspector.training.learning import Lesson, fit_member
from inspector.training.recipe import EngineRecipe, OptimizerRecipe
from tests.unit.inspector.training.made_parts import SPEC, made_table
from tests.unit.inspector.training.two_workers import gradients

ROOT = Path(__file__).resolve().parents[4]
ROWS = torch.arange(16)
RECIPE = OptimizerRecipe(batch=8, learning_rate=0.01)


def trained(recipe=RECIPE, engine=None, *, stop_at=None, **lesson):
    """Train a small member; with `stop_at` the run dies when that epoch begins."""
    torch.manual_seed(3)
    member = FusionNetwork(SPEC)

    def dying(epochs, **_):
        for epoch in epochs:
            if epoch == stop_at:
                raise KeyboardInterrupt
            yield epoch

    table = made_table()
    given = Lesson(table, ROWS, (table, ROWS), epochs=6, seed=5, key="a", **lesson)
    history = fit_member(member, given, recipe, engine or Engine(EngineRecipe()), keep_s=0.0, progress=dying)
    return member, history


def same(one, other, tolerance=0.0):
    return all(torch.allclose(value, other.state_dict()[name], atol=tolerance, rtol=0) for name, value in one.state_dict().items())


def test_learning_brings_the_loss_down_and_is_watched():
    _, history = trained()
    assert history[-1]["loss_own_audio"] < history[0]["loss_own_audio"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["held_out_auroc"] > 0.9
    assert 0 <= history[-1]["held_out_kind_f1"] <= 1


@pytest.mark.parametrize("stop_at", [1, 4])
def test_a_killed_run_taken_up_comes_to_the_same_model(tmp_path, stop_at):
    whole, history = trained()
    path = tmp_path / "checkpoints" / "member-1.safetensors"
    with pytest.raises(KeyboardInterrupt):
        trained(stop_at=stop_at, checkpoint=path)
    (path.parent / "member-1.draft").write_bytes(b"half a checkp")  # killed while it wrote
    again, resumed = trained(checkpoint=path)
    assert same(whole, again)
    assert resumed == history


def test_a_checkpoint_of_another_run_is_left_aside(tmp_path):
    path = tmp_path / "member-1.safetensors"
    trained(checkpoint=path)
    table = made_table()
    torch.manual_seed(3)
    member = FusionNetwork(SPEC)
    lesson = Lesson(table, ROWS, None, epochs=2, seed=5, checkpoint=path, key="another")
    assert len(fit_member(member, lesson, RECIPE, Engine(EngineRecipe()))) == 2


def test_a_damaged_checkpoint_costs_the_time_and_no_more(tmp_path):
    path = tmp_path / "member-1.safetensors"
    path.write_bytes(b"\x00" * 100)
    assert same(trained(checkpoint=path)[0], trained()[0])


def test_half_precision_learns_too():
    _, history = trained(engine=Engine(EngineRecipe(precision="bfloat16")))
    assert history[-1]["held_out_auroc"] > 0.9


def test_rare_labels_come_more_often_where_they_are_balanced():
    _, history = trained(RECIPE.model_copy(update={"balance": 1.0}))
    assert history[-1]["held_out_auroc"] > 0.9


def test_a_batch_in_pieces_has_the_gradient_of_the_whole():
    whole, pieces = gradients(Engine(EngineRecipe())), gradients(Engine(EngineRecipe(accumulate=2)))
    assert all(torch.allclose(value, pieces[name], atol=1e-6) for name, value in whole.items())


def test_two_workers_find_the_gradient_of_one_and_the_first_alone_writes(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, "-m", gradients.__module__, tmp_path], cwd=ROOT, check=True, timeout=200, capture_output=True)
    joint = torch.load(tmp_path / "gradients.pt", weights_only=True)
    assert all(torch.allclose(value, joint[name], atol=1e-6) for name, value in gradients(Engine(EngineRecipe())).items())
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert (tmp_path / "checkpoint-0.safetensors").is_file()
    assert not (tmp_path / "checkpoint-1.safetensors").exists()
