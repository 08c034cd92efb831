"""A member in the middle of its learning, as one safetensors file: tensors, and a page of JSON in its header. Nothing is executed.

A run that was killed goes on from here when the same command is given again. `key` stands for everything that decides what the run
would come to (recipe, data, seed, code); a checkpoint of another key is left aside. Every epoch draws its chance from its own seed, so
that no generator's state need be kept.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progressed:
    """All that changes while a member learns."""

    member: nn.Module
    mean: nn.Module
    """The running mean of the member's weights."""
    optimizer: Optimizer
    step: int = 0
    """Batches learned from so far."""
    history: list[dict[str, Any]] | None = None
    """One row per epoch, for metrics.csv."""


def keep(path: Path, progressed: Progressed, key: str) -> None:
    """Write a checkpoint in place of the last one; a kill at any instant leaves one of the two whole."""
    from safetensors.torch import save_file

    optimizer = progressed.optimizer.state_dict()
    tensors = {f"{part}.{name}": value for part, state in _states(progressed).items() for name, value in state.items()}
    tensors |= {f"optimizer.{index}.{name}": value for index, moments in optimizer["state"].items() for name, value in moments.items()}
    page = {
        "key": key,
        "step": progressed.step,
        "history": progressed.history,
        "rates": [group["lr"] for group in optimizer["param_groups"]],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, draft, {"page": json.dumps(page)})
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)


def take_up(path: Path, progressed: Progressed, key: str) -> bool:
    """Bring `progressed` to where the checkpoint stands; False, and nothing changed, where there is none of this run."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            page = json.loads(file.metadata()["page"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: checkpoint cannot be read (%s): training starts anew", path, error)
        return False
    if page["key"] != key:
        _log.info("%s: checkpoint of another run, left aside", path)
        return False
    for part in ("member", "mean"):
        getattr(progressed, part).load_state_dict(_of(tensors, part))
    state = progressed.optimizer.state_dict()
    state["state"] = _moments(_of(tensors, "optimizer"))
    for group, rate in zip(state["param_groups"], page["rates"], strict=True):
        group["lr"] = rate
    progressed.optimizer.load_state_dict(state)
    progressed.step, progressed.history = page["step"], page["history"]
    return True


def _states(progressed: Progressed) -> dict[str, dict[str, Tensor]]:
    return {"member": progressed.member.state_dict(), "mean": progressed.mean.state_dict()}


def _of(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): value for name, value in tensors.items() if name.startswith(f"{part}.")}


def _moments(flat: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, _, moment = name.partition(".")
        found.setdefault(int(index), {})[moment] = value
    return found
