from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis import Measurement, measure
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]


@pytest.fixture
def of(record: Build) -> Callable[[NDArray[np.uint8]], dict[str, Measurement]]:
    return lambda pixels: {item.kind: item for item in measure(record(camera=pixels), MachineConfig()).values()}


@pytest.fixture
def part() -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    return np.clip(120 + rng.normal(0, 15, (240, 320)), 0, 255).astype(np.uint8)


def test_less_light_is_darker_and_no_less_sharp(of: Callable[..., dict[str, Measurement]], part: NDArray[np.uint8]) -> None:
    bright, dim = of(part), of((part * 0.5).astype(np.uint8))
    assert dim["brightness"].value == pytest.approx(bright["brightness"].value / 2, rel=0.02)
    assert dim["sharpness"].value == pytest.approx(bright["sharpness"].value, abs=1.0)


def test_a_blurred_picture_is_less_sharp_and_no_darker(of: Callable[..., dict[str, Measurement]], part: NDArray[np.uint8]) -> None:
    padded = np.pad(part.astype(float), 1, mode="edge")
    blurred = sum(padded[y : y + 240, x : x + 320] for y in range(3) for x in range(3)) / 9
    sharp, soft = of(part), of(blurred.astype(np.uint8))
    assert soft["sharpness"].value < sharp["sharpness"].value - 6
    assert soft["brightness"].value == pytest.approx(sharp["brightness"].value, abs=0.5)


def test_a_dark_blot_is_found(of: Callable[..., dict[str, Measurement]], part: NDArray[np.uint8]) -> None:
    blotted = part.copy()
    blotted[100:140, 100:150] //= 2
    assert of(blotted)["darkest_spot"].value > of(part)["darkest_spot"].value + 20


def test_sixteen_bits_say_the_same_as_eight(of: Callable[..., dict[str, Measurement]], part: NDArray[np.uint8]) -> None:
    deep = of(part.astype(np.uint16) * 257)
    for kind, item in of(part).items():
        assert deep[kind].value == pytest.approx(item.value, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 640), (640, 1), (1, 1), (2, 2, 3), (0, 10), (30, 40), (5, 3000, 3)])
@pytest.mark.parametrize("fill", [0, 255])
def test_odd_pictures_give_fewer_quantities_and_never_raise(
    of: Callable[..., dict[str, Measurement]], shape: tuple[int, ...], fill: int
) -> None:
    assert all(np.isfinite(item.value) for item in of(np.full(shape, fill, dtype=np.uint8)).values())
