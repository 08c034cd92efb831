"""Verdicts into the program's log: a station without a PLC, or a look at what one would be told."""

from __future__ import annotations

import logging
from typing import ClassVar, Literal

from inspector import drivers
from inspector.drivers import VerdictSink

log = logging.getLogger(__name__)


class LogSinkSettings(drivers.Settings):
    level: Literal["debug", "info", "warning"] = "info"


class LogSink(VerdictSink):
    """One line a part."""

    Settings: ClassVar[type[drivers.Settings]] = LogSinkSettings
    steppable = True

    def send(self, part_id: str, outcome: Literal["pass", "fail", "review"], score: float) -> None:
        level = logging.getLevelNamesMapping()[self.settings.level.upper()]
        log.log(level, "%s: %s: %s (score %.3f)", self.channel, part_id, outcome, score)
