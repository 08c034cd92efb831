"""The process image as plain nodes of OPC UA: one variable a value, in two folders, `inputs` for the PLC to write and `outputs` to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.plc import PlcInputs, PlcOutputs
from stations.plc.image import INPUTS, OUTPUTS

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.server.server import Server

NAMESPACE = "urn:line-inspector:plc"
"""Namespace of the nodes; their ids are the texts `inputs.<name>` and `outputs.<name>`."""

_TYPES = {"bit": "Boolean", "u16": "UInt16", "u32": "UInt32", "text": "String", "hex": "String"}
TYPE_OF = {
    "inputs": {place.name: _TYPES[place.kind] for place in INPUTS.places},
    "outputs": {place.name: _TYPES[place.kind] for place in OUTPUTS.places},
}
"""Folder -> name -> built-in type of OPC UA."""


def variant(name: str, value: Any, *, inputs: bool) -> ua.Variant:
    """Return a value of the image in the type of its node."""
    from asyncua import ua

    kind = TYPE_OF["inputs" if inputs else "outputs"][name]
    plain = int(value) if kind.startswith("UInt") else value
    return ua.Variant(plain, getattr(ua.VariantType, kind))


def node_id(identifier: str | int, namespace: int) -> ua.NodeId:
    """Return a node id; the package's own types for its parts are no plain ones."""
    from asyncua import ua

    plain: Any = ua.NodeId
    made: ua.NodeId = plain(identifier, namespace)
    return made


class PlainNodes:
    """The nodes of one server; call everything on the server's own thread."""

    def __init__(self, server: Server, index: int) -> None:
        self._server = server
        self._index = index
        self._ids: dict[str, ua.NodeId] = {}
        self._shown = PlcOutputs()

    async def build(self) -> None:
        """Add folders and variables, with the values of the start."""
        from asyncua import ua

        objects = self._server.nodes.objects
        folder = await objects.add_object(node_id("plc", self._index), ua.QualifiedName("PLC", self._index))
        for side, image in (("inputs", PlcInputs()), ("outputs", PlcOutputs())):
            part = await folder.add_folder(node_id(side, self._index), ua.QualifiedName(side, self._index))
            for name in TYPE_OF[side]:
                place = node_id(f"{side}.{name}", self._index)
                start = variant(name, getattr(image, name), inputs=side == "inputs")
                node = await part.add_variable(place, ua.QualifiedName(name, self._index), start)
                if side == "inputs":
                    await node.set_writable()
                self._ids[f"{side}.{name}"] = place

    async def show(self, outputs: PlcOutputs) -> None:
        """Write what has changed; nobody sees a half of it, as all of it happens in one turn of the server."""
        from asyncua import ua

        for name in TYPE_OF["outputs"]:
            value = getattr(outputs, name)
            if value != getattr(self._shown, name):
                await self._server.write_attribute_value(self._ids[f"outputs.{name}"], ua.DataValue(variant(name, value, inputs=False)))
        self._shown = outputs

    def said(self) -> PlcInputs:
        """Return what the PLC has written."""
        values = {name: self._server.read_attribute_value(self._ids[f"inputs.{name}"]).Value for name in TYPE_OF["inputs"]}
        return PlcInputs(**{name: value.Value for name, value in values.items() if value is not None and value.Value is not None})
