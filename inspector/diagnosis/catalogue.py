"""The catalogue of causes: what a process engineer writes down, checked before anything is concluded from it."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cached_property, lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inspector.config import Title
from inspector.diagnosis.measurements import Measurement
from inspector.parts import NOT_MEASURED, Modality, Text

_NAME = r"^[a-z][a-z0-9_]*$"
NO_CAUSE = "none"
"""How labels and the network say that no process cause is behind a part."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def fits_kind(pattern: str, kind: str) -> bool:
    """Tell whether a kind of quantity is one of those that a pattern names."""
    return _expression(pattern).match(kind) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("|".join(translate(one) for one in pattern.split("|")))


class Place(_Entry):
    """Which quantities are meant: every pattern that is given must fit."""

    kind: str = Field(min_length=1)
    """Kind of quantity; several with `*` and `|`: `envelope_bp*`, `outer_race|inner_race`."""
    modality: Modality | None = None
    channel: str | None = None
    """Regular expression, found anywhere in the channel's name, upper and lower case alike."""
    unit: tuple[str, ...] = ()
    """Units of the channel (not of the quantity): `[degC]`."""

    @field_validator("channel")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from error
        return pattern

    def fits(self, measurement: Measurement) -> bool:
        """Tell whether a quantity is one of those meant."""
        channel = measurement.channel, measurement.modality, measurement.channel_unit
        return fits_kind(self.kind, measurement.kind) and self.fits_channel(*channel)

    def fits_channel(self, channel: str, modality: Modality, unit: str) -> bool:
        """Tell whether a channel could carry the quantity."""
        return (
            (self.modality is None or self.modality == modality)
            and (not self.unit or unit in self.unit)
            and (self.channel is None or re.search(self.channel, channel, re.IGNORECASE) is not None)
        )


class Symptom(Place):
    """A quantity that a cause moves, and how surely."""

    direction: Literal["high", "low", "any"] = "high"
    p_if_present: float = Field(gt=0, lt=1)
    """Chance to see it while the cause is active."""
    p_if_absent: float = Field(gt=0, lt=1)
    """Chance to see it otherwise."""
    lag_s: tuple[float, float] | None = None
    """How long after the cause it begins, at least and at most; not given: any time later."""

    @field_validator("lag_s")
    @classmethod
    def _is_a_span(cls, lag_s: tuple[float, float] | None) -> tuple[float, float] | None:
        if lag_s is not None and not 0 <= lag_s[0] <= lag_s[1]:
            raise ValueError(f"{list(lag_s)} must be [at least, at most] in seconds: an effect does not come before its cause")
        return lag_s


