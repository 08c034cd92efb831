"""The station as OPC 40100-1 (machine vision) describes one, so that a client that knows the standard finds state and results.

There is one VisionSystem with its state machine, recipe management and result management. What the station does not do (configuration
files, transfer of files, products, safety) is left out, as the standard allows. By itself the station goes through to
`ContinuousExecution`; a client may halt it, stop it and start it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inspector.home import shipped
from inspector.plc import PartOutcome, PlcOutputs, RecipeStatus
from stations.plc.opcua_nodes import node_id
from stations.plc.vision_states import AUTOMATIC_STATES, TOP_STATES, Mode, States, Wishes, states_of, system_state_of

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.common.node import Node
    from asyncua.server.server import Server

URI = "http://opcfoundation.org/UA/MachineVision"
NODESET = "data/opcua/Opc.Ua.MachineVision.NodeSet2.xml"
KEPT_RESULTS = 100
RECIPE_S = 60.0
"""How long a recipe may take to load before `PrepareRecipe` says that it is not complete."""

RESULT_READY_TYPE, ACQUISITION_DONE_TYPE = 1024, 1025
COMPLETED, FAILED = 1, 4
"""Of ResultStateDataType."""
OK, NOT_NOW, UNKNOWN = 0, -1, -2
"""What the methods answer; the standard leaves negative numbers to the station."""

LEFT_OUT = (
    "ConfigurationManagement",
    "SafetyStateManagement",
    "RecipeManagement/RecipeTransfer",
    "RecipeManagement/Products",
    "RecipeManagement/AddRecipe",
    "RecipeManagement/RemoveRecipe",
    "RecipeManagement/PrepareProduct",
    "RecipeManagement/UnprepareProduct",
    "RecipeManagement/UnprepareRecipe",
    "RecipeManagement/UnlinkProduct",
    "RecipeManagement/ReleaseRecipeHandle",
    "ResultManagement/ResultTransfer",
    "ResultManagement/GetResultComponentsById",
    "VisionStateMachine/ErrorStepModel",
    "VisionStateMachine/HaltedStepModel",
    "VisionStateMachine/PreoperationalStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/ContinuousExecutionStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/InitializedStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/ReadyStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/SingleExecutionStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/SimulationMode",
)


class MachineVision:
    """The vision system of one server; call everything on the server's own thread.

    Attributes:
        wishes: to be added to what the PLC says.
    """

    def __init__(self, server: Server, index: int, station: str) -> None:
        self.wishes = Wishes()
        self._server, self._index, self._station = server, index, station
        self._outputs = PlcOutputs()
        self._states: States = ("", None)
        self._results: deque[Any] = deque(maxlen=KEPT_RESULTS)
        self._job = 0
        self._standard = 0
        self._nodes: dict[str, Node] = {}
        self._events: dict[int, Any] = {}

    async def build(self) -> None:
        """Read the nodeset and make the vision system."""
        from asyncua import ua

        # asyncua keeps the nodeset's types by node id for the whole process: all servers must give it the same namespace index,
        # and they do, as each registers one namespace before it
        await self._server.import_xml(str(shipped(NODESET)))
        self._standard = await self._server.get_namespace_index(URI)
        system_type = await self._server.nodes.base_object_type.get_child([f"{self._standard}:VisionSystemType"])
        self._nodes[""] = await self._server.nodes.objects.add_object(
            node_id("VisionSystem", self._index),
            ua.QualifiedName("VisionSystem", self._index),
            objecttype=system_type.nodeid,
            instantiate_optional=True,
        )
        for path in LEFT_OUT:
            await self._hide(path)
        for kind in (RESULT_READY_TYPE, ACQUISITION_DONE_TYPE):
            self._events[kind] = await self._server.get_event_generator(node_id(kind, self._standard), self._nodes[""].nodeid)
        await self._link_methods()
        await self._show_states()

    async def show(self, outputs: PlcOutputs) -> None:
        """Follow what the PLC is shown."""
        before, self._outputs = self._outputs, outputs
        await self._show_states()
        if outputs.exposed_id != before.exposed_id:
            await self._tell(ACQUISITION_DONE_TYPE, f"part {outputs.exposed_id} is captured", JobId=self._job_id())
        if outputs.result_valid and outputs.result_sequence != before.result_sequence:
            await self._tell_result(outputs)

    # --- states

    async def _show_states(self) -> None:
        states = states_of(self._outputs, self.wishes.mode)
        if states == self._states:
            return
        self._states = states
        top, automatic = states
        await self._write_state("VisionStateMachine", top, TOP_STATES[top])
        number = AUTOMATIC_STATES[automatic] if automatic else None
        await self._write_state("VisionStateMachine/AutomaticModeStateMachine", automatic, number)
        await self._write_system_state(top, automatic)

    async def _write_state(self, machine: str, name: str | None, number: int | None) -> None:
        from asyncua import ua

        state = ua.NodeId() if number is None else node_id(number, self._standard)
        await (await self._node(f"{machine}/0:CurrentState")).write_value(ua.LocalizedText(name))
        await (await self._node(f"{machine}/0:CurrentState/0:Id")).write_value(ua.Variant(state, ua.VariantType.NodeId))

    async def _write_system_state(self, top: str, automatic: str | None) -> None:
        from asyncua import ua

        types: Any = ua  # the nodeset's own types are put there when it is read
        value = types.SystemStateDescriptionDataType(
            State=types.SystemStateDataType(system_state_of((top, automatic))), StateDescription=automatic or top
        )
        await (await self._node("SystemState")).write_value(ua.Variant(value, ua.VariantType.ExtensionObject))

    # --- results

    async def _tell_result(self, outputs: PlcOutputs) -> None:
        result = self._result(outputs)
        self._results.append(result)
        fields = {name: getattr(result, name) for name in RESULT_FIELDS}
        await self._tell(RESULT_READY_TYPE, f"part {outputs.result_id}: {PartOutcome(outputs.result_outcome).name}", **fields)

    def _result(self, outputs: PlcOutputs) -> Any:
        from asyncua import ua

        types: Any = ua  # the nodeset's own types are put there when it is read
        outcome = PartOutcome(outputs.result_outcome)
        text, real = ua.VariantType.String, ua.VariantType.Double
        return types.ResultDataType(
            ResultId=types.ResultIdDataType(Id=f"{outputs.session}.{outputs.result_sequence}"),
            IsPartial=False,
            IsSimulated=False,
            ResultState=FAILED if outcome is PartOutcome.NOT_INSPECTED else COMPLETED,
            PartId=types.PartIdDataType(Id=str(outputs.result_id)),
            InternalRecipeId=self._recipe_id(),
            InternalConfigurationId=types.ConfigurationIdDataType(Id=self._station),
            JobId=self._job_id(),
            CreationTime=datetime.now(UTC),
            ResultContent=[
                ua.Variant(outcome.name, text),
                ua.Variant(outputs.result_kind, text),
                ua.Variant(outputs.result_score / 10_000, real),
            ],
        )

    def _recipe_id(self) -> Any:
        from asyncua import ua

        types: Any = ua  # the nodeset's own types are put there when it is read
        digest = bytes.fromhex(self._outputs.model_hash)
        return types.RecipeIdInternalDataType(Id=str(self._outputs.recipe), Hash=digest, HashAlgorithm="SHA-256, first 8 bytes")

    def _job_id(self) -> Any:
        from asyncua import ua

        types: Any = ua  # the nodeset's own types are put there when it is read
        return types.JobIdDataType(Id=f"{self._outputs.session}.{self._job}")

    async def _tell(self, kind: int, message: str, **fields: Any) -> None:
        from asyncua import ua

        generator = self._events[kind]
        for name, value in fields.items():
            setattr(generator.event, name, value)
            generator.event.data_types[name] = RESULT_FIELDS[name](ua)
        await generator.trigger(message=message)

    # --- methods

    async def _link_methods(self) -> None:
        top, automatic = "VisionStateMachine", "VisionStateMachine/AutomaticModeStateMachine"
        methods: dict[str, Callable[..., Awaitable[Any]]] = {
            f"{top}/Halt": self._halt,
            f"{top}/Reset": self._reset,
            f"{top}/SelectModeAutomatic": self._select_mode_automatic,
            f"{top}/ConfirmAll": self._confirm_all,
            f"{automatic}/StartContinuous": self._start_continuous,
            f"{automatic}/StartSingleJob": self._start_single_job,
            f"{automatic}/Stop": self._stop,
            f"{automatic}/Abort": self._stop,
            "RecipeManagement/PrepareRecipe": self._prepare_recipe,
            "RecipeManagement/GetRecipeListFiltered": self._get_recipes,
            "ResultManagement/GetResultById": self._get_result,
            "ResultManagement/GetResultListFiltered": self._get_results,
            "ResultManagement/ReleaseResultHandle": self._release,
        }
        for path, method in methods.items():
            self._server.link_method(await self._node(path), method)

    async def _halt(self, *_: Any) -> list[ua.Variant]:
        return await self._go("halted")

    async def _reset(self, *_: Any) -> list[ua.Variant]:
        """Out of a halt to preoperational; out of an error back to work, once its cause is gone."""
        await self._reset_fault()
        return await self._go("preoperational") if self.wishes.mode == "halted" else _error(OK)

    async def _confirm_all(self, *_: Any) -> list[ua.Variant]:
        await self._reset_fault()
        return []

    async def _select_mode_automatic(self, *_: Any) -> list[ua.Variant]:
        return await self._go("ready") if self.wishes.mode == "preoperational" else _error(NOT_NOW)

    async def _start_continuous(self, *_: Any) -> list[ua.Variant]:
        if self.wishes.mode != "ready":
            return [_structure(self._job_id()), *_error(NOT_NOW)]
        self._job += 1
        return [_structure(self._job_id()), *await self._go("continuous")]

    async def _start_single_job(self, *_: Any) -> list[ua.Variant]:
        """Parts come from the PLC's triggers only."""
        return [_structure(self._job_id()), *_error(NOT_NOW)]

    async def _stop(self, *_: Any) -> list[ua.Variant]:
        return await self._go("ready") if self.wishes.mode == "continuous" else _error(NOT_NOW)

    async def _go(self, mode: Mode) -> list[ua.Variant]:
        self.wishes.mode = mode
        await self._show_states()
        return _error(OK)

    async def _reset_fault(self) -> None:
        """Raise the reset for as long as the station needs to see it."""
        self.wishes.reset = True
        await asyncio.sleep(0.05)
        self.wishes.reset = False
        await asyncio.sleep(0.05)

    async def _prepare_recipe(self, _parent: Any, external: ua.Variant, internal: ua.Variant) -> list[ua.Variant]:
        wanted = next((text for text in (getattr(v.Value, "Id", None) for v in (external, internal)) if text), "")
        if not wanted.isdecimal() or self.wishes.recipe is not None:
            return self._prepared(complete=False, error=NOT_NOW if self.wishes.recipe is not None else UNKNOWN)
        self.wishes.recipe = int(wanted)
        try:
            status = await self._recipe_answer()
        finally:
            self.wishes.recipe = None
        errors = {RecipeStatus.DONE: OK, RecipeStatus.REFUSED_UNKNOWN: UNKNOWN}
        return self._prepared(complete=status is RecipeStatus.DONE, error=errors.get(status, NOT_NOW))

    async def _recipe_answer(self) -> RecipeStatus:
        for _ in range(round(RECIPE_S / 0.01)):
            status = RecipeStatus(self._outputs.recipe_status)
            if status not in (RecipeStatus.NONE, RecipeStatus.CHANGING):
                return status
            await asyncio.sleep(0.01)
        return RecipeStatus.CHANGING

    def _prepared(self, *, complete: bool, error: int) -> list[ua.Variant]:
        from asyncua import ua

        return [_structure(self._recipe_id()), ua.Variant(complete, ua.VariantType.Boolean), *_error(error)]

    async def _get_recipes(self, *_: Any) -> list[ua.Variant]:
        """The recipe that is loaded."""
        return _listed([self._recipe_id()], complete=True)

    async def _get_result(self, _parent: Any, result_id: ua.Variant, _timeout: ua.Variant) -> list[ua.Variant]:
        from asyncua import ua

        found = next((result for result in self._results if result.ResultId.Id == result_id.Value.Id), None)
        handle = ua.Variant(0, ua.VariantType.UInt32)
        return [handle, ua.Variant(None) if found is None else _structure(found), *_error(UNKNOWN if found is None else OK)]

    async def _get_results(self, _parent: Any, *asked: ua.Variant) -> list[ua.Variant]:
        """Filter by state (0 is any) and part; the other filters must be empty or are those of this station anyway."""
        state, part = asked[0].Value, getattr(asked[2].Value, "Id", None)
        most, first = asked[9].Value or KEPT_RESULTS, asked[10].Value or 0
        found = [r for r in self._results if (not state or r.ResultState == state) and (not part or r.PartId.Id == part)]
        chosen = found[first : first + most]
        return _listed(chosen, complete=first + len(chosen) == len(found))

    async def _release(self, *_: Any) -> list[ua.Variant]:
        """Results need no handle here."""
        return _error(OK)

    # --- nodes

    async def _node(self, path: str) -> Node:
        """Return a node below the vision system; names are the standard's unless they say 0: for those of OPC UA itself."""
        if path not in self._nodes:
            names = [name if ":" in name else f"{self._standard}:{name}" for name in path.split("/")]
            self._nodes[path] = await self._nodes[""].get_child(names)
        return self._nodes[path]

    async def _hide(self, path: str) -> None:
        """Take a node out of sight; to delete it would search all nodes for references, some seconds for what is left out here."""
        from asyncua.ua.object_ids import ObjectIds

        parent, _, _ = path.rpartition("/")
        await (await self._node(parent)).delete_reference(await self._node(path), ObjectIds.HasComponent)


