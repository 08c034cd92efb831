"""Parts announced by a message at an MQTT broker."""

from __future__ import annotations

import json
import logging
from typing import Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.errors import DriverError
from inspector.parts import Trigger
from stations.protocols.json_pointer import Pointer, value_at
from stations.protocols.mqtt_client import MqttSettings, Topic
from stations.protocols.mqtt_link import Message, Subscribed

log = logging.getLogger(__name__)


class MqttTriggerSettings(MqttSettings):
    topic: Topic = Field(description="the topic; each message is a part")
    part_id: Pointer | None = Field(default=None, description="where in a JSON message the part's id is; numbered where not given")
    prefix: str = Field(default="part-", min_length=1, description="what part ids begin with, where the message gives none")


class MqttTrigger(TriggerSource):
    """A part for each message, at the instant of its arrival. What was published while the connection was down is no part any more."""

    Settings: ClassVar[type[drivers.Settings]] = MqttTriggerSettings

    def __init__(self, settings: MqttTriggerSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._subscribed: Subscribed | None = None
        self._count = 0

    def open(self) -> None:
        if self._subscribed is None:
            self._subscribed = Subscribed(self.settings, self.settings.topic, self.clock, self.channel)

    def close(self) -> None:
        subscribed, self._subscribed = self._subscribed, None
        if subscribed is not None:
            subscribed.close()

    def wait(self, timeout_s: float) -> Trigger | None:
        if self._subscribed is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        message = self._subscribed.next(timeout_s)
        return None if message is None else Trigger(self.channel, self._part_id(message), message.arrived_ns)

    def _part_id(self, message: Message) -> str:
        self._count += 1
        own = f"{self.settings.prefix}{self._count:06d}"
        if self.settings.part_id is None:
            return own
        try:
            told = value_at(json.loads(message.payload), self.settings.part_id)
        except (ValueError, LookupError, RecursionError):
            told = None
        if isinstance(told, bool | dict | list) or told is None or not str(told).strip():
            log.warning("%s: %s: a message gives no part id, the part is called %s", self.channel, self.settings.topic, own)
            return own
        return str(told).strip()
