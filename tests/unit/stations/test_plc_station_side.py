"""A real agent and line with a PLC behind Modbus TCP; the PLC's program is played by hand."""

import socket
import time
from dataclasses import dataclass, field, replace

import pytest

from inspector.config import PlcConfig, Station, validated
from inspector.errors import ConfigError, DriverError
from inspector.parts import Inspection, ModelRef, PartRecord, Verdict
from inspector.plc import FaultCode, PartOutcome, PlcInputs, RecipeStatus, RefusalCode
from stations.agent import Agent
from stations.devices import build_drivers
from stations.line import Line
from stations.plc.image import INPUTS, OUTPUTS
from stations.plc.journal import Journal
from stations.plc.memory import Accepted, Acknowledged, Memory, Result, Started
from stations.plc.station_side import GRACE_NS, journal_path, rules_of

pymodbus_client = pytest.importorskip("pymodbus.client")
MODEL = ModelRef("toy", "1", "abcdef0123456789" * 4)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def document(port=5020, **plc):
    return {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "deadline_ms": 1500,
        "trigger": {"driver": "plc"},
        "channels": {
            "air": {
                "modality": "series",
                "driver": "simulated-series",
                "settings": {"seed": 1, "interval_s": 0.5, "stream": "air_pressure"},
                "unit": "bar",
                "window": {"pre_s": 1},
            }
        },
        "plc": {"driver": "modbus-plc", "settings": {"port": port}, "journal": "journal.jsonl"} | plc,
    }


class PlcHand:
    """A Modbus client whose scan is called by the test."""

    def __init__(self, port):
        self.client = pymodbus_client.ModbusTcpClient("127.0.0.1", port=port, timeout=5)
        assert self.client.connect()
        self.inputs = PlcInputs()

    def scan(self, **image):
        self.inputs = replace(self.inputs, heartbeat=(self.inputs.heartbeat + 1) & 0xFFFF, **image)
        assert not self.client.write_registers(INPUTS.first, INPUTS.packed(self.inputs), device_id=1).isError()
        return OUTPUTS.values(self.client.read_holding_registers(OUTPUTS.first, count=OUTPUTS.registers, device_id=1).registers)

    def until(self, condition, **image):
        end_s = time.monotonic() + 20
        while time.monotonic() < end_s:
            outputs = self.scan(**image)
            if condition(outputs):
                return outputs
            time.sleep(0.01)
        raise AssertionError(f"it did not come to it within 20 s: {outputs}")

    def part(self, part_id):
        """Let one part through and return its result, taken."""
        self.until(lambda o: o["ready"])
        self.until(lambda o: o["trigger_ack"] and o["trigger_id"] == part_id, trigger=True, part_id=part_id)
        result = self.until(lambda o: o["result_valid"] and o["result_id"] == part_id, trigger=False)
        self.until(lambda o: o["result_sequence"] != result["result_sequence"], result_ack=result["result_sequence"])
        return result


@dataclass
class Judged:
    record: PartRecord
    verdict: Verdict
    timings_ms: dict[str, float] = field(default_factory=dict)


class Bench:
    """A line that judges on a thread, and the PLC in front of it."""

    def __init__(self, tmp_path, **plc):
        self.port = free_port()
        self.station = Station.model_validate(document(self.port, **plc))
        self.agent = Agent(self.station, path=tmp_path / "bench.yaml")
        self.plc = self.agent.drivers.plc
        self.plc.model(MODEL.sha256)
        self.verdicts = {}
        self.line = Line(self.agent, self.judge, lambda j: Inspection(j.record, j.verdict), lambda _: None, model=MODEL)

    def judge(self, capture):
        outcome = self.verdicts.get(capture.trigger.part_id, "pass")
        return Judged(PartRecord(capture.trigger, self.station.part_channels), Verdict(outcome, 0.25, 0.5, MODEL))


@pytest.fixture
def running(tmp_path):
    """Start a bench, with its line on a thread of its own; everything is stopped afterwards."""
    import threading

    ended = []

    def start(**plc):
        bench = Bench(tmp_path, **plc)
        bench.agent.open()
        thread = threading.Thread(target=bench.line.run)
        thread.start()
        hand = PlcHand(bench.port)

        def stop():
            bench.agent.stop()
            thread.join(20)
            bench.agent.close()
            hand.client.close()
            assert not thread.is_alive()

        ended.append(stop)
        return bench, hand

    yield start
    for stop in ended:
        stop()


