"""A PLC and a station over the real protocol, with lost messages, late verdicts and `kill -9` of either side: who got which outcome?

    python -m tests.bench.plc_soak --protocol modbus-plc [--parts 10000] [--rate 10] [--kills 40] [--seed 1] [--json report.json]

Three processes. The *station* is a real agent and line whose judge only takes its time, now and then more than the deadline; it writes
down each verdict and each decision. The *PLC* is a program as stations/PLC.md asks for: it keeps its part count and the outcomes that it
took in a file, loses acknowledgements and triggers, and polls fast. The *supervisor* kills both at random and compares what they wrote.
All stamps are of the one monotonic clock of this computer. Exit code 1: a rule was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inspector.plc import PartOutcome, PlcInputs

DEADLINE_MS = 200.0
POLL_S = 0.002
GIVE_UP_S = 1.0
"""After so long without an answer to its trigger the PLC rejects the part itself."""
GOOD_RATIO = 0.8


def outcome_of(seed: int, part_id: int) -> str:
    """What the judge will say of a part."""
    return "pass" if random.Random(f"{seed} {part_id}").random() < GOOD_RATIO else "fail"


def append(file: int, **facts: Any) -> None:
    os.write(file, (json.dumps(facts) + "\n").encode())


def lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines: a killed process may have left half of one."""
    found = []
    for line in path.read_text().split("\n")[:-1] if path.exists() else []:
        with suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


# --- the station


@dataclass
class Judged:
    record: Any
    verdict: Any
    timings_ms: dict[str, float] = field(default_factory=dict)


def run_station(arguments: argparse.Namespace) -> None:
    from inspector.config import Station
    from inspector.parts import Inspection, ModelRef, PartRecord, Verdict
    from stations.agent import Agent
    from stations.command_actions import stopped_by_ctrl_c
    from stations.line import Line

    log = os.open(arguments.folder / "station.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    model = ModelRef("soak", "1", "5" * 64)
    chance = random.Random(time.monotonic_ns())
    station = Station.model_validate(station_of(arguments))
    agent = Agent(station)

    def judge(capture: Any) -> Judged:
        # mostly quick, sometimes near the deadline or behind it
        time.sleep(chance.choice([0.004] * 12 + [0.02] * 6 + [0.05] * 2) if chance.random() > 0.02 else chance.uniform(0.1, 0.4))
        part_id = int(capture.trigger.part_id)
        outcome = outcome_of(arguments.seed, part_id)
        append(log, judged=part_id, outcome=outcome, at_ns=time.monotonic_ns(), trigger_ns=capture.trigger.t_ns)
        record = PartRecord(capture.trigger, station.part_channels)
        return Judged(record, Verdict(outcome, 0.9 if outcome == "fail" else 0.1, 0.5, model))

    line = Line(agent, judge, lambda judged: Inspection(judged.record, judged.verdict), lambda _: None, model=model)
    assert agent.drivers.plc is not None
    agent.drivers.plc.model(model.sha256)
    tell = agent.drivers.plc.decided

    def told(decision: Any) -> None:
        append(log, told=int(decision.part_id), outcome=decision.outcome, inspected=decision.inspected, at_ns=time.monotonic_ns())
        tell(decision)

    agent.drivers.plc.decided = told  # type: ignore[method-assign]
    exchange, shown = agent.drivers.plc.link.exchange, -1

    def exchanged(outputs: Any) -> PlcInputs:
        nonlocal shown
        said = exchange(outputs)
        if outputs.result_valid and outputs.result_sequence != shown:
            shown = outputs.result_sequence
            append(log, readable=outputs.result_id, at_ns=time.monotonic_ns())
        return said

    agent.drivers.plc.link.exchange = exchanged  # type: ignore[method-assign]
    with agent, stopped_by_ctrl_c([agent]):
        line.run()


def station_of(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "station": "soak",
        "title": {"en": "Soak", "zh": "耐久"},
        "deadline_ms": DEADLINE_MS,
        "trigger": {"driver": "plc"},
        "channels": {
            "motor": {
                "modality": "series",
                "driver": "simulated-series",
                "settings": {"seed": 1, "interval_s": 0.5, "stream": "motor_current"},
                "unit": "A",
                "window": {"pre_s": 1},
            }
        },
        "plc": {"driver": arguments.protocol, "settings": {"port": arguments.port}, "journal": str(arguments.folder / "journal.jsonl")},
    }


# --- the PLC


class ModbusWire:
    def __init__(self, port: int) -> None:
        from pymodbus.client import ModbusTcpClient

        self._client = ModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0)
        if not self._client.connect():
            raise ConnectionError

    def read(self) -> dict[str, Any]:
        from stations.plc.image import OUTPUTS

        answer = self._client.read_holding_registers(OUTPUTS.first, count=OUTPUTS.registers, device_id=1)
        if answer.isError():
            raise ConnectionError(str(answer))
        return OUTPUTS.values(answer.registers)

    def write(self, inputs: PlcInputs) -> None:
        from stations.plc.image import INPUTS

        if self._client.write_registers(INPUTS.first, INPUTS.packed(inputs), device_id=1).isError():
            raise ConnectionError("write")

    def close(self) -> None:
        self._client.close()


