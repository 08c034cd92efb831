"""On what a member learns: device, precision, and the workers that torchrun started.

Under `torchrun --nproc-per-node N` every worker reads the same parts, learns from its share of each batch and ends with the same
weights; the first one alone writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from inspector.errors import ConfigError
from inspector.fusion.batch import Batch
from inspector.training.batches import Targets
from inspector.training.recipe import EngineRecipe


class Engine:
    """One worker, maybe one of several."""

    def __init__(self, recipe: EngineRecipe, *, rank: int = 0, workers: int = 1) -> None:
        self.rank, self.workers, self.accumulate = rank, workers, recipe.accumulate
        self.device = _device(recipe, rank)
        self._half = recipe.precision == "bfloat16"

    @property
    def writes(self) -> bool:
        return self.rank == 0

    def learner(self, member: nn.Module) -> nn.Module:
        """Return the member where it learns; gradients of all workers are averaged as they arise."""
        member.to(self.device)
        # A batch may lack a whole modality, whose weights then have no gradient.
        return member if self.workers == 1 else DistributedDataParallel(member, find_unused_parameters=True)

    def precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._half)

    def pieces(self, chosen: Tensor) -> list[Tensor]:
        """Return this worker's share of a batch's rows, cut into the pieces that go through one after the other."""
        whole = -(-len(chosen) // self.workers) * self.workers
        # Every worker has the same number of rows, some twice, or their gradients would weigh differently.
        padded = chosen.repeat(-(-whole // max(len(chosen), 1)))[:whole]
        own = padded[self.rank :: self.workers]
        return list(torch.tensor_split(own, min(self.accumulate, len(own))))

    def backward(self, learner: nn.Module, chosen: Tensor, losses: Callable[[Tensor], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Leave on the learner the gradient of the mean loss of rows `chosen`; return this worker's share of the losses, by name."""
        pieces = self.pieces(chosen)
        count = sum(map(len, pieces))
        means: dict[str, Tensor] = {}
        for place, piece in enumerate(pieces):
            with self._quiet(learner, last=place == len(pieces) - 1):
                found = {name: value * (len(piece) / count) for name, value in losses(piece).items()}
                torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
            for name, value in found.items():
                means[name] = means.get(name, torch.zeros_like(value)) + value.detach()
        return means

    def _quiet(self, learner: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Hold back the exchange of gradients until the last piece of a batch."""
        return learner.no_sync() if isinstance(learner, DistributedDataParallel) and not last else nullcontext()

    def moved(self, batch: Batch, targets: Targets) -> tuple[Batch, Targets]:
        """Return both on this worker's device."""
        if self.device.type == "cpu":
            return batch, targets
        return (
            Batch(**{field.name: self._there(getattr(batch, field.name)) for field in fields(batch)}),
            replace(targets, **{field.name: self._there(getattr(targets, field.name)) for field in fields(targets)}),
        )

    def _there(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(self.device, non_blocking=True)
        if isinstance(value, Mapping):
            return {name: self._there(item) for name, item in value.items()}
        return tuple(self._there(item) for item in value) if isinstance(value, tuple) else value


@contextmanager
def engine(recipe: EngineRecipe) -> Iterator[Engine]:
    """Join the other workers where torchrun started any; alone otherwise. Raises ConfigError for a device that is not there."""
    workers = int(os.environ.get("WORLD_SIZE", "1"))
    if workers == 1 or not torch.distributed.is_torchelastic_launched():
        yield Engine(recipe)
        return
    rank = int(os.environ["RANK"])
    joined = Engine(recipe, rank=rank, workers=workers)
    torch.distributed.init_process_group("nccl" if joined.device.type == "cuda" else "gloo")
    try:
        yield joined
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def _device(recipe: EngineRecipe, rank: int) -> torch.device:
    there = torch.cuda.is_available()
    if recipe.device == "cuda" and not there:
        raise ConfigError("no CUDA device is here: use auto or cpu", path="recipe", key="engine.device")
    if recipe.device == "cpu" or not there:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())
