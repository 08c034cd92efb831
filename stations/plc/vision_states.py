"""The states of OPC 40100-1, and what a client of the standard wants of the station."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from inspector.plc import PlcInputs, PlcOutputs

Mode = Literal["halted", "preoperational", "ready", "continuous"]
States = tuple[str, str | None]

TOP_STATES = {"Preoperational": 5028, "Halted": 5029, "Error": 5030, "Operational": 5031}
AUTOMATIC_STATES = {"Initialized": 5056, "Ready": 5057, "SingleExecution": 5058, "ContinuousExecution": 5059}
"""Numbers of the states in the nodeset: instances have no state objects of their own."""
PRODUCTIVE, STANDBY, UNSCHEDULED_DOWN, NOT_SCHEDULED = 1, 2, 5, 6
"""Of SystemStateDataType, which follows SEMI E10."""


@dataclass(slots=True)
class Wishes:
    """What a client asked for by methods, and how far the station has got with it."""

    mode: Mode = "continuous"
    reset: bool = False
    recipe: int | None = None

    def added_to(self, inputs: PlcInputs) -> PlcInputs:
        """Return what the PLC says together with the wishes."""
        return replace(
            inputs,
            offline=inputs.offline or self.mode != "continuous",
            fault_reset=inputs.fault_reset or self.reset,
            recipe_change=inputs.recipe_change or self.recipe is not None,
            recipe=inputs.recipe if self.recipe is None else self.recipe,
        )


def states_of(outputs: PlcOutputs, mode: Mode) -> States:
    """Return the state of the vision system, and in `Operational` that of the automatic mode."""
    if mode == "halted":
        return "Halted", None
    if outputs.fault:
        return "Error", None
    if mode == "preoperational" or (mode == "continuous" and not outputs.online):
        return "Preoperational", None
    return "Operational", "ContinuousExecution" if mode == "continuous" else "Ready"


def system_state_of(states: States) -> int:
    """Return the number of SystemStateDataType."""
    top, automatic = states
    words = {"Error": UNSCHEDULED_DOWN, "Halted": NOT_SCHEDULED, "Preoperational": STANDBY}
    return words.get(top, PRODUCTIVE if automatic == "ContinuousExecution" else STANDBY)