class OpcuaWire:
    READ = (
        "heartbeat", "ready", "fault", "trigger_ack", "trigger_refused", "trigger_id", "refuse_code",
        "result_valid", "result_id", "result_sequence", "result_outcome", "session",
    )  # fmt: skip

    loop: Any = None
    """One for all connections of this process: each thread of its own would outlive its connection."""

    def __init__(self, port: int) -> None:
        from asyncua.sync import Client, ThreadLoop

        from stations.plc.opcua_nodes import NAMESPACE

        if OpcuaWire.loop is None:
            OpcuaWire.loop = ThreadLoop()
            OpcuaWire.loop.start()
        self._client = Client(f"opc.tcp://127.0.0.1:{port}/inspector", timeout=2, tloop=OpcuaWire.loop)
        self._client.connect()
        index = self._client.get_namespace_index(NAMESPACE)
        self._outputs = [self._client.get_node(f"ns={index};s=outputs.{name}") for name in self.READ]
        self._inputs = {name: self._client.get_node(f"ns={index};s=inputs.{name}") for name in PlcInputs.__dataclass_fields__}
        self._written: PlcInputs | None = None

    def read(self) -> dict[str, Any]:
        return dict(zip(self.READ, self._client.read_values(self._outputs), strict=True))

    def write(self, inputs: PlcInputs) -> None:
        from asyncua import ua

        from stations.plc.opcua_nodes import variant

        changed = [name for name in self._inputs if self._written is None or getattr(inputs, name) != getattr(self._written, name)]
        values = [ua.DataValue(variant(name, getattr(inputs, name), inputs=True)) for name in changed]
        self._client.write_values([self._inputs[name] for name in changed], values)
        self._written = inputs

    def close(self) -> None:
        self._client.disconnect()


