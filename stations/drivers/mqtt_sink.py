"""Verdicts to an MQTT broker, for whoever wants to know: a line's control, a dashboard, a data lake."""

from __future__ import annotations

import re
import threading
import time
from string import Formatter
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from inspector import drivers
from inspector.drivers import VerdictSink
from inspector.errors import DriverError
from inspector.parts import Decision
from stations.protocols.decision_document import DecisionDocuments
from stations.protocols.mqtt_client import MqttSettings, Presence, Topic
from stations.protocols.mqtt_link import Link, links, take_link

FIELDS = ("station", "part_id", "outcome")


def _fills(template: str) -> str:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"is no template: {error}") from error
    for _, name, spec, conversion in parts:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise ValueError(f"has no field '{name}' to fill, use {', '.join(FIELDS)}")
    return template


Template = Annotated[Topic, AfterValidator(_fills)]


class MqttSinkSettings(MqttSettings):
    topic: Template = Field(
        default="line-inspector/{station}/verdict", description="a topic with the fields {station}, {part_id}, {outcome}"
    )
    status_topic: Template | None = Field(
        default="line-inspector/{station}/status", description="where `online` or, if the station is gone, `offline` stands; null for none"
    )
    retain: bool = Field(default=False, description="let the broker keep the last verdict for those who come later")
    timeout_s: float = Field(default=0.3, gt=0, le=5, description="a verdict that the broker has not taken by then has failed")


class MqttSink(VerdictSink):
    """A JSON object a verdict, at least once (QoS 1): one that came twice has the same `sequence`.

    After a failure the next verdict connects anew; the one that could not be sent is not sent late.
    """

    Settings: ClassVar[type[drivers.Settings]] = MqttSinkSettings

    def __init__(self, settings: MqttSinkSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._link: Link | None = None
        self._documents = DecisionDocuments(self.channel, self.clock)
        self._one_at_a_time = threading.Lock()

    def open(self) -> None:
        with self._one_at_a_time:
            if self._link is None:
                topic = self.settings.status_topic
                presence = Presence(topic and topic.format(station=_segment(self.channel), part_id="", outcome=""))
                self._link = take_link(self.settings, self.channel, presence)
                self._documents = DecisionDocuments(self.channel, self.clock)

    def close(self) -> None:
        with self._one_at_a_time:
            link, self._link = self._link, None
            if link is not None:
                links.give_back(link)

    def send(self, decision: Decision) -> None:
        end_s = time.monotonic() + self.settings.timeout_s
        with self._one_at_a_time:
            if self._link is None:
                raise DriverError("is not open, call open() first", channel=self.channel)
            self._link.connect(self.channel, max(0.0, end_s - time.monotonic()))
            topic = self.settings.topic.format(station=_segment(self.channel), part_id=_segment(decision.part_id), outcome=decision.outcome)
            left_s = max(0.0, end_s - time.monotonic())
            self._link.publish(topic, self._documents.text(decision), self.settings.retain, left_s, self.channel)


def _segment(text: str) -> str:
    """Return the text as one level of a topic: a code reader may deliver anything."""
    return re.sub(r"[/+#\x00-\x1f\x7f]", "_", text) or "_"
