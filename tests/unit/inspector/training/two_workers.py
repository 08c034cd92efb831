"""What two workers do under torchrun; the test beside it starts this file."""

import sys
from pathlib import Path

import torch

from inspector.fusion.network import FusionNetwork
from inspector.training.engine import engine
from inspector.training.learning import Lesson, fit_member
from inspector.training.losses import total_loss
from inspector.training.recipe import EngineRecipe, OptimizerRecipe
from tests.unit.inspector.training.made_parts import SPEC, made_table

ROWS = torch.tensor([0, 1, 2, 2, 3, 3, 4, 5])  # each half holds as many of each label, so that the mean of halves is the mean


def gradients(worker):
    """Return the gradient of one batch, dropout off."""
    torch.manual_seed(0)
    member, table = FusionNetwork(SPEC).eval(), made_table()
    learner = worker.learner(member)

    def losses(rows):
        batch, targets = table.batch(rows)
        return total_loss(learner(batch), batch, targets, SPEC, torch.tensor(1.0))

    worker.backward(learner, ROWS, losses)
    return {name: p.grad for name, p in member.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def main(folder):
    torch.set_num_threads(1)
    with engine(EngineRecipe(device="cpu")) as worker:
        found = gradients(worker)
        if worker.writes:
            torch.save(found, folder / "gradients.pt")
        torch.manual_seed(worker.rank)  # the first worker's start is everyone's
        member, table = FusionNetwork(SPEC), made_table()
        lesson = Lesson(table, torch.arange(16), (table, ROWS), 2, 0, checkpoint=folder / f"checkpoint-{worker.rank}.safetensors")
        fit_member(member, lesson, OptimizerRecipe(batch=8), worker)
        torch.save(member.state_dict(), folder / f"weights-{worker.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
