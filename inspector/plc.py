"""The process image that a station and a PLC share: plain values, whichever protocol carries them.

The PLC writes `PlcInputs` and reads `PlcOutputs`, each as one whole. Counters are unsigned and start again at 0 behind their largest
value: 16 bits wide unless the field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class PartOutcome(IntEnum):
    """What became of a part. Whatever is not `PASS` must not be let by."""

    NONE = 0
    PASS = 1
    FAIL = 2
    NOT_INSPECTED = 3
    """Nothing judged it in time: no picture, a fault, a restart, a verdict behind the deadline."""
    REVIEW = 4
    """It was judged, and the judge was not sure: a person must look at it."""


class FaultCode(IntEnum):
    """Why the station takes no parts until the PLC resets the fault."""

    NONE = 0
    PLC_SILENT = 1
    CHANNEL_LOST = 2
    ENCODER_JUMPED = 3


class RefusalCode(IntEnum):
    """Why a trigger was refused: the part is not inspected, and the station will never speak of it."""

    NONE = 0
    OFFLINE = 1
    NOT_JUDGING = 2
    FAULT = 3
    QUEUE_FULL = 4
    CHANGING_RECIPE = 5
    NO_PART_ID = 6
    CHANNEL_NOT_READY = 7


class LineStopCode(IntEnum):
    """Why the station asks for the line to be stopped."""

    NONE = 0
    FAILS_IN_A_ROW = 1
    REJECT_NOT_CONFIRMED = 2


class RecipeStatus(IntEnum):
    """How the change of recipe stands, as long as the PLC asks for it."""

    NONE = 0
    CHANGING = 1
    DONE = 2
    REFUSED_BUSY = 3
    REFUSED_UNKNOWN = 4
    FAILED = 5


@dataclass(frozen=True, slots=True)
class PlcInputs:
    """What the PLC says."""

    heartbeat: int = 0
    """Changes at least every 500 ms."""
    trigger: bool = False
    """Part `part_id` is in place. Stays until it is acknowledged or refused."""
    part_id: int = 0
    """32 bits; 0 is no part. The PLC must keep its count over its own restarts."""
    exposure_clear: bool = False
    result_ack: int = 0
    """The sequence number of the result that the PLC has taken."""
    fault_reset: bool = False
    """Its rising edge resets faults, line stop and overrun."""
    offline: bool = False
    golden: bool = False
    """Parts triggered now are test pieces: judged and logged, in no statistics."""
    recipe_change: bool = False
    recipe: int = 0
    encoder: int = 0
    """32 bits, counts of the belt."""
    confirm_count: int = 0
    """How many parts the sensor in the reject chute has seen."""


@dataclass(frozen=True, slots=True)
class PlcOutputs:
    """What the station says. The defaults are those of the start: not ready, and nothing may pass."""

    heartbeat: int = 0
    """Changes every 100 ms as long as the station works through its cycle."""
    session: int = 0
    """How often the station was started."""
    online: bool = False
    ready: bool = False
    busy: bool = False
    fault: bool = False
    fault_code: int = 0
    trigger_ack: bool = False
    trigger_refused: bool = False
    refuse_code: int = 0
    trigger_id: int = 0
    """32 bits; the part that `trigger_ack` or `trigger_refused` speaks of."""
    missed_triggers: int = 0
    exposure_done: bool = False
    exposed_id: int = 0
    """32 bits; the part that may move on."""
    result_valid: bool = False
    result_id: int = 0
    """32 bits."""
    result_sequence: int = 0
    result_outcome: int = 0
    result_kind_code: int = 0
    result_kind: str = ""
    result_score: int = 0
    """Probability that the part is defective, in 1/10000."""
    result_golden: bool = False
    results_waiting: int = 0
    """Results that are not yet acknowledged, the shown one among them."""
    overrun: bool = False
    """A trigger was refused because results were not fetched."""
    reject_armed: bool = True
    """Nothing may pass that has no `PASS` of its own; false only where the gate can follow `reject` alone."""
    reject: bool = False
    """The gate's pulse."""
    reject_id: int = 0
    """32 bits; the part that the gate was opened for last."""
    reject_overlaps: int = 0
    """Good parts that passed the gate while it was open for another one."""
    line_stop: bool = False
    line_stop_code: int = 0
    recipe: int = 0
    recipe_status: int = 0
    model_hash: str = ""
    """The first 16 hexadecimal digits of the model's SHA-256."""
    golden: bool = False
    plc_alive: bool = False
    parts: int = 0
    """32 bits; parts with an outcome since the start, without test pieces."""
    rejects: int = 0
    """32 bits; those of them that did not pass."""
