import pytest

from inspector.config import MachineConfig
from inspector.training.dataset_facts import machine_of_dataset, machine_of_part, number, positive, unit_at_head


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (3, 3.0),
        ("4.92", 4.92),
        ("about 4.92 (measured)", 4.92),
        ("about 3.05 to 3.19 (measured)", 3.12),
        ("1e3", 1000.0),
        ("-0.9", -0.9),
        ("800/1400 rpm train, 1000 val", None),
        ("rpm / 60 (column rpm)", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_numbers_in_words(text, value):
    assert number(text) == (value if value is None else pytest.approx(value))


def test_only_numbers_above_zero_are_positive():
    assert [positive(text) for text in ("2", "0", "-1", "nan", "x")] == [2.0, None, None, None, None]


def test_units_stand_at_the_head():
    assert [unit_at_head(text) for text in ("degC (engine body)", "% (virtual)", "as recorded (sensor)", "g", None)] == [
        "degC",
        "%",
        "",
        "g",
        "",
    ]


def test_nothing_said_is_nothing_known(tmp_path):
    for dataset in ({}, {"modalities": None}, {"modalities": {"vibration": {"bearing": {"type": "6205"}, "shaft_hz": "see note"}}}):
        assert machine_of_dataset(dataset, tmp_path) == MachineConfig()


def test_the_speed_of_a_part_stands_in_its_row():
    rows = ({"rpm": "1200"}, {"shaft_hz": "20"}, {"note": "shaft_hz=20.0 (nominal)"}, {"rpm": "", "note": ""})
    assert [machine_of_part(MachineConfig(), row).shaft_hz for row in rows] == [20.0, 20.0, 20.0, None]
