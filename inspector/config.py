"""Station files: what a station has, checked before anything is opened. Unknown keys are errors, and all errors come at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspector.errors import ConfigError
from inspector.mistakes import mistakes_in
from inspector.parts import Channel, Modality

_M = TypeVar("_M", bound=BaseModel)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Safe either way; libyaml's is eight times quicker, where it was built in."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(_Model):
    """A name for people, in both languages."""

    en: str
    zh: str


class Window(_Model):
    """Which span around the trigger belongs to a part."""

    pre_s: float = Field(default=0.0, ge=0, le=3600)
    post_s: float = Field(default=0.0, ge=0, le=60)


class ChannelConfig(_Model):
    """One stream: the driver that delivers it, and how much of it a part needs."""

    modality: Modality
    driver: str
    settings: dict[str, Any] = {}
    unit: str = ""
    title: Title | None = None
    window: Window = Window()
    max_age_ms: float = Field(default=1000.0, gt=0)
    """Data that ends earlier than this before the window's end is stale: the channel is missing for that part."""
    max_sync_error_ms: float = Field(default=50.0, gt=0)
    max_still_s: float | None = Field(default=None, gt=0)
    """A series whose value has not changed at all for longer is stuck: the channel is missing. Not given: it may stand still for ever."""
    latency_ms: float = Field(default=0.0, ge=-1000, le=10_000)
    """Constant time from the event to its stamp, taken off every stamp; `inspector station calibrate` measures it."""
    lag_ms: float = Field(default=0.0, ge=-60_000, le=600_000)
    """How long after the trigger the part passes this channel's sensor; its window lies around that instant."""
    scale_mm_per_px: float | None = Field(default=None, gt=0)
    required: bool = True
    """A part without this channel is `review`, whatever the others say."""


class TriggerConfig(_Model):
    driver: str
    settings: dict[str, Any] = {}


class SinkConfig(_Model):
    driver: str
    settings: dict[str, Any] = {}


class BearingConfig(_Model):
    """Characteristic frequencies of a rolling bearing, per turn of its shaft."""

    bpfo_per_rev: float = Field(gt=0)
    bpfi_per_rev: float = Field(gt=0)
    bsf_per_rev: float = Field(gt=0)
    ftf_per_rev: float = Field(gt=0)

    @classmethod
    def from_geometry(cls, *, balls: int, ball_mm: float, pitch_mm: float, contact_deg: float = 0.0) -> BearingConfig:
        """Return the kinematic frequencies of a bearing with a fixed outer ring (ISO 15243, annex; no slip)."""
        ratio = ball_mm / pitch_mm * math.cos(math.radians(contact_deg))
        return cls(
            bpfo_per_rev=balls / 2 * (1 - ratio),
            bpfi_per_rev=balls / 2 * (1 + ratio),
            bsf_per_rev=pitch_mm / (2 * ball_mm) * (1 - ratio**2),
            ftf_per_rev=(1 - ratio) / 2,
        )


class MachineConfig(_Model):
    """What is known of the machine behind the station; diagnosis reads its spectra with it."""

    shaft_hz: float | None = Field(default=None, gt=0)
    bearing: BearingConfig | None = None
    belt_direction_deg: float = 0.0
    """Direction of travel in the picture, 0 = along x."""


class Station(_Model):
    """One inspection station."""

    station: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    title: Title
    maturity: Literal["draft", "commissioned", "trusted"] = "draft"
    owner: str | None = None
    product: str = ""
    deadline_ms: float = Field(default=400.0, gt=0)
    """From the end of a part's window to its verdict; later than this the outcome is `review`."""
    trigger: TriggerConfig
    channels: dict[str, ChannelConfig] = Field(min_length=1)
    sinks: dict[str, SinkConfig] = {}
    machine: MachineConfig = MachineConfig()

    @model_validator(mode="after")
    def _series_need_a_window(self) -> Station:
        for name, channel in self.channels.items():
            if channel.modality != "image" and channel.window.pre_s + channel.window.post_s <= 0:
                raise ValueError(f"channels.{name}.window: a {channel.modality} channel needs pre_s or post_s above 0")
        return self

    @property
    def part_channels(self) -> dict[str, Channel]:
        """The channels as the rest of the pipeline knows them."""
        return {name: Channel(name, config.modality, config.unit, config.scale_mm_per_px) for name, config in self.channels.items()}


def load_station(path: Path | str) -> Station:
    """Read and check a station file. Raises ConfigError that lists every mistake."""
    return validated(Station, read_yaml(path), path)


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a YAML mapping without executing anything. Raises ConfigError."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", path=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not valid YAML: {' '.join(str(error).split())}", path=path) from error
    if not isinstance(content, dict):
        raise ConfigError("must hold keys and values", path=path)
    return content


def validated(model: type[_M], content: dict[str, Any], path: Path | str) -> _M:
    """Build `model` from what a file holds. Raises ConfigError that lists every mistake with its key."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        mistakes = mistakes_in(error, model, content)
        if len(mistakes) == 1 and mistakes[0].key:
            raise ConfigError(mistakes[0].says, path=path, key=mistakes[0].key) from error
        raise ConfigError("; ".join(map(str, mistakes)), path=path) from error
