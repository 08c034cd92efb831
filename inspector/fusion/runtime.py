"""What does the arithmetic of a model. A judge decides by what it says and knows of no library that computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inspector.features import Features
from inspector.fusion.attribution import Numbers
from inspector.fusion.opinion import Opinion
from inspector.parts import Modality

Array = NDArray[np.float32]
Read = Any
"""What a runtime made of one part's channels; only the runtime that made it looks into it."""


class Runtime(Protocol):
    """One model, ready to be asked of one part at a time. Safe to use from several threads."""

    @property
    def words(self) -> str:
        """What computes, for people: library, version, precision."""

    def warm_up(self) -> None:
        """Make this process ready to judge one part after the other, the first as fast as the thousandth."""

    def read(self, features: Features, matched: Mapping[str, str], quality: Mapping[str, float]) -> Read:
        """Return what the channels of a part say, each by itself. Channels of no quality, and absent ones, are not computed at all."""

    def ask(self, read: Read) -> Opinion:
        """Return the opinion of all members."""

    def maps(self, read: Read, camera: str) -> list[Array]:
        """Return the backbone's maps of a camera (1, C, h, w) at stride 8, 16 and 32."""

    def without(self, read: Read, camera: str, maps: list[Array]) -> Read:
        """Return the part n times, with other backbone maps (n, C, h, w) of one camera."""

    def ways(self, read: Read, camera: str) -> tuple[Array, Array, Array]:
        """Return learned evidence (log odds), class activation map and anomaly map of a camera (h, w each), members averaged."""

    def finest(self, pixels: NDArray[np.uint8]) -> Array:
        """Return the backbone's finest map (C, h, w) of a picture, or of a piece of one."""

    def gradients(self, read: Read, path: Numbers) -> Numbers:
        """Return what each number adds to the decision at the points of `path`, all other channels as they were read."""

    def numbers(self, read: Read, opinion: Opinion, modality: Modality) -> Array | None:
        """Return what a part shows in one modality (size,), a picture at its most suspicious place; None without that modality."""
