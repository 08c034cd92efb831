"""Station files: what a station has, checked before anything is opened. Unknown keys are errors, and all errors come at once."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspector.errors import ConfigError
from inspector.machine import BearingConfig as BearingConfig
from inspector.machine import MachineConfig as MachineConfig
from inspector.mistakes import mistakes_in
from inspector.parts import Channel, Modality, Outcome

_M = TypeVar("_M", bound=BaseModel)
PLC = "plc"
"""The trigger driver that stands for the PLC of the key `plc`."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Safe either way; libyaml's is eight times quicker, where it was built in."""
CALIBRATION_SUFFIX = ".calibration.yaml"


LatencyMs = Annotated[float, Field(ge=-1000, le=10_000)]
LagMs = Annotated[float, Field(ge=-60_000, le=600_000)]


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
    latency_ms: LatencyMs = 0.0
    """Constant time from the event to its stamp, taken off every stamp; `inspector station calibrate` measures it."""
    lag_ms: LagMs = 0.0
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


class GateConfig(_Model):
    """Where rejected parts leave the line: after a time, or after a way of the belt, counted from the trigger."""

    delay_ms: float | None = Field(default=None, gt=0, le=600_000)
    pulse_ms: float | None = Field(default=None, gt=0, le=60_000)
    distance_counts: int | None = Field(default=None, gt=0, lt=2**31)
    pulse_counts: int | None = Field(default=None, gt=0, lt=2**31)
    confirm_ms: float | None = Field(default=None, gt=0, le=60_000)
    """How long after the gate has opened the sensor in the chute must have seen the part; without it nothing is confirmed."""

    @model_validator(mode="after")
    def _one_measure(self) -> GateConfig:
        by_time, by_way = (self.delay_ms, self.pulse_ms), (self.distance_counts, self.pulse_counts)
        if not ((None not in by_time and by_way == (None, None)) or (None not in by_way and by_time == (None, None))):
            raise ValueError("needs either delay_ms and pulse_ms, or distance_counts and pulse_counts")
        return self


class PlcConfig(_Model):
    """The PLC that triggers the station and takes its results; stations/PLC.md is its side of it."""

    driver: str
    settings: dict[str, Any] = {}
    heartbeat_timeout_ms: float = Field(default=900.0, ge=100, le=1000)
    """A PLC whose heartbeat stands still for longer is gone: no part is taken, nothing may pass."""
    results: int = Field(default=16, ge=8, le=1000)
    """How many parts may be in hand: being judged, or judged and not yet acknowledged."""
    fails_in_a_row: int | None = Field(default=None, ge=1)
    """So many parts without a pass, one after another, ask for a line stop."""
    kinds: dict[str, Annotated[int, Field(ge=1, le=65_534)]] = {}
    """Kind of defect to the number that the PLC is told; kinds that are not named are 65535."""
    gate: GateConfig | None = None
    """Without it the PLC drives the gate by itself, from the results."""
    recipe: Annotated[int, Field(ge=1, le=65_535)] = 1
    """The number of the model that the station starts with."""
    recipes: dict[Annotated[int, Field(ge=1, le=65_535)], Path] = {}
    """Number of a recipe to its model's folder, for changing over at the PLC's request; relative to the station file."""
    journal: Path | None = None
    """Keeps parts and results over a restart, relative to the station file; by default in the installation's folder `plc`."""


class KeepConfig(_Model):
    """What of a running recording is kept for good."""

    outcomes: tuple[Outcome, ...] = ("fail", "review")
    """Around parts of these outcomes."""
    pre_s: float = Field(default=10.0, ge=0, le=3600)
    post_s: float = Field(default=5.0, ge=0, le=3600)


class RecordingConfig(_Model):
    """What a running station records: a ring on disk, and what is kept of it."""

    pictures: Literal["jpeg", "png", "raw"] = "jpeg"
    """`png` and `raw` keep every bit; for what each costs see inspector/store/RECORDINGS.md."""
    ring_gb: float = Field(default=20.0, gt=0)
    """The ring's oldest segments go when it is larger."""
    ring_hours: float | None = Field(default=None, gt=0)
    """They also go when they are older."""
    segment_s: float = Field(default=60.0, gt=0, le=3600)
    """Length of a file of the ring; whole files are kept and dropped."""
    min_free_gb: float = Field(default=2.0, ge=0)
    """With less left on the disk the ring shrinks, and where that is not enough, recording stops until there is room."""
    keep: KeepConfig = KeepConfig()


