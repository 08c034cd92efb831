"""Named quantities of one part: what can be held against "normal" and cited in a conclusion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from inspector.diagnosis.ranges import Range
from inspector.parts import Modality


@dataclass(frozen=True, slots=True)
class Measurement:
    """One quantity of one channel; `start_s` and `end_s` are relative to the part's trigger."""

    channel: str
    modality: Modality
    kind: str
    value: float
    unit: str
    start_s: float
    end_s: float
    at_hz: float | None = None
    """Where in the spectrum it was found, for lines and bands that move."""
    channel_unit: str = ""
    """Unit of the channel itself, which differs from `unit` for levels in dB and slopes."""
    of: str = ""
    """The other channel that the quantity is about, e.g. the one that changed before this one."""
    usual: Range | None = None
    """What the recording itself calls usual: what its own noise reaches by chance, what the same channel did before.

    That is normal where no good part was ever seen; and where some were, nothing inside it is out of the ordinary.
    """
    beyond_share: float | None = None
    """How often the recording itself lies as far out as the value."""

    @property
    def key(self) -> str:
        """`channel.kind`, stable from part to part."""
        return f"{self.channel}.{self.kind}"


Measurements = Mapping[str, Measurement]
"""Key (`channel.kind`) to measurement."""


@dataclass(slots=True)
class Sheet:
    """The page on which one channel's quantities are noted; what is not finite is left out."""

    channel: str
    modality: Modality
    start_s: float
    end_s: float
    channel_unit: str = ""
    rows: dict[str, Measurement] = field(default_factory=dict)

    def note(
        self,
        kind: str,
        value: float,
        unit: str,
        *,
        at_hz: float | None = None,
        span_s: tuple[float, float] | None = None,
        usual: Range | None = None,
        beyond_share: float | None = None,
    ) -> None:
        """Keep one quantity; `span_s` where it was seen in less than the window, the last two where the recording itself tells them."""
        value = float(value)
        if not math.isfinite(value):
            return
        start_s, end_s = span_s or (self.start_s, self.end_s)
        hz = None if at_hz is None else float(at_hz)
        row = Measurement(
            self.channel,
            self.modality,
            kind,
            value,
            unit,
            float(start_s),
            float(end_s),
            at_hz=hz,
            channel_unit=self.channel_unit,
            usual=usual,
            beyond_share=beyond_share,
        )
        self.rows[row.key] = row
