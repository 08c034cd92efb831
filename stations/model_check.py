"""Does a model fit a station, and which promise would it keep there?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.errors import ConfigError, ModelError
from inspector.pipeline import open_pipeline

if TYPE_CHECKING:
    from inspector.config import Station


@dataclass(frozen=True, slots=True)
class Fit:
    """What is to be said of a model on a station."""

    ok: bool
    """Whether the model can serve here at all."""
    kept: bool
    """Whether the station's promise is kept with the confidence that it asks for, by all channels that the model knows."""
    name: str
    words: str


def check_model(model: Path, station: Station) -> Fit:
    """Open a model as the station would."""
    try:
        judge = open_pipeline(model).judge_model
        rule, promised = judge.serve(station)
    except (ModelError, ConfigError) as error:
        return Fit(ok=False, kept=False, name=model.name, words=str(error))
    absent = judge.absent_channels(station)
    without = f"fits, but without {', '.join(absent)}" if absent else "fits"
    served = f"; {judge.served_by}" if judge.refused else ""
    return Fit(ok=True, kept=promised and not absent, name=f"{judge.ref.name} {judge.ref.version}", words=f"{without}; {rule}{served}")
