"""What stations/PLC.md tells a PLC programmer is what the code does: every value, its register, its type, every code."""

import re
from pathlib import Path

import pytest

from inspector.plc import FaultCode, LineStopCode, PartOutcome, RecipeStatus, RefusalCode
from stations.drivers.modbus_plc import ModbusPlcSettings
from stations.drivers.opcua_plc import OpcuaPlcSettings
from stations.plc.image import INPUTS, OUTPUTS
from stations.plc.opcua_nodes import NAMESPACE

PAGE = (Path(__file__).resolve().parents[2] / "stations" / "PLC.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\d+)(?:\.(\d+))? \| (bit|u16|u32|hex|text)(?:, (\d+))? \|", re.MULTILINE)


def rows(title):
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return {name: (kind, int(register), int(bit or 0), int(size or 0)) for name, register, bit, kind, size in ROW.findall(section)}


@pytest.mark.parametrize(("title", "block"), [("The PLC writes", INPUTS), ("The station writes", OUTPUTS)])
def test_the_map_is_that_of_the_code(title, block):
    sizes = {"bit": 0, "u16": 0, "u32": 0}
    places = {p.name: (p.kind, p.register, p.bit, sizes.get(p.kind, p.registers)) for p in block.places}
    assert rows(title) == places


def test_the_blocks_are_those_of_the_code():
    last = [block.first + block.registers - 1 for block in (INPUTS, OUTPUTS)]
    assert f"writes registers {INPUTS.first}–{last[0]} and reads {OUTPUTS.first}–{last[1]}" in PAGE
    assert f"`{NAMESPACE}`" in PAGE


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("fault_code", FaultCode),
        ("refuse_code", RefusalCode),
        ("line_stop_code", LineStopCode),
        ("recipe_status", RecipeStatus),
        ("result_outcome", PartOutcome),
    ],
)
def test_every_code_is_explained(name, codes):
    (meaning,) = re.findall(rf"^\| `{name}` \|[^|]*\|[^|]*\|([^|]*)\|", PAGE, re.MULTILINE)
    told = {int(number) for number in re.findall(r"(?:^|[ ,*])(\d) [a-z]", meaning)}
    assert told | {0} == {int(code) for code in codes}


@pytest.mark.parametrize("settings", [ModbusPlcSettings, OpcuaPlcSettings])
def test_every_setting_of_the_links_says_what_it_is(settings):
    assert all(field.description for field in settings.model_fields.values())
