"""Labelled parts and a recipe in, a model and its figures out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspector.training.parts_folder import PartsFolder
    from inspector.training.preparing import Progress


def _silent(items: Iterable[Any], *, total: int | None = None, label: str = "") -> Iterable[Any]:  # noqa: ARG001 - the protocol's names
    return items


def train(
    recipe_path: Path | str, data: PartsFolder, out_dir: Path | str, *, seed: int = 0, progress: Progress = _silent
) -> dict[str, Any]:
    """Train a model by a recipe and write its folder; return a summary. Raises ConfigError, DataError, ModelError.

    Only the splits train and val are read. `progress` wraps what is iterated over, as `inspector.commands.output.progress` does.
    """
    from inspector.training import training  # torch: seconds that only those who train should pay

    return training.train(recipe_path, data, out_dir, seed=seed, progress=progress)
