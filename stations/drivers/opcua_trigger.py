"""Parts announced by a bit or a counter in an OPC UA server."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.errors import DriverError
from inspector.parts import Trigger
from stations.protocols.opcua_link import Followed, node_id
from stations.protocols.opcua_security import NodeText, OpcuaSettings
from stations.protocols.opcua_subscription import Reading, Report

if TYPE_CHECKING:
    from asyncua.client.client import Client

log = logging.getLogger(__name__)

QUEUE_SIZE = 100
ANSWER_S = 0.5
"""A server that takes longer to tell a part's id, or to take an acknowledge, does not hold up the part."""


class OpcuaTriggerSettings(OpcuaSettings):
    node: NodeText = Field(description="the bit or the counter")
    on: Literal["rising", "falling", "change"] = Field(default="rising", description="edge of a bit; change of a counter")
    interval_ms: float = Field(default=20.0, ge=1, le=10_000, description="how often the server looks at it; shorter pulses may be missed")
    part_id_node: NodeText | None = Field(default=None, description="where the part's id is found as soon as the trigger is seen")
    acknowledge_node: NodeText | None = Field(
        default=None, description="a bit that is set when a part was taken and reset with the trigger's; for a counter the last count taken"
    )
    prefix: str = Field(default="part-", min_length=1, description="what part ids begin with, where the server gives none")

    @model_validator(mode="after")
    def _acknowledges_what_can_be(self) -> Self:
        if self.on == "falling" and self.acknowledge_node is not None:
            raise ValueError("acknowledge_node needs on: rising or change")
        return self


class OpcuaTrigger(TriggerSource):
    """A part for each edge, or each change of a counter, at the instant at which the server saw it.

    The instant is the report's arrival less the age that the change had when the server sent it, so that the server's clock need not be
    right. A bit that is set when the connection is made is no part, since nobody knows when it was set; only where parts are acknowledged
    and this one is not, it is one that still waits.

    Attributes:
        missed: parts that a counter counted and nobody saw one by one, while the connection was down as well.
    """

    Settings: ClassVar[type[drivers.Settings]] = OpcuaTriggerSettings

    def __init__(self, settings: OpcuaTriggerSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.missed = 0
        self._followed: Followed | None = None
        self._level: Any = None
        self._counted: Any = None
        self._count = 0
        self._last_ns = 0
        self._waiting: deque[Trigger] = deque()

    def open(self) -> None:
        if self._followed is None:
            settings: OpcuaTriggerSettings = self.settings
            self._level = None
            self._followed = Followed(settings, settings.node, settings.interval_ms, QUEUE_SIZE, self.clock, self.channel)

    def close(self) -> None:
        followed, self._followed = self._followed, None
        if followed is not None:
            followed.close()

    def wait(self, timeout_s: float) -> Trigger | None:
        if self._followed is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while not self._waiting:
            report = self._followed.next(max(0.0, end_s - time.monotonic()))
            if report is None:
                return None
            for reading in report.readings:
                self._look(reading, report)
            if time.monotonic() >= end_s:
                break
        return self._waiting.popleft() if self._waiting else None

    def _look(self, reading: Reading, report: Report) -> None:
        before, self._level = self._level, reading.value if reading.is_good else None
        if self._level is None:
            return
        if before is None:
            taken = self._is_left_waiting()
            self._note_missed(int(taken))
            if taken:
                self._take(report.arrived_ns)
        elif self._is_part(before):
            self._note_missed(1)
            self._take(report.arrived_ns - max(0, report.published_ns - reading.t_ns))
        elif self.settings.on == "rising" and not self._level:
            self._acknowledge(False)
        self._counted = self._level

    def _note_missed(self, taken: int) -> None:
        if self.settings.on != "change" or not (isinstance(self._counted, int) and isinstance(self._level, int)):
            return
        missed = self._level - self._counted - taken
        if missed > 0:
            self.missed += missed
            log.warning("%s: the counter went from %s to %s: parts were missed", self.channel, self._counted, self._level)

    def _is_part(self, before: Any) -> bool:
        if self.settings.on == "change":
            return bool(self._level != before)
        return bool(self._level) != bool(before) and bool(self._level) == (self.settings.on == "rising")

    def _is_left_waiting(self) -> bool:
        settings: OpcuaTriggerSettings = self.settings
        if settings.acknowledge_node is None or (settings.on == "rising" and not self._level):
            return False
        return bool(self._read(settings.acknowledge_node) != self._level)

    def _take(self, t_ns: int) -> None:
        self._count += 1
        self._last_ns = max(t_ns, self._last_ns + 1)
        self._waiting.append(Trigger(self.channel, self._part_id(), self._last_ns))
        self._acknowledge(self._level)

    def _part_id(self) -> str:
        number = self._level if self.settings.on == "change" else self._count
        own = f"{self.settings.prefix}{number:06d}" if isinstance(number, int) else f"{self.settings.prefix}{number}"
        if self.settings.part_id_node is None:
            return own
        told = self._read(self.settings.part_id_node)
        if told is None or not str(told).strip():
            log.warning("%s: %s gives no part id, the part is called %s", self.channel, self.settings.part_id_node, own)
            return own
        return str(told).strip()

    def _read(self, node: str) -> Any:
        """Return a node's present value, None where it has none. A failure is the connection's, which `wait` tells next."""

        async def read(client: Client) -> Any:
            value = await client.get_node(await node_id(client, node)).read_data_value(raise_on_bad_status=False)
            return value.Value.Value if (value.StatusCode is None or value.StatusCode.is_good()) and value.Value is not None else None

        return self._answer(node, read)

    def _acknowledge(self, level: Any) -> None:
        node = self.settings.acknowledge_node
        if node is None:
            return

        async def write(client: Client) -> None:
            from asyncua import ua

            target = client.get_node(await node_id(client, node))
            kind = await target.read_data_type_as_variant_type()
            await target.write_value(ua.DataValue(ua.Variant(level, kind)))

        self._answer(node, write)

    def _answer(self, node: str, work: Any) -> Any:
        assert self._followed is not None
        try:
            return self._followed.link.run(work, ANSWER_S, self.channel)
        except DriverError as error:
            log.warning("%s (node %s)", error, node)
            return None
