"""Verdicts into nodes of an OPC UA server: a PLC's data block, a line's control."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.drivers import VerdictSink
from inspector.errors import DriverError
from inspector.parts import Decision, Outcome
from stations.protocols.opcua_link import Link, links, node_id, take_link
from stations.protocols.opcua_security import NodeText, OpcuaSettings

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client

CODES: dict[Outcome, int] = {"pass": 1, "fail": 2, "review": 3}
"""The outcome in a node of numbers; 0 is left for a PLC that clears it."""
PREPARE_S = 4.0


class OpcuaSinkSettings(OpcuaSettings):
    outcome: NodeText = Field(description="text: pass, fail, review; a number: 1, 2, 3; a bit: whether the part passed")
    part_id: NodeText | None = Field(default=None, description="text: which part")
    score: NodeText | None = Field(default=None, description="a number: probability that the part is defective")
    kind: NodeText | None = Field(default=None, description="text: kind of the first defect, empty where there is none")
    inspected: NodeText | None = Field(default=None, description="a bit: False where nothing judged the part")
    sequence: NodeText | None = Field(default=None, description="a number that is one more with each verdict, written after all others")
    timeout_s: float = Field(default=0.3, gt=0, le=5, description="a verdict that is not written by then has failed")


NODES = ("outcome", "part_id", "score", "kind", "inspected")


class OpcuaSink(VerdictSink):
    """All values of a verdict in one write, then the sequence number: who sees it change finds the rest complete.

    After a failure the next verdict connects anew; the one that could not be written is not written late.
    """

    Settings: ClassVar[type[drivers.Settings]] = OpcuaSinkSettings

    def __init__(self, settings: OpcuaSinkSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._link: Link | None = None
        self._targets: _Targets | None = None
        self._one_at_a_time = threading.Lock()

    def open(self) -> None:
        with self._one_at_a_time:
            if self._link is not None:
                return
            self._link = take_link(self.settings, self.channel)
            try:
                self._targets = self._link.run(self._prepare, PREPARE_S, self.channel)
            except DriverError:
                self._let_go()
                raise

    def close(self) -> None:
        with self._one_at_a_time:
            self._let_go()

    def send(self, decision: Decision) -> None:
        end_s = time.monotonic() + self.settings.timeout_s
        with self._one_at_a_time:
            link = self._link
            if link is None:
                raise DriverError("is not open, call open() first", channel=self.channel)
            try:
                if self._targets is None:
                    link.connect(self.channel, _left_s(end_s))
                    self._targets = link.run(self._prepare, _left_s(end_s), self.channel)
                targets = self._targets
                link.run(lambda client: targets.write(client, decision), _left_s(end_s), self.channel)
            except DriverError:
                self._targets = None
                raise

    def _let_go(self) -> None:
        link, self._link = self._link, None
        self._targets = None
        if link is not None:
            links.give_back(link)

    async def _prepare(self, client: Client) -> _Targets:
        settings: OpcuaSinkSettings = self.settings
        nodes = {name: text for name in (*NODES, "sequence") if (text := getattr(settings, name)) is not None}
        targets = _Targets()
        for name, text in nodes.items():
            node = client.get_node(await node_id(client, text))
            kind = await node.read_data_type_as_variant_type()
            if kind.name not in _kinds(name):
                raise DriverError(f"{text}: is of type {kind.name}, which cannot hold the {name}, use one of {', '.join(_kinds(name))}")
            targets.nodes[name] = (node.nodeid, kind)
            if name == "sequence":
                targets.sequence = int(await node.read_value() or 0)
        return targets


class _Targets:
    """The nodes of a verdict as the server has them."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[ua.NodeId, ua.VariantType]] = {}
        self.sequence = 0

    async def write(self, client: Client, decision: Decision) -> None:
        await self._write(client, {name: self._value(name, decision) for name in self.nodes if name != "sequence"})
        if "sequence" in self.nodes:
            self.sequence = (self.sequence + 1) & _BITS[self.nodes["sequence"][1].name]
            await self._write(client, {"sequence": self.sequence})

    async def _write(self, client: Client, values: dict[str, Any]) -> None:
        from asyncua import ua

        nodes = [self.nodes[name][0] for name in values]
        variants = [ua.DataValue(ua.Variant(value, self.nodes[name][1])) for name, value in values.items()]
        for name, status in zip(values, await client.uaclient.session.write_attributes(nodes, variants), strict=True):
            if not status.is_good():
                raise DriverError(f"the server does not take the {name} ({status.name}), give this user the right to write it")

    def _value(self, name: str, decision: Decision) -> Any:
        if name == "outcome":
            kind = self.nodes[name][1].name
            return decision.outcome if kind == "String" else decision.outcome == "pass" if kind == "Boolean" else CODES[decision.outcome]
        return {"part_id": decision.part_id, "score": decision.score, "kind": decision.kind or "", "inspected": decision.inspected}[name]


_BITS = {
    "Byte": 0xFF,
    "SByte": 0x7F,
    "UInt16": 0xFFFF,
    "Int16": 0x7FFF,
    "UInt32": 0xFFFF_FFFF,
    "Int32": 0x7FFF_FFFF,
    "UInt64": 0xFFFF_FFFF_FFFF_FFFF,
    "Int64": 0x7FFF_FFFF_FFFF_FFFF,
}
"""Types of whole numbers, and after which a count begins anew."""


def _kinds(name: str) -> tuple[str, ...]:
    """Return the types of nodes that can hold a part of the verdict."""
    return {
        "outcome": ("String", "Boolean", *_BITS),
        "score": ("Float", "Double"),
        "inspected": ("Boolean",),
        "sequence": tuple(_BITS),
    }.get(name, ("String",))


def _left_s(end_s: float) -> float:
    return max(0.0, end_s - time.monotonic())
