"""Where each value of the process image lies in registers of 16 bits. `stations/PLC.md` says the same for people.

Words of more than one register have the high word first. Text fills its registers with two ASCII letters each, the first one in the
high byte, and zeros behind the last letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from inspector.plc import PlcInputs, PlcOutputs

Kind = Literal["bit", "u16", "u32", "text", "hex"]


@dataclass(frozen=True, slots=True)
class Place:
    """A value's place: `register`, and of bits which one, 0 being the lowest."""

    name: str
    kind: Kind
    register: int
    bit: int = 0
    registers: int = 1


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that are read or written as one."""

    first: int
    places: tuple[Place, ...]

    @property
    def registers(self) -> int:
        return max(place.register + place.registers for place in self.places) - self.first

    def packed(self, image: PlcInputs | PlcOutputs) -> list[int]:
        """Return the registers that hold `image`."""
        words = [0] * self.registers
        for place in self.places:
            at = place.register - self.first
            value = getattr(image, place.name)
            if place.kind == "bit":
                words[at] |= bool(value) << place.bit
            else:
                words[at : at + place.registers] = _words(place, value)
        return words

    def values(self, words: Sequence[int]) -> dict[str, Any]:
        """Return what registers hold, by name."""
        return {place.name: _value(place, words[place.register - self.first :]) for place in self.places}


def _places(*rows: tuple[str, Kind, int] | tuple[str, Kind, int, int]) -> tuple[Place, ...]:
    """Rows are name, kind, register and, of bits, the bit, of text the number of registers."""
    places = []
    for name, kind, register, *more in rows:
        if kind == "bit":
            places.append(Place(name, kind, register, bit=more[0]))
        else:
            places.append(Place(name, kind, register, registers=more[0] if more else 2 if kind == "u32" else 1))
    return tuple(places)


INPUTS = Block(
    0,
    _places(
        ("heartbeat", "u16", 0),
        ("trigger", "bit", 1, 0),
        ("exposure_clear", "bit", 1, 1),
        ("fault_reset", "bit", 1, 2),
        ("offline", "bit", 1, 3),
        ("golden", "bit", 1, 4),
        ("recipe_change", "bit", 1, 5),
        ("part_id", "u32", 2),
        ("result_ack", "u16", 4),
        ("recipe", "u16", 5),
        ("encoder", "u32", 6),
        ("confirm_count", "u16", 8),
    ),
)
OUTPUTS = Block(
    100,
    _places(
        ("heartbeat", "u16", 100),
        ("online", "bit", 101, 0),
        ("ready", "bit", 101, 1),
        ("busy", "bit", 101, 2),
        ("fault", "bit", 101, 3),
        ("trigger_ack", "bit", 101, 4),
        ("trigger_refused", "bit", 101, 5),
        ("exposure_done", "bit", 101, 6),
        ("result_valid", "bit", 101, 7),
        ("result_golden", "bit", 101, 8),
        ("overrun", "bit", 101, 9),
        ("reject_armed", "bit", 101, 10),
        ("reject", "bit", 101, 11),
        ("line_stop", "bit", 101, 12),
        ("golden", "bit", 101, 13),
        ("plc_alive", "bit", 101, 14),
        ("fault_code", "u16", 102),
        ("refuse_code", "u16", 103),
        ("trigger_id", "u32", 104),
        ("missed_triggers", "u16", 106),
        ("exposed_id", "u32", 107),
        ("result_id", "u32", 109),
        ("result_sequence", "u16", 111),
        ("result_outcome", "u16", 112),
        ("result_kind_code", "u16", 113),
        ("result_score", "u16", 114),
        ("results_waiting", "u16", 115),
        ("reject_id", "u32", 116),
        ("line_stop_code", "u16", 118),
        ("recipe", "u16", 119),
        ("recipe_status", "u16", 120),
        ("model_hash", "hex", 121, 4),
        ("session", "u16", 125),
        ("parts", "u32", 126),
        ("rejects", "u32", 128),
        ("reject_overlaps", "u16", 130),
        ("result_kind", "text", 131, 8),
    ),
)
assert {place.name for place in INPUTS.places} == {field.name for field in fields(PlcInputs)}
assert {place.name for place in OUTPUTS.places} == {field.name for field in fields(PlcOutputs)}


def _words(place: Place, value: Any) -> list[int]:
    if place.kind in ("u16", "u32"):
        data = (int(value) & ((1 << (16 * place.registers)) - 1)).to_bytes(2 * place.registers, "big")
    elif place.kind == "hex":
        data = bytes.fromhex(value).ljust(2 * place.registers, b"\0")
    else:
        data = value.encode("ascii", errors="replace")[: 2 * place.registers].ljust(2 * place.registers, b"\0")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def _value(place: Place, words: Sequence[int]) -> Any:
    if place.kind == "bit":
        return bool(words[0] >> place.bit & 1)
    data = b"".join(word.to_bytes(2, "big") for word in words[: place.registers])
    if place.kind == "text":
        return data.rstrip(b"\0").decode("ascii")
    return data.hex() if place.kind == "hex" else int.from_bytes(data, "big")
