"""A part for each line of text from a serial port: barcode and RFID readers, PLCs that write a line."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.parts import Trigger
from stations.protocols.serial_listener import SerialListener
from stations.protocols.serial_port import PortSettings
from stations.protocols.serial_text import Line, checked_pattern

WHOLE_LINE = r"^[^!-~]*(?P<part_id>[!-~](?:.*[!-~])?)[^!-~]*$"
"""The line without the blanks and control characters around it."""


def _names_a_part(pattern: str) -> str:
    groups = checked_pattern(pattern)
    if groups.groups and "part_id" not in groups.groupindex:
        raise ValueError("has a group but none named part_id; name it (?P<part_id>...), or use (?:...) and the parts are counted")
    return pattern


class SerialTriggerSettings(PortSettings):
    pattern: Annotated[str, AfterValidator(_names_a_part)] = Field(
        default=WHOLE_LINE,
        description="regular expression, searched in each line: a line that matches is a part, its group part_id the part's id;"
        " without that group the parts are counted",
    )
    prefix: str = Field(default="part-", min_length=1, description="what the ids of counted parts begin with")
    min_length: int = Field(default=1, ge=1, le=1000, description="a shorter id is a misread and no part")
    hold_off_s: float = Field(default=0.0, ge=0, le=3600, description="the same line again within this is a double read and no part")


class SerialTrigger(SerialListener, TriggerSource):
    """One part a line, in place when the line's first byte came.

    Attributes:
        doubles: how many lines were double reads.
    """

    Settings: ClassVar[type[drivers.Settings]] = SerialTriggerSettings
    says_nothing = "is no part"

    def __init__(self, settings: SerialTriggerSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.doubles = 0
        self._pattern = checked_pattern(settings.pattern)
        self._found: deque[Trigger] = deque()
        self._counted = 0
        self._seen: tuple[str, int] | None = None

    def wait(self, timeout_s: float) -> Trigger | None:
        heard = self._heard(timeout_s)
        while not self._found and (lines := next(heard, None)) is not None:
            self._found.extend(trigger for line in lines if (trigger := self._trigger(line)) is not None)
        return self._found.popleft() if self._found else None

    def _trigger(self, line: Line) -> Trigger | None:
        match = self._pattern.search(line.text) if line.data.isascii() else None  # other bytes are a damaged line
        named = "part_id" in self._pattern.groupindex
        text = "" if match is None else (match["part_id" if named else 0] or "").strip()
        if match is None or (named and len(text) < self.settings.min_length):
            self._reject(str(line))
            return None
        if self._is_double(text, line.t_ns):
            self.doubles += 1
            return None
        self._counted += 1
        return Trigger(self.channel, _printable(text) if named else f"{self.settings.prefix}{self._counted:06d}", line.t_ns)

    def _is_double(self, text: str, t_ns: int) -> bool:
        """Say whether the same was read before; a reader that reads a part on and on goes on being held off."""
        before, self._seen = self._seen, (text, t_ns)
        return before is not None and before[0] == text and t_ns - before[1] < self.settings.hold_off_s * 1e9


def _printable(text: str) -> str:
    """Return an id that can be shown: codes for goods hold separators that cannot."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