def test_parts_go_from_the_plcs_trigger_to_the_plcs_result(running):
    bench, hand = running(kinds={"scratch": 3})
    bench.verdicts = {"2": "fail", "3": "review"}
    results = [hand.part(part_id) for part_id in (1, 2, 3)]
    assert [result["result_outcome"] for result in results] == [PartOutcome.PASS, PartOutcome.FAIL, PartOutcome.REVIEW]
    assert results[0]["model_hash"] == MODEL.sha256[:16]
    outputs = hand.until(lambda o: o["exposed_id"] == 3)
    assert (outputs["online"], outputs["busy"], outputs["parts"], outputs["rejects"]) == (True, False, 3, 2)
    assert bench.line.report.outcomes == {"pass": 1, "fail": 1, "review": 1}


def test_a_part_that_cannot_be_judged_is_not_inspected(running):
    bench, hand = running()
    bench.judge = None
    bench.line._judge = None
    assert hand.part(1)["result_outcome"] == PartOutcome.NOT_INSPECTED


def test_a_lost_channel_takes_ready_away(running):
    bench, hand = running()
    hand.until(lambda o: o["ready"])
    bench.plc.health = lambda: {"air": {"state": "missing", "reason": "unplugged", "age_ms": 5.0}}
    assert hand.until(lambda o: not o["ready"])["fault_code"] == FaultCode.CHANNEL_LOST
    bench.plc.health = bench.agent.health
    hand.until(lambda _: hand.scan(fault_reset=not hand.inputs.fault_reset)["ready"])


def test_a_station_that_stops_is_not_ready(running):
    bench, hand = running()
    hand.until(lambda o: o["ready"])
    bench.agent.stop()
    hand.until(lambda o: not o["online"])  # the line has ended
    bench.plc.judging(True)
    hand.until(lambda o: o["online"] and not o["ready"])


def test_a_line_that_does_not_judge_takes_no_part(tmp_path):
    bench = Bench(tmp_path)
    with bench.agent:
        hand = PlcHand(bench.port)
        outputs = hand.until(lambda o: o["trigger_refused"], trigger=True, part_id=4)
        assert (outputs["refuse_code"], outputs["online"]) == (RefusalCode.NOT_JUDGING, False)
        capture = next(bench.agent.captures(1))  # yet it can be recorded
        assert capture.trigger.part_id == "4"
        assert hand.until(lambda o: o["exposure_done"])["exposed_id"] == 4
        hand.client.close()


def test_recipes_change_at_the_plcs_request(running):
    bench, hand = running(recipes={7: "models/seven", 9: "models/nine"})
    models = {1: "1" * 64, 7: "7" * 64}
    bench.plc.recipes = models.__getitem__
    hand.until(lambda o: o["ready"])
    outputs = hand.until(lambda o: o["recipe_status"] == RecipeStatus.DONE, recipe_change=True, recipe=7)
    assert (outputs["recipe"], outputs["model_hash"]) == (7, "7" * 16)
    hand.until(lambda o: o["recipe_status"] == RecipeStatus.NONE and o["ready"], recipe_change=False)
    outputs = hand.until(lambda o: o["recipe_status"] > RecipeStatus.CHANGING, recipe_change=True, recipe=8)
    assert (outputs["recipe_status"], outputs["recipe"]) == (RecipeStatus.REFUSED_UNKNOWN, 7)
    hand.until(lambda o: o["recipe_status"] == RecipeStatus.NONE, recipe_change=False)
    outputs = hand.until(lambda o: o["recipe_status"] > RecipeStatus.CHANGING, recipe_change=True, recipe=9)
    assert (outputs["recipe_status"], outputs["recipe"]) == (RecipeStatus.FAILED, 7)


def test_a_result_that_was_not_acknowledged_outlives_the_station(running):
    _, hand = running()
    hand.until(lambda o: o["ready"])
    hand.until(lambda o: o["trigger_ack"], trigger=True, part_id=11)
    first = hand.until(lambda o: o["result_valid"], trigger=False)
    _, again = running()
    second = again.until(lambda o: o["result_valid"])
    assert (second["result_id"], second["result_outcome"], second["session"]) == (11, first["result_outcome"], first["session"] + 1)