class PlcProgram:
    """One scan after another: heartbeat, trigger, results. What it must not forget is in `plc.jsonl` before it is acted on."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.chance = random.Random(time.monotonic_ns())
        path = arguments.folder / "plc.jsonl"
        before = lines(path)
        self.log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.outcomes = {line["part"] for line in before if "part" in line}
        self.last_id = max((line["triggered"] for line in before if "triggered" in line), default=0)
        answered = {line[key] for line in before for key in ("accepted", "refused", "gave_up") if key in line}
        self.asking: int | None = self.last_id if self.last_id and self.last_id not in answered | self.outcomes else None
        self.open = {line["accepted"] for line in before if "accepted" in line} - self.outcomes
        self.inputs = PlcInputs()
        self.asked_s = self.next_s = time.monotonic()
        self.quiet_until_s = 0.0
        self.was_valid = True
        self.ack_of: int | None = None
        self.ack_at_s = 0.0
        self.beat_s = 0.0
        self.station_beat = (-1, 0.0)

    @property
    def done(self) -> bool:
        return self.last_id >= self.arguments.parts and self.asking is None and not self.open

    def run(self) -> None:
        wire: Any = None
        while not self.done:
            try:
                if wire is None:
                    wire = {"modbus-plc": ModbusWire, "opcua-plc": OpcuaWire}[self.arguments.protocol](self.arguments.port)
                    self.was_valid = True
                self.scan(wire)
            except Exception as error:  # noqa: BLE001  the station was killed: reject what waits for an answer, and call again
                append(self.log, wire=f"{type(error).__name__}: {error}")
                with suppress(Exception):
                    wire.close()
                wire = None
                self.give_up_asking()
                time.sleep(0.05)
            time.sleep(POLL_S)
        append(self.log, done=True)

    def scan(self, wire: Any) -> None:
        shown = wire.read()
        now_s = time.monotonic()
        before = self.inputs
        if shown["heartbeat"] != self.station_beat[0]:
            self.station_beat = (shown["heartbeat"], now_s)
        if now_s - self.beat_s > 0.1:
            self.beat_s = now_s
            beat = (self.inputs.heartbeat + 1) & 0xFFFF
            self.inputs = replace(self.inputs, heartbeat=beat, fault_reset=shown["fault"] and not self.inputs.fault_reset)
        self.take_answer(shown)
        self.ask(shown, now_s)
        self.take_result(shown, now_s)
        if self.inputs != before and now_s > self.quiet_until_s:
            wire.write(self.inputs)
        elif self.inputs != before:
            self.inputs = replace(self.inputs, heartbeat=before.heartbeat)  # lost on the way: said again in the next scan
            wire.write(before)
        if self.chance.random() < 0.002:
            self.quiet_until_s = now_s + self.chance.uniform(0.0, 0.3)

    def take_answer(self, shown: dict[str, Any]) -> None:
        if self.asking is None or shown["trigger_id"] != self.asking or not (shown["trigger_ack"] or shown["trigger_refused"]):
            return
        if shown["trigger_ack"]:
            append(self.log, accepted=self.asking)
            self.open |= {self.asking} - self.outcomes
        else:
            append(self.log, refused=self.asking, code=shown["refuse_code"])
            self.decide(self.asking, "rejected: trigger refused")
        self.asking = None
        self.inputs = replace(self.inputs, trigger=False)

    def ask(self, shown: dict[str, Any], now_s: float) -> None:
        if self.asking is not None:
            self.inputs = replace(self.inputs, trigger=True, part_id=self.asking)
            if now_s - self.asked_s > GIVE_UP_S:
                self.give_up_asking()
        elif self.is_due(shown, now_s):
            self.last_id += 1
            self.next_s = max(self.next_s + 1 / self.arguments.rate, now_s - 1)
            append(self.log, triggered=self.last_id, at_ns=time.monotonic_ns())
            self.asking, self.asked_s = self.last_id, now_s
            self.inputs = replace(self.inputs, trigger=True, part_id=self.last_id)

    def is_due(self, shown: dict[str, Any], now_s: float) -> bool:
        """A line that waits until the station is ready; now and then a part comes all the same."""
        if now_s < self.next_s or self.last_id >= self.arguments.parts or shown["trigger_ack"] or shown["trigger_refused"]:
            return False
        return shown["ready"] or self.chance.random() < 0.001

    def give_up_asking(self) -> None:
        if self.asking is not None and time.monotonic() - self.asked_s > GIVE_UP_S:
            append(self.log, gave_up=self.asking)
            self.decide(self.asking, "rejected: no answer to the trigger")
            self.asking = None
            self.inputs = replace(self.inputs, trigger=False)

    def take_result(self, shown: dict[str, Any], now_s: float) -> None:
        """Keep the outcome, then acknowledge: at once, late, or as if the acknowledgement were lost for a while."""
        valid = shown["result_valid"]
        if valid and self.ack_of != shown["result_sequence"]:
            self.ack_of = shown["result_sequence"]
            part_id, outcome = shown["result_id"], PartOutcome(shown["result_outcome"]).name
            append(self.log, shown=part_id, outcome=outcome, clean=not self.was_valid, at_ns=time.monotonic_ns())
            if part_id not in self.outcomes:
                self.decide(part_id, outcome)
            self.ack_at_s = now_s + (self.chance.uniform(0.2, 0.8) if self.chance.random() < 0.02 else self.chance.choice([0, 0, 0.01]))
        if valid and now_s >= self.ack_at_s:
            self.inputs = replace(self.inputs, result_ack=shown["result_sequence"])
        self.was_valid = valid

    def decide(self, part_id: int, outcome: str) -> None:
        append(self.log, part=part_id, outcome=outcome)
        self.outcomes.add(part_id)
        self.open.discard(part_id)


# --- the supervisor


class Process:
    """A role that is started again after each kill."""

    def __init__(self, role: str, arguments: argparse.Namespace) -> None:
        self.role, self.arguments, self.kills = role, arguments, 0
        self.start()

    def start(self) -> None:
        a = self.arguments
        command = [sys.executable, "-m", "tests.bench.plc_soak", "--role", self.role, "--folder", str(a.folder), "--port", str(a.port)]
        command += ["--protocol", a.protocol, "--parts", str(a.parts), "--rate", str(a.rate), "--seed", str(a.seed)]
        self.output = (a.folder / f"{self.role}.log").open("a")
        self.process = subprocess.Popen(command, stdout=self.output, stderr=self.output)

    def kill(self, away_s: float) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()
        self.kills += 1
        time.sleep(away_s)
        self.start()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


def supervise(arguments: argparse.Namespace) -> dict[str, Any]:
    chance = random.Random(arguments.seed)
    began_s = time.monotonic()
    running = arguments.parts / arguments.rate
    station = Process("station", arguments)
    while not _listens(arguments.port):
        if time.monotonic() - began_s > 60 or station.process.poll() is not None:
            station.stop()
            raise SystemExit(f"the station does not start: {(arguments.folder / 'station.log').read_text()[-2000:]}")
        time.sleep(0.1)
    plc = Process("plc", arguments)
    kills = sorted((chance.uniform(0.1, 0.9) * running, chance.choice(["station", "plc", "both"])) for _ in range(arguments.kills))
    start_s = time.monotonic()
    limit_s = start_s + 3 * running + 60 + 10 * arguments.kills
    try:
        while plc.process.poll() is None and time.monotonic() < limit_s:
            if kills and time.monotonic() - start_s > kills[0][0]:
                _, who = kills.pop(0)
                if who != "plc":
                    station.kill(0.0)
                if who != "station":
                    plc.kill(chance.choice([0.0, 0.3, 1.5]))
            time.sleep(0.05)
        finished = plc.process.poll() == 0
    finally:
        plc.stop()
        station.stop()
    report = examine(arguments) | {"finished": finished, "station_kills": station.kills, "plc_kills": plc.kills}
    return report | {"seconds": round(time.monotonic() - start_s, 1), "ok": finished and not report["broken"]}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def examine(arguments: argparse.Namespace) -> dict[str, Any]:
    """Compare what the station judged and told with what the PLC was shown and took."""
    station, plc = lines(arguments.folder / "station.jsonl"), lines(arguments.folder / "plc.jsonl")
    judged: dict[int, list[dict[str, Any]]] = {}
    for line in station:
        if "judged" in line:
            judged.setdefault(line["judged"], []).append(line)
    due_ns = round((DEADLINE_MS + 20) * 1e6)
    in_time = {
        (part, told["outcome"]) for part, all_told in judged.items() for told in all_told if told["at_ns"] <= told["trigger_ns"] + due_ns
    }
    taken: dict[int, list[str]] = {}
    shown: dict[int, set[str]] = {}
    for line in plc:
        if "part" in line:
            taken.setdefault(line["part"], []).append(line["outcome"])
        if "shown" in line:
            shown.setdefault(line["shown"], set()).add(line["outcome"])
    accepted = {line["accepted"] for line in plc if "accepted" in line}
    triggered = {line["triggered"] for line in plc if "triggered" in line}
    broken = [f"part {part}: {len(taken.get(part, []))} outcomes" for part in triggered if len(taken.get(part, [])) != 1]
    broken += [f"part {part}: accepted, but shown no result" for part in sorted(accepted - set(shown))]
    broken += [f"part {part}: shown as {sorted(outcomes)}" for part, outcomes in shown.items() if len(outcomes) != 1]
    broken += [f"part {part}: judged {len(all_told)} times" for part, all_told in judged.items() if len(all_told) != 1]
    for part, outcomes in shown.items():
        for outcome in outcomes & {"PASS", "FAIL", "REVIEW"}:
            if (part, outcome.lower()) not in in_time:
                broken.append(f"part {part}: {outcome} without such a verdict in time")
    late = [part for part, all_told in judged.items() if all_told[0]["at_ns"] > all_told[0]["trigger_ns"] + round(DEADLINE_MS * 1e6)]
    acted = [part for part in late if shown.get(part, set()) & {"PASS", "FAIL"} and (part, outcome_of(arguments.seed, part)) not in in_time]
    return {
        "protocol": arguments.protocol,
        "parts": len(triggered),
        "accepted": len(accepted),
        "outcomes": dict(Counter(outcome for outcomes in taken.values() for outcome in outcomes)),
        "late_verdicts": len(late),
        "late_verdicts_acted_on": len(acted),
        "duplicate_shows": sum("shown" in line for line in plc) - len(shown),
        "wire_breaks": sum("wire" in line for line in plc),
        "verdict_to_wire_ms": _latencies(
            station, plc, {line["readable"]: line["at_ns"] for line in reversed(station) if "readable" in line}
        ),
        "verdict_to_plc_ms": _latencies(station, plc, {line["shown"]: line["at_ns"] for line in plc if "shown" in line}),
        "broken": broken[:20],
    }


def _latencies(station: list[dict[str, Any]], plc: list[dict[str, Any]], reached_ns: dict[int, int]) -> dict[str, Any]:
    """From the decision until it can be read (the wire), or until the PLC, which polls every 2 ms, has read it.

    Counted are verdicts that found no older result before them, while the PLC was there.
    """
    told_ns = {line["told"]: line["at_ns"] for line in station if "told" in line}
    clean = [line["shown"] for line in plc if "shown" in line and line["clean"] and line["outcome"] in ("PASS", "FAIL")]
    waits_ms = sorted((reached_ns[part] - told_ns[part]) / 1e6 for part in clean if part in told_ns and part in reached_ns)
    if not waits_ms:
        return {}
    at = {
        name: round(waits_ms[min(len(waits_ms) - 1, int(q * len(waits_ms)))], 2) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return {"parts": len(waits_ms), **at, "max": round(waits_ms[-1], 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=["modbus-plc", "opcua-plc"], default="modbus-plc")
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=10.0, help="parts a second")
    parser.add_argument("--kills", type=int, default=40, help="how often the station, the PLC or both are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int)
    parser.add_argument("--folder", type=Path, help="where the logs are kept; a temporary folder by default")
    parser.add_argument("--json", type=Path, help="where the report goes besides the screen")
    parser.add_argument("--role", choices=["supervisor", "station", "plc"], default="supervisor", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "station":
        run_station(arguments)
        return 0
    if arguments.role == "plc":
        PlcProgram(arguments).run()
        os._exit(0)  # all is written; what a broken connection left behind must not hold the process
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        arguments.folder = arguments.folder or Path(folder)
        if arguments.port is None:
            free.bind(("127.0.0.1", 0))
            arguments.port = free.getsockname()[1]
            free.close()
        report = supervise(arguments)
    print(json.dumps(report, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