class PromiseConfig(_Model):
    """How many good parts may be rejected, as a share or as a number per shift, and how sure that must be."""

    false_reject_share: float | None = Field(default=None, gt=0, lt=0.5)
    false_rejects_per_shift: int | None = Field(default=None, ge=0, le=100_000)
    parts_per_shift: int | None = Field(default=None, ge=1, le=10_000_000)
    confidence: float = Field(default=0.9, ge=0.5, lt=1)

    @model_validator(mode="after")
    def _one_measure(self) -> PromiseConfig:
        per_shift = (self.false_rejects_per_shift, self.parts_per_shift)
        if not (per_shift == (None, None) if self.false_reject_share is not None else None not in per_shift):
            raise ValueError("needs either false_reject_share, or false_rejects_per_shift and parts_per_shift")
        if self.share >= 0.5:
            raise ValueError("false_rejects_per_shift must be less than half of parts_per_shift")
        return self

    @property
    def share(self) -> float:
        """The allowed share of false rejects."""
        if self.false_rejects_per_shift is not None and self.parts_per_shift is not None:
            return self.false_rejects_per_shift / self.parts_per_shift
        return self.false_reject_share or 0.0

    @property
    def words(self) -> str:
        if self.false_reject_share is not None:
            return f"at most {self.false_reject_share * 100:.3g} % of good parts rejected"
        return f"at most {self.false_rejects_per_shift} false rejects per shift of {self.parts_per_shift} parts"


class CostsConfig(_Model):
    """What each mistake, and each second look, costs; any unit, only their ratios count."""

    escape: float = Field(gt=0)
    """A defective part that passes."""
    reject: float = Field(gt=0)
    """A good part that is rejected."""
    review: float = Field(gt=0)
    """A part that a person looks at, good or not."""


class DecisionConfig(_Model):
    """What this station makes of a model's scores; what is left open, the model's own recipe decided."""

    promise: PromiseConfig | None = None
    costs: CostsConfig | None = None
    defect_rate: float | None = Field(default=None, gt=0, lt=1)
    """Share of defective parts that this line really makes; without it, that of the labelled parts."""


class SafeLimitConfig(_Model):
    """Between what values a setting of the station may be put, whatever helped elsewhere."""

    unit: str
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> SafeLimitConfig:
        if not self.low <= self.high:
            raise ValueError(f"low {self.low:g} lies above high {self.high:g}")
        return self


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
    plc: PlcConfig | None = None
    machine: MachineConfig = MachineConfig()
    safe_limits: dict[str, SafeLimitConfig] = {}
    """Setting of a fix -> what it may be set to here; no suggestion leaves it."""
    decision: DecisionConfig = DecisionConfig()
    recording: RecordingConfig | None = None
    """Record while judging; nothing is recorded without it."""

    @model_validator(mode="after")
    def _series_need_a_window(self) -> Station:
        for name, channel in self.channels.items():
            if channel.modality != "image" and channel.window.pre_s + channel.window.post_s <= 0:
                raise ValueError(f"channels.{name}.window: a {channel.modality} channel needs pre_s or post_s above 0")
        return self

    @model_validator(mode="after")
    def _regime_is_of_series(self) -> Station:
        for name in self.machine.regime:
            if name not in self.channels or self.channels[name].modality != "series":
                raise ValueError(f"machine.regime: '{name}' is no series channel of this station")
        return self

    @model_validator(mode="after")
    def _speed_is_measured(self) -> Station:
        name = self.machine.shaft_channel
        if name is not None and (name not in self.channels or self.channels[name].modality != "series"):
            raise ValueError(f"machine.shaft_channel: '{name}' is no series of this station; name the one that measures the shaft's speed")
        return self

    @model_validator(mode="after")
    def _plc_triggers(self) -> Station:
        if (self.plc is None) != (self.trigger.driver != PLC):
            raise ValueError(f"a station with the key plc has the trigger driver '{PLC}', and only such a station has it")
        if self.trigger.driver == PLC and self.trigger.settings:
            raise ValueError(f"trigger.settings: the trigger '{PLC}' has none, its settings are those of the key plc")
        if self.plc is not None and PLC in self.sinks:
            raise ValueError(f"sinks.{PLC}: the PLC is told by itself, give this sink another name")
        return self

    @property
    def part_channels(self) -> dict[str, Channel]:
        """The channels as the rest of the pipeline knows them."""
        return {name: Channel(name, config.modality, config.unit, config.scale_mm_per_px) for name, config in self.channels.items()}

    @property
    def setting_limits(self) -> dict[tuple[str, str], tuple[float, float]]:
        """The safe limits as the memory of fixes knows them: (setting, unit) -> (low, high)."""
        return {(name, limit.unit): (limit.low, limit.high) for name, limit in self.safe_limits.items()}