def test_a_port_in_use_stops_the_station_at_once(tmp_path):
    bench = Bench(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", bench.port))
        taken.listen()
        with pytest.raises(DriverError, match="port is in use"):
            bench.agent.open()


# --- the journal


def result(part_id, sequence, outcome=PartOutcome.PASS):
    return Result(part_id, sequence, outcome, kind="划痕", kind_code=3, score=25)


def test_the_journal_remembers_what_matters(tmp_path):
    path = tmp_path / "deep" / "plc.jsonl"
    journal = Journal(path)
    assert journal.open() == Memory()
    journal.append([Started(1, 0), Accepted(1), Accepted(2, golden=True), result(1, 1), Acknowledged(1), Accepted(3), result(3, 2)])
    journal.close()
    with path.open("a") as file:
        file.write('{"accepted": {"part_id": 9')  # a killed process
    memory = Journal(path).open()
    assert memory == Memory(1, 2, (Accepted(2, golden=True),), (result(3, 2),))


def test_the_journal_stays_short(tmp_path, monkeypatch):
    monkeypatch.setattr("stations.plc.journal.LONGEST", 50)
    journal = Journal(tmp_path / "plc.jsonl")
    journal.open()
    for k in range(1, 200):
        journal.append([Accepted(k), result(k, k), Acknowledged(k)])
        assert len((tmp_path / "plc.jsonl").read_text().splitlines()) <= 53
    journal.append([Accepted(500)])
    journal.close()
    memory = Journal(tmp_path / "plc.jsonl").open()
    assert (memory.sequence, memory.in_flight, memory.held) == (199, (Accepted(500),), ())


def test_a_journal_that_was_full_for_a_while_has_all_records_in_the_end(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "plc.jsonl")
    journal.open()
    with monkeypatch.context() as full_disk:
        full_disk.setattr("os.write", lambda _, data: len(data) // 2)
        with pytest.raises(OSError, match="No space"):
            journal.append([Accepted(1)])
    journal.append([Accepted(2)])
    assert Journal(tmp_path / "plc.jsonl").open().in_flight == (Accepted(1), Accepted(2))


def test_a_damaged_journal_is_told(tmp_path):
    (tmp_path / "plc.jsonl").write_text("rubbish\n")
    with pytest.raises(ConfigError, match="is damaged"):
        Journal(tmp_path / "plc.jsonl").open()


# --- the station file


def test_the_deadline_is_the_lines_and_a_little_more():
    station = Station.model_validate(document() | {"deadline_ms": 300})
    assert rules_of(station).deadline_ns == 300_000_000 + GRACE_NS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trigger": {"driver": "timer"}}, "has the trigger driver 'plc'"),
        ({"plc": None}, "has the trigger driver 'plc'"),
        ({"trigger": {"driver": "plc", "settings": {"x": 1}}}, "settings"),
        ({"sinks": {"plc": {"driver": "log-sink"}}}, "another name"),
        ({"plc": {"driver": "modbus-plc", "gate": {"delay_ms": 5}}}, "delay_ms and pulse_ms"),
        ({"plc": {"driver": "modbus-plc", "results": 4}}, "greater than or equal to 8"),
    ],
)
def test_a_wrong_station_file_is_told(change, words):
    with pytest.raises(ConfigError, match=words):
        validated(Station, document() | change, "bench.yaml")


def test_a_wrong_driver_is_told_with_its_key():
    station = Station.model_validate(document(driver="log-sink", settings={}))
    with pytest.raises(ConfigError, match=r"plc.driver: 'log-sink' is no PlcLink"):
        build_drivers(station, None)
    with pytest.raises(ConfigError, match=r"plc.settings.port"):
        build_drivers(Station.model_validate(document(port=0)), None)


def test_the_journal_lives_in_the_installation_unless_the_file_names_a_place(tmp_path):
    config = PlcConfig(driver="modbus-plc")
    assert journal_path(config, "press", tmp_path / "files", tmp_path / "home") == tmp_path / "home" / "plc" / "press.jsonl"
    named = PlcConfig(driver="modbus-plc", journal="parts.jsonl")
    assert journal_path(named, "press", tmp_path / "files", tmp_path / "home") == tmp_path / "files" / "parts.jsonl"