class Limit(Place):
    """What a quantity may be on any healthy machine; used until the station has its own normal range."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Limit:
        if self.low is None and self.high is None:
            raise ValueError("needs low or high")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        return self


class DecidingTest(Title):
    """Something a person can do to be sure."""

    minutes: float = Field(gt=0)
    sure: float = Field(default=0.95, gt=0.5, lt=1)
    """How often its outcome is right."""


class Contrast(_Entry):
    """The test between two causes that look alike."""

    cause: str
    test: DecidingTest


class CauseRule(_Entry):
    """One cause: how it speaks, what it does to the part, how to be sure of it."""

    name: str = Field(pattern=_NAME)
    title: Title
    prior: float = Field(gt=0, lt=1)
    fault_of: Literal["machine", "station", "material"] = "machine"
    because: Title
    """How this cause comes to make what is seen, as half a sentence."""
    forms: dict[str, Title] = {}
    """Kind of quantity -> what the cause is called where that is seen: the outer race instead of just a bearing."""
    symptoms: tuple[Symptom, ...] = ()
    """Without any a cause waits: it takes part only where the model was taught its name."""
    defects: dict[str, float] = {}
    """Kind of defect -> chance that a part made under this cause has it."""
    leads_to: dict[str, float] = {}
    """Other cause -> chance that this one brings it about: both are then active, this one first."""
    told_apart_from: tuple[Contrast, ...] = ()
    test: DecidingTest

    @field_validator("defects", "leads_to")
    @classmethod
    def _are_probabilities(cls, chances: dict[str, float]) -> dict[str, float]:
        for name, chance in chances.items():
            if not 0 < chance <= 1:
                raise ValueError(f"{name}: {chance} must be above 0 and at most 1")
        return chances

    @model_validator(mode="after")
    def _makes_at_most_one_defect(self) -> CauseRule:
        if sum(self.defects.values()) > 1 + 1e-9:
            raise ValueError(f"defects: the chances add up to {sum(self.defects.values()):.2f}, at most 1 is possible")
        return self


class Unmeasured(_Entry):
    """The cause that no channel can see."""

    prior: float = Field(gt=0, lt=1)
    defect: float = Field(gt=0, lt=1)
    """Chance that a part has a defect although no listed cause is active."""
    title: Title


class DefectTitle(Title):
    """A kind of defect in words; `directed` where it matters whether it runs along or across the belt."""

    directed: bool = False


class Catalogue(_Entry):
    """All causes, the limits of physics, and the words for what they speak of."""

    not_measured: Unmeasured
    together: float = Field(default=0.2, gt=0, le=1)
    """How much rarer a second cause is beside a first than it is alone; what `leads_to` says comes on top."""
    causes: tuple[CauseRule, ...] = ()
    limits: tuple[Limit, ...] = ()
    defects: dict[str, DefectTitle] = {}
    words: dict[str, str] = {}
    """Part of a channel's name -> Chinese."""

    @cached_property
    def by_name(self) -> dict[str, CauseRule]:
        """Causes by name."""
        return {cause.name: cause for cause in self.causes}

    def leader(self, one: str, other: str) -> str | None:
        """Return which of two causes can bring the other about."""
        for cause, effect in ((one, other), (other, one)):
            if cause in self.by_name and effect in self.by_name[cause].leads_to:
                return cause
        return None

    def limit_of(self, measurement: Measurement) -> Limit | None:
        """Return the first limit that speaks of a quantity."""
        return self._told(measurement)[0]

    def symptoms_of(self, measurement: Measurement) -> tuple[tuple[str, int], ...]:
        """Return (cause, number of the symptom) of every symptom that is looked for in a quantity."""
        return self._told(measurement)[1]

    def _told(self, measurement: Measurement) -> tuple[Limit | None, tuple[tuple[str, int], ...]]:
        """Return what the catalogue says of a quantity; looked up once, as the next part has the same quantities."""
        key = measurement.kind, measurement.channel, measurement.modality, measurement.channel_unit
        if key not in self._known:
            limit = next((limit for limit in self.limits if limit.fits(measurement)), None)
            fitting = ((rule.name, n) for rule in self.causes for n, symptom in enumerate(rule.symptoms) if symptom.fits(measurement))
            self._known[key] = limit, tuple(fitting)
        return self._known[key]

    def heard_by(self, channels: frozenset[tuple[str, Modality, str]]) -> frozenset[str]:
        """Return the causes of which one of some channels (name, modality, unit) could tell; looked up once for each set of channels."""
        if channels not in self._heard:
            fitting = (
                rule.name for rule in self.causes if any(one.fits_channel(*channel) for one in rule.symptoms for channel in channels)
            )
            self._heard[channels] = frozenset(fitting)
        return self._heard[channels]

    @cached_property
    def _heard(self) -> dict[frozenset[tuple[str, Modality, str]], frozenset[str]]:
        return {}

    @cached_property
    def _known(self) -> dict[tuple[str, ...], tuple[Limit | None, tuple[tuple[str, int], ...]]]:
        return {}

    def title_of(self, cause: str, form: str | None = None) -> Text:
        """Return the words for a cause, and for the form of it that was seen; a name that the catalogue lacks is its own title."""
        if cause == NOT_MEASURED:
            return Text(self.not_measured.title.en, self.not_measured.title.zh)
        rule = self.by_name.get(cause)
        if rule is None:
            return Text(cause.replace("_", " "), cause.replace("_", " "))
        title = rule.forms.get(form or "", rule.title)
        return Text(title.en, title.zh)

    def defect_title(self, kind: str) -> Text:
        """Return the words for a kind of defect; a kind that the catalogue lacks is its own title."""
        title = self.defects.get(kind)
        return Text(title.en, title.zh) if title else Text(kind.replace("_", " "), kind.replace("_", " "))
