"""The machine behind a station, as its file describes it: speed, bearing, gear, blades, belt. Physics reads spectra with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Ring = Literal["inner", "outer"]
_RATIOS = ("bpfo_per_rev", "bpfi_per_rev", "bsf_per_rev", "ftf_per_rev")
_SIZES = ("balls", "ball_mm", "pitch_mm")
_RATIO_TOLERANCE = 0.02
"""Data sheets round; ratios further than this from the geometry beside them are those of another bearing."""
_MOST_PER_REV = 60.0
"""Slewing rings aside, no rolling bearing has a hundred elements: a larger figure is a frequency in Hz."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _asks_for_nothing(schema: dict[str, Any]) -> None:
    schema.pop("required", None)


class BearingConfig(_Model):
    """A rolling bearing: its characteristic frequencies per turn of the shaft, or the geometry that they follow from.

    The kinematics are those of rolling without slip (ISO 15243, annex). Ratios go before geometry, and BSF and FTF may be left out.
    """

    model_config = ConfigDict(json_schema_extra=_asks_for_nothing)

    bpfo_per_rev: float = Field(gt=0)
    bpfi_per_rev: float = Field(gt=0)
    bsf_per_rev: float = Field(gt=0)
    ftf_per_rev: float = Field(gt=0)
    balls: int | None = Field(default=None, ge=3, le=200)
    """Rolling elements, of whatever shape."""
    ball_mm: float | None = Field(default=None, gt=0)
    pitch_mm: float | None = Field(default=None, gt=0)
    """Diameter of the circle on which the elements' centres run."""
    contact_deg: float = Field(default=0.0, ge=0, lt=90)
    turning: Ring = "inner"
    """The ring that turns with the shaft; the other one stands."""

    @classmethod
    def from_geometry(cls, *, balls: int, ball_mm: float, pitch_mm: float, contact_deg: float = 0.0) -> BearingConfig:
        """Return the bearing of a geometry whose inner ring turns."""
        return cls.model_validate({"balls": balls, "ball_mm": ball_mm, "pitch_mm": pitch_mm, "contact_deg": contact_deg})

    @model_validator(mode="before")
    @classmethod
    def _work_out_ratios(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        if any(given.get(key) is not None for key in _SIZES):
            return _of_geometry(given)
        return _of_ring_ratios(given)

    @model_validator(mode="after")
    def _can_be_built(self) -> BearingConfig:
        if max(self.bpfo_per_rev, self.bpfi_per_rev) > _MOST_PER_REV:
            raise ValueError("the frequencies look like Hz; give them per turn of the shaft")
        if self.ftf_per_rev >= 1:
            raise ValueError(f"ftf_per_rev {self.ftf_per_rev:g} must be below 1: a cage turns slower than its shaft")
        return self


def _of_geometry(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bearing's keys with the ratios that its geometry gives. Raises ValueError where it cannot be built."""
    sizes = [given.get(key) for key in _SIZES]
    if not all(isinstance(size, int | float) and size > 0 for size in sizes):
        raise ValueError("a geometry needs balls, ball_mm and pitch_mm, each a number above 0")
    balls, ball_mm, pitch_mm = (float(size) for size in sizes if size is not None)
    if balls * ball_mm >= math.pi * pitch_mm:
        raise ValueError(f"{balls:g} balls of {ball_mm:g} mm do not fit on a circle of {pitch_mm:g} mm; is pitch_mm a radius?")
    contact_deg = given.get("contact_deg", 0.0)
    contact_deg = float(contact_deg) if isinstance(contact_deg, int | float) else 0.0
    computed = _kinematics(balls, ball_mm / pitch_mm, contact_deg, given.get("turning", "inner"))
    for key, value in computed.items():
        if isinstance(stated := given.get(key), int | float) and abs(stated / value - 1) > _RATIO_TOLERANCE:
            raise ValueError(f"{key} {stated:g} contradicts the geometry, which gives {value:.3f}; correct one or leave it out")
    return computed | dict(given)


def _of_ring_ratios(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bearing's keys with BSF and FTF worked out from the ratios of the rings, for contact at 0 degrees."""
    outer, inner = given.get("bpfo_per_rev"), given.get("bpfi_per_rev")
    if not (isinstance(outer, int | float) and isinstance(inner, int | float) and 0 < outer < inner):
        return dict(given)
    balls = outer + inner
    return _kinematics(balls, (inner - outer) / balls, 0.0, given.get("turning", "inner")) | dict(given)


def _kinematics(balls: float, ball_to_pitch: float, contact_deg: float, turning: object) -> dict[str, float]:
    ratio = ball_to_pitch * math.cos(math.radians(contact_deg))
    outer, inner = balls / 2 * (1 - ratio), balls / 2 * (1 + ratio)
    cage = (1 + ratio) / 2 if turning == "outer" else (1 - ratio) / 2
    return dict(zip(_RATIOS, (outer, inner, (1 - ratio**2) / (2 * ball_to_pitch), cage), strict=True))


class BeltConfig(_Model):
    """A belt on the shaft's pulley."""

    pulley_mm: float = Field(gt=0)
    """Effective diameter of the pulley on the shaft."""
    length_mm: float = Field(gt=0)

    @property
    def per_rev(self) -> float:
        """Turns of the belt per turn of the shaft."""
        return math.pi * self.pulley_mm / self.length_mm

    @model_validator(mode="after")
    def _goes_round(self) -> BeltConfig:
        if self.per_rev >= 1:
            raise ValueError(f"length_mm {self.length_mm:g} does not reach once round a pulley of {self.pulley_mm:g} mm")
        return self


class MachineConfig(_Model):
    """What is known of the machine behind the station; diagnosis reads its spectra with it."""

    shaft_hz: float | None = Field(default=None, gt=0)
    """Turns a second as the name plate says; the true speed nearby is read from the signal where that shows it."""
    shaft_channel: str | None = None
    """A series that measures the shaft's speed, in Hz, 1/s or rpm; it goes before `shaft_hz`."""
    bearing: BearingConfig | None = None
    gear_teeth: int | None = Field(default=None, ge=3, le=2000)
    """Teeth of the gear on the shaft."""
    blades: int | None = Field(default=None, ge=1, le=500)
    """Blades or vanes of the fan, pump or propeller on the shaft."""
    belt: BeltConfig | None = None
    belt_direction_deg: float = 0.0
    """Direction of travel in the picture, 0 = along x."""
    regime: tuple[str, ...] = ()
    """Series that say how hard the machine works or how warm its hall is; others are held against their history at like values of them."""
