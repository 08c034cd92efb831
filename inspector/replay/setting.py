"""One way of judging a recorded batch: which model, which decision, which catalogue of causes, with which senses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from inspector.config import CostsConfig, DecisionConfig, Station
from inspector.errors import UsageError
from inspector.faults import Fault
from inspector.parts import Modality
from inspector.pipeline import Pipeline, open_pipeline


@dataclass(frozen=True, slots=True)
class Setting:
    """How a batch is judged; what is None stays as the model and the station have it."""

    model: Path
    threshold: float | None = None
    """Scores from here on fail; those below it down to the former review band's lower end go to a person."""
    costs: CostsConfig | None = None
    defect_rate: float | None = None
    catalogue: Path | None = None
    without: tuple[Modality, ...] = ()
    """Senses that are taken away, as if the station had never had them."""

    def station(self, recorded: Station) -> Station:
        """Return the recorded station as this setting has it: its own decision, and no need of a sense that is taken away."""
        asked = {"costs": self.costs, "defect_rate": self.defect_rate}
        decision = DecisionConfig.model_validate(recorded.decision.model_dump() | {key: value for key, value in asked.items() if value})
        channels = {
            name: channel.model_copy(update={"required": False}) if channel.modality in self.without else channel
            for name, channel in recorded.channels.items()
        }
        return recorded.model_copy(update={"decision": decision, "channels": channels})

    def faults(self, recorded: Station) -> tuple[Fault, ...]:
        """Return what takes the senses away that this setting does without."""
        return tuple(Fault(name, "unplugged") for name, channel in recorded.channels.items() if channel.modality in self.without)

    def open(self, recorded: Station) -> Pipeline:
        """Return a pipeline that judges in this way. Raises ModelError, ConfigError."""
        from inspector.diagnosis import load_catalogue

        catalogue = load_catalogue(self.catalogue) if self.catalogue else None
        pipeline = open_pipeline(self.model, station=self.station(recorded), catalogue=catalogue)
        if self.threshold is not None:
            pipeline.judge_model.decide_at(self.threshold)
        return pipeline

    def words(self) -> dict[str, object]:
        """Return what this setting says, as plain values; what it leaves open is absent."""
        said = {
            "model": str(self.model),
            "threshold": self.threshold,
            "costs": self.costs.model_dump() if self.costs else None,
            "defect_rate": self.defect_rate,
            "catalogue": str(self.catalogue) if self.catalogue else None,
            "without": list(self.without) or None,
        }
        return {key: value for key, value in said.items() if value is not None}

    def changed(self, **other: object) -> Setting:
        """Return this setting with all that is given in `other`; None and nothing leave it as it is."""
        given = {key: value for key, value in other.items() if value not in (None, ())}
        make: Callable[..., Setting] = replace
        return make(self, **given)


def parse_costs(text: str, option: str) -> CostsConfig:
    """Return the costs that a person wrote as `escape=50,reject=5,review=1`. Raises UsageError."""
    wrong = f"{option} {text}: write all of escape=NUMBER,reject=NUMBER,review=NUMBER, each above 0"
    pairs = dict(pair.partition("=")[::2] for pair in text.replace(" ", "").split(","))
    try:
        return CostsConfig.model_validate({name: float(value) for name, value in pairs.items()})
    except ValueError as error:
        raise UsageError(wrong) from error


def parse_share(text: str, option: str) -> float:
    """Return a number between 0 and 1, both excluded. Raises UsageError."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"{option} {text}: must be a number between 0 and 1")
    return share
