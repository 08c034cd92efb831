"""Verdicts into the program's log: a station without a PLC, or a look at what one would be told."""

from __future__ import annotations

import logging
from typing import ClassVar, Literal

from inspector import drivers
from inspector.drivers import VerdictSink
from inspector.parts import Decision

log = logging.getLogger(__name__)


class LogSinkSettings(drivers.Settings):
    level: Literal["debug", "info", "warning"] = "info"


class LogSink(VerdictSink):
    """One line a part."""

    Settings: ClassVar[type[drivers.Settings]] = LogSinkSettings
    steppable = True

    def send(self, decision: Decision) -> None:
        level = logging.getLevelNamesMapping()[self.settings.level.upper()]
        log.log(level, "%s: %s: %s (score %.3f)", self.channel, decision.part_id, decision.outcome, decision.score)
