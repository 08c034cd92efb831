"""Values in Modbus registers: how many registers one takes, and how they are read in whatever order a device keeps them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

DataType = Literal["u16", "i16", "u32", "i32", "f32", "f64"]
Order = Literal["big", "little"]

_FORMATS: dict[DataType, str] = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f", "f64": ">d"}


def register_count(data_type: DataType) -> int:
    """Return how many registers a value takes."""
    return struct.calcsize(_FORMATS[data_type]) // 2


def decode(registers: Sequence[int], data_type: DataType, word_order: Order = "big", byte_order: Order = "big") -> int | float:
    """Return the value of `register_count` registers.

    Args:
        registers: as they were read, in the order of their addresses.
        data_type: of the value.
        word_order: `big` where the first register holds the most significant word.
        byte_order: `big`, as Modbus has it, where the first byte of a register is the more significant one.
    """
    data = _bytes(registers if word_order == "big" else registers[::-1], byte_order)
    value: int | float = struct.unpack(_FORMATS[data_type], data)[0]
    return value


def encode(value: int, data_type: Literal["u16", "u32"], word_order: Order = "big", byte_order: Order = "big") -> list[int]:
    """Return the registers of a whole number; the inverse of `decode`."""
    data = struct.pack(_FORMATS[data_type], value)
    words = [int.from_bytes(data[k : k + 2], byte_order) for k in range(0, len(data), 2)]
    return words if word_order == "big" else words[::-1]


def decode_text(registers: Sequence[int], byte_order: Order = "big") -> str:
    """Return the text of registers, two characters in each, up to the first zero; what cannot be printed becomes a question mark."""
    text = _bytes(registers, byte_order).split(b"\0", 1)[0].decode("latin-1").strip()
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def encode_text(text: str, count: int, byte_order: Order = "big") -> list[int]:
    """Return `count` registers of text, cut off or filled up with zeros."""
    data = text.encode("ascii", errors="replace")[: 2 * count].ljust(2 * count, b"\0")
    return [int.from_bytes(data[k : k + 2], byte_order) for k in range(0, 2 * count, 2)]


def _bytes(registers: Sequence[int], byte_order: Order) -> bytes:
    return b"".join(register.to_bytes(2, byte_order) for register in registers)
