"""What dataset.yaml and a row of parts.csv say in words: numbers, units, the machine behind the parts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inspector.config import BearingConfig, MachineConfig, validated


def unit_at_head(text: object) -> str:
    """Return the unit at the head of a description: "degC (engine body)" is degC, "as recorded (…)" is none."""
    unit = re.split(r"[(,;]", str(text or ""))[0].strip()
    return "" if unit.lower().startswith("as ") else unit


def machine_of_dataset(dataset: Mapping[str, Any], path: Path) -> MachineConfig:
    """Return the `machine` block as a station file would hold it, else what `modalities.vibration` tells. Raises ConfigError."""
    if isinstance(dataset.get("machine"), Mapping):
        return validated(MachineConfig, dict(dataset["machine"]), path)
    modalities = dataset.get("modalities")
    vibration = modalities.get("vibration") if isinstance(modalities, Mapping) else None
    if not isinstance(vibration, Mapping):
        return MachineConfig()
    return MachineConfig(shaft_hz=positive(vibration.get("shaft_hz")), bearing=_bearing(vibration.get("bearing")))


def _bearing(declared: object) -> BearingConfig | None:
    """Return the bearing that a description gives by its geometry or by the ratios of its rings, with what follows from them."""
    if not isinstance(declared, Mapping):
        return None
    given = {str(key).lower(): positive(value) for key, value in declared.items()}
    known = {key: value for key, value in given.items() if key in BearingConfig.model_fields and value is not None}
    try:
        return BearingConfig.model_validate(known)
    except ValidationError:
        return None


def machine_of_part(common: MachineConfig, row: Mapping[str, str]) -> MachineConfig:
    """Return `common` with the shaft speed that a row gives: column `shaft_hz` or `rpm`, or `shaft_hz=…` in its note."""
    rpm = positive(row.get("rpm"))
    noted = re.search(r"shaft_hz\s*=\s*([\d.]+)", row.get("note", ""))
    shaft_hz = positive(row.get("shaft_hz")) or (rpm / 60 if rpm else None) or (positive(noted[1]) if noted else None)
    return common if shaft_hz is None else common.model_copy(update={"shaft_hz": shaft_hz})


def number(value: object) -> float | None:
    """Return a number, or the middle of "about 3.05 to 3.19 (measured)"; None for other text."""
    if isinstance(value, bool) or value is None:
        return None
    found = re.fullmatch(
        r"(?:about|ca\.?|~)?\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)(?:\s*(?:to|-|–)\s*(\d*\.?\d+))?\s*(?:\(.*\))?",
        str(value).strip(),
        re.IGNORECASE,
    )
    if found is None:
        return None
    low = float(found[1])
    return low if found[2] is None else (low + float(found[2])) / 2


def positive(value: object) -> float | None:
    """Return `number(value)` where it is above 0."""
    found = number(value)
    return found if found is not None and math.isfinite(found) and found > 0 else None