def _structure_type(ua: Any) -> Any:
    return ua.VariantType.ExtensionObject


RESULT_FIELDS: dict[str, Callable[[Any], Any]] = {
    "ResultId": _structure_type,
    "IsPartial": lambda ua: ua.VariantType.Boolean,
    "IsSimulated": lambda ua: ua.VariantType.Boolean,
    "ResultState": lambda ua: ua.VariantType.Int32,
    "PartId": _structure_type,
    "InternalRecipeId": _structure_type,
    "InternalConfigurationId": _structure_type,
    "JobId": _structure_type,
    "CreationTime": lambda ua: ua.VariantType.DateTime,
    "ResultContent": lambda ua: ua.VariantType.Variant,
}
"""Fields of the events, and their types."""


def _structure(value: Any) -> ua.Variant:
    from asyncua import ua

    return ua.Variant(value, ua.VariantType.ExtensionObject)


def _error(number: int) -> list[ua.Variant]:
    from asyncua import ua

    return [ua.Variant(number, ua.VariantType.Int32)]


def _listed(found: list[Any], *, complete: bool) -> list[ua.Variant]:
    from asyncua import ua

    count = ua.Variant(len(found), ua.VariantType.UInt32)
    structures = ua.Variant(found, ua.VariantType.ExtensionObject, is_array=True)
    return [ua.Variant(complete, ua.VariantType.Boolean), count, ua.Variant(0, ua.VariantType.UInt32), structures, *_error(OK)]
