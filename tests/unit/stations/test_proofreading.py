"""Every mistake of a station file at once: syntax, keys, drivers' settings, with lines."""

import pytest

from stations.proofreading import proofread

GOOD = """\
station: bench
title: { en: Bench, zh: 台 }
trigger: { driver: timer, settings: { interval_s: 1 } }
channels:
  temp:
    modality: series
    driver: series-file
    settings: { file: t.csv, column: x }
    window: { pre_s: 1 }
sinks:
  log: { driver: log-sink }
"""


@pytest.fixture
def told(tmp_path):
    def read(text):
        path = tmp_path / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        return [(one.key, one.line, one.says) for one in proofread(path)]

    return read


def test_a_good_file_has_none(told):
    assert told(GOOD) == []


def test_keys_and_settings_are_told_in_one_go_in_the_order_of_the_file(told):
    text = (
        GOOD.replace("station: bench", "station: Bench")
        .replace("driver: timer", "driver: timmer")
        .replace("modality: series", "modality: serie")
    )
    text = text.replace("column: x", "colum: x").replace("log: {", "log: { settings: { levle: info },")
    places = [(key, line) for key, line, _ in told(text)]
    assert places == [
        ("station", 1),
        ("trigger.driver", 3),
        ("channels.temp.modality", 6),
        ("channels.temp.settings.column", 8),
        ("channels.temp.settings.colum", 8),
        ("sinks.log.settings.levle", 11),
    ]
    assert ("trigger.driver", 3, "unknown driver 'timmer', did you mean 'timer'?") in told(text)


def test_a_driver_in_the_wrong_place(told):
    assert told(GOOD.replace("series-file", "timer")) == [("channels.temp.driver", 7, "'timer' is no SeriesSource, which this place needs")]


def test_a_key_given_twice(told):
    assert told(GOOD + "station: other\n") == [("station", 12, "is given twice, first on line 1; take one away")]


def test_a_key_left_open(told):
    ((key, line, says),) = told(GOOD.replace("series-file", "serial-lines").replace("{ file: t.csv, column: x }", "{ port: }"))
    assert (key, line) == ("channels.temp.settings.port", 8)
    assert says.startswith("is empty, fill it in: the port, e.g. /dev/serial")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: [1,\nb: 2\n", 3, "is not valid YAML: while parsing a flow sequence"),
        ("a: 'x\n", 2, "quoted scalar"),
        ("- a\n", None, "must hold keys and values"),
        ("", None, "must hold keys and values"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "could not determine a constructor"),
    ],
)
def test_what_is_no_station_file_at_all(told, text, line, word):
    ((key, where, says),) = told(text)
    assert (key, where) == ("", line)
    assert word in says


@pytest.mark.parametrize("text", ["a: &x { b: *x }\n", "trigger: [1]\nchannels: 7\nsinks: x\n", "channels: { 1: { driver: 5 }, temp: }\n"])
def test_odd_content_is_told_and_does_not_crash(told, text):
    assert told(text)


def test_an_unreadable_file(tmp_path):
    (one,) = proofread(tmp_path / "gone.yaml")
    assert one.says == "cannot be read: No such file or directory"
