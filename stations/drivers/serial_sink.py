"""Verdicts to a serial device: a line of text a part, for a PLC, a marker or a display."""

from __future__ import annotations

import re
import threading
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from inspector import drivers
from inspector.drivers import Found, VerdictSink
from inspector.errors import DriverError
from inspector.parts import Decision
from stations.protocols.serial_port import FAULTS, PortSettings, found_ports, lost, open_port

if TYPE_CHECKING:
    import serial

FIELDS = ("part_id", "outcome", "score")


class SerialSinkSettings(PortSettings):
    template: str = Field(
        default="{part_id},{outcome},{score:.3f}\r\n",
        description="the line of a verdict, of ASCII text and the fields {part_id}, {outcome}, {score}, with its line end",
    )

    @field_validator("template")
    @classmethod
    def _makes_a_line(cls, template: str) -> str:
        try:
            fields = [(name, spec) for _, name, spec, _ in Formatter().parse(template) if name is not None]
        except ValueError as error:
            raise ValueError(f"is no template: {error}") from error
        for name, spec in fields:
            if name not in FIELDS:
                raise ValueError(f"has no field '{name}' to fill, use {', '.join(FIELDS)}")
            if spec and re.search(r"[{}]|\d{4}", spec):
                raise ValueError(f"has a format of {name} that cannot be used: '{spec}'")
        if "outcome" not in dict(fields):
            raise ValueError("must hold {outcome}")
        _check_line(template)
        return template


def _check_line(template: str) -> None:
    try:
        line = template.format(part_id="part-1", outcome="pass", score=0.5)
    except ValueError as error:
        raise ValueError(f"cannot be filled: {error}") from error
    if not line.isascii():
        raise ValueError("must be ASCII text")
    if not line.endswith(("\r", "\n")) or len(line.splitlines()) != 1:
        raise ValueError('must be one line with its end, in double quotes: "...\\r\\n"')


class SerialSink(VerdictSink):
    """One line a part. After a failure the next verdict opens the port anew; the one that could not be sent is not sent late."""

    Settings: ClassVar[type[drivers.Settings]] = SerialSinkSettings

    def __init__(self, settings: SerialSinkSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._port: serial.Serial | None = None
        self._is_open = False
        self._one_at_a_time = threading.Lock()

    @classmethod
    def discover(cls) -> list[Found]:
        return found_ports()

    def open(self) -> None:
        with self._one_at_a_time:
            if self._port is None:
                self._port = open_port(self.settings, self.channel)
            self._is_open = True

    def close(self) -> None:
        with self._one_at_a_time:
            self._is_open = False
            self._let_go()

    def send(self, decision: Decision) -> None:
        line = self.settings.template.format(part_id=_printable(decision.part_id), outcome=decision.outcome, score=decision.score)
        with self._one_at_a_time:  # a verdict and a missed deadline may be told at once
            if not self._is_open:
                raise DriverError("is not open, call open() first", channel=self.channel)
            if self._port is None:
                self._port = open_port(self.settings, self.channel)
            try:
                self._port.write(line.encode("ascii"))
            except FAULTS as error:
                self._let_go()
                raise lost(self.settings, self.channel, error) from error

    def _let_go(self) -> None:
        if self._port is not None:
            port, self._port = self._port, None
            port.close()


def _printable(part_id: str) -> str:
    """Return the part id without what could end a line or not be sent: a code reader may deliver anything."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in part_id)