SECRET_KEYS = frozenset({"clear", "password", "token"})
HIDDEN = "(hidden)"


def without_secrets(value: Any) -> Any:
    """Return the content of a station file as it may leave the station: passwords and tokens hidden, those in addresses too.

    `{env: NAME}` and `{file: PATH}` stay, as they only say where a secret is found.
    """
    if isinstance(value, dict):
        return {key: HIDDEN if key in SECRET_KEYS and isinstance(one, str) else without_secrets(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_secrets(one) for one in value]
    return re.sub(r"(?<=://)([^/@:\s]+):[^/@\s]+(?=@)", rf"\1:{HIDDEN}", value) if isinstance(value, str) else value


class MeasuredLatency(_Model):
    latency_ms: LatencyMs
    spread_ms: float = Field(ge=0)
    events: int = Field(ge=1)


class MeasuredLag(_Model):
    lag_ms: LagMs
    spread_ms: float = Field(ge=0)
    parts: int = Field(ge=1)


class Latencies(_Model):
    """Latencies as `inspector station calibrate` measured them, against one channel."""

    date: datetime
    reference: str
    channels: dict[str, MeasuredLatency]


class Lags(_Model):
    """Lags behind the trigger as `inspector station calibrate --lag` found them."""

    date: datetime
    channels: dict[str, MeasuredLag]


class Calibration(_Model):
    """What was measured of a station; it lies beside the station file, whose own words count for more."""

    station: str
    latencies: Latencies | None = None
    lags: Lags | None = None


def calibration_path(station_file: Path | str) -> Path:
    """Return where the calibration of a station file lies."""
    return Path(station_file).with_suffix(CALIBRATION_SUFFIX)


def station_files(folder: Path) -> list[Path]:
    """Return the station files of a folder."""
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(CALIBRATION_SUFFIX))


def load_station(path: Path | str, *, calibrated: bool = True) -> Station:
    """Read and check a station file and the calibration beside it, if there is one. Raises ConfigError that lists every mistake."""
    station = validated(Station, read_yaml(path), path)
    measured = calibration_path(path)
    return _calibrated(station, load_calibration(measured, station)) if calibrated and measured.exists() else station


def load_calibration(path: Path, station: Station) -> Calibration:
    """Read and check the calibration of `station`. Raises ConfigError."""
    calibration = validated(Calibration, read_yaml(path), path)
    if calibration.station != station.station:
        raise ConfigError(f"is of station '{calibration.station}', not of '{station.station}'", path=path, key="station")
    for key, section in (("latencies", calibration.latencies), ("lags", calibration.lags)):
        for name in section.channels if section else ():
            if name not in station.channels:
                raise ConfigError("the station has no such channel, calibrate it again", path=path, key=f"{key}.channels.{name}")
    return calibration


def _calibrated(station: Station, calibration: Calibration) -> Station:
    """Return `station` with what was measured wherever its file leaves it open."""
    latencies = {name: {"latency_ms": m.latency_ms} for name, m in calibration.latencies.channels.items()} if calibration.latencies else {}
    lags = {name: {"lag_ms": m.lag_ms} for name, m in calibration.lags.channels.items()} if calibration.lags else {}
    channels = {}
    for name, config in station.channels.items():
        measured = latencies.get(name, {}) | lags.get(name, {})
        channels[name] = config.model_copy(update={key: ms for key, ms in measured.items() if key not in config.model_fields_set})
    return station.model_copy(update={"channels": channels})


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
