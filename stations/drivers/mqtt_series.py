"""Numbers that devices publish to an MQTT broker: gateways, wireless sensors, other programs."""

from __future__ import annotations

import json
import logging
import math
import time
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from inspector import drivers
from inspector.drivers import SeriesSource
from inspector.errors import DriverError
from inspector.parts import Series
from stations.protocols.json_pointer import Pointer, value_at
from stations.protocols.mqtt_client import MqttSettings, Topic
from stations.protocols.mqtt_link import Message, Subscribed

log = logging.getLogger(__name__)

UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class MqttSeriesSettings(MqttSettings):
    topic: Topic = Field(description="the topic")
    value: Pointer = Field(
        default="", description="where in a JSON message the number is, e.g. /data/0/temp; a message of only a number: nothing"
    )
    time: Pointer | None = Field(default=None, description="where the device's own time stamp is; stamped on arrival where not given")
    time_unit: Literal["s", "ms", "us", "ns", "iso"] = Field(default="ms", description="of the time stamp; iso is text of ISO 8601")


class MqttSeries(SeriesSource):
    """One value a message. `null`, NaN and infinities are gaps; what holds no number is counted and left out.

    Attributes:
        unmatched: how many messages held no number, or no time stamp, so far.
    """

    Settings: ClassVar[type[drivers.Settings]] = MqttSeriesSettings

    def __init__(self, settings: MqttSeriesSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.own_clock = settings.time is not None
        self.unmatched = 0
        self._subscribed: Subscribed | None = None
        self._last_ns: int | None = None

    def open(self) -> None:
        if self._subscribed is None:
            self._last_ns = None
            self._subscribed = Subscribed(self.settings, self.settings.topic, self.clock, self.channel)

    def close(self) -> None:
        subscribed, self._subscribed = self._subscribed, None
        if subscribed is not None:
            subscribed.close()

    def read(self, timeout_s: float) -> Series | None:
        if self._subscribed is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while (message := self._subscribed.next(max(0.0, end_s - time.monotonic()))) is not None:
            series = self._series(message)
            if series is not None:
                return series
            if time.monotonic() >= end_s:
                break
        return None

    def _series(self, message: Message) -> Series | None:
        try:
            document = json.loads(message.payload)
            value = _number(value_at(document, self.settings.value))
            t_ns = message.arrived_ns if self.settings.time is None else self._stamp_ns(value_at(document, self.settings.time))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            self._reject(message, error)
            return None
        if t_ns == self._last_ns:
            return None  # the same message twice: its sender, or the broker, did not see that the first one arrived
        self._last_ns = t_ns
        self.arrived_ns = message.arrived_ns
        return Series(np.array([t_ns], np.int64), np.array([value], np.float64), self.unit)

    def _stamp_ns(self, stamp: Any) -> int:
        unit = self.settings.time_unit
        if unit == "iso":
            when = datetime.fromisoformat(stamp)
            since = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
            return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
        if isinstance(stamp, bool) or not isinstance(stamp, int | float):
            raise TypeError("the time stamp is no number")
        return round(Fraction(stamp) * UNIT_NS[unit])  # a float of seconds times 1e9 is 256 ns rough

    def _reject(self, message: Message, error: Exception) -> None:
        self.unmatched += 1
        if self.unmatched == 1:
            log.warning(
                "%s: %s: a message holds not what the settings value and time name (%s: %s): %r; more such messages are only counted",
                self.channel,
                self.settings.topic,
                type(error).__name__,
                error,
                message.payload[:80],
            )


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("the value is no number")
    return float(value) if math.isfinite(value) else math.nan
