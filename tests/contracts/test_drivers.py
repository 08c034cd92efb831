"""Every installed driver keeps its promise. An outside package's drivers are found by themselves."""

import pytest

from inspector.drivers import PROMISES, Settings
from inspector.plugins import driver_names, load_driver
from inspector.testing import check_driver

SIMULATED = {"seed": 3, "interval_s": 0.5}
OPCUA = "nsu=http://example.org/press;s="
PEERS = {
    "genicam-camera": ("simulated_producer", {}),
    "serial-lines": ("wired_port", {}),
    "serial-query": ("wired_port", {"request": "W\r\n", "interval_s": 0.02}),
    "serial-trigger": ("wired_port", {}),
    "serial-sink": ("wired_port", {}),
    "modbus-series": ("modbus_device", {"address": 0, "interval_s": 0.02}),
    "modbus-trigger": ("modbus_device", {"address": 0, "kind": "holding", "signal": "counter"}),
    "modbus-sink": ("modbus_device", {"outcome_register": 10, "sequence_register": 11}),
    "modbus-plc": ("free_port", {}),
    "opcua-plc": ("free_port", {}),
    "opcua-series": ("opcua_server", {"node": f"{OPCUA}s0"}),
    "opcua-trigger": ("opcua_server", {"node": f"{OPCUA}s0", "on": "change"}),
    "opcua-sink": ("opcua_server", {"outcome": f"{OPCUA}outcome"}),
    "mqtt-series": ("mqtt_broker", {"topic": "plant/oil"}),
    "mqtt-trigger": ("mqtt_broker", {"topic": "plant/oil"}),
    "mqtt-sink": ("mqtt_broker", {}),
    "webhook-sink": ("http_service", {}),
}
"""Driver -> the fixture of its peer, which holds how that is reached, and what else the driver needs."""


def settings_without_peer(name, files):
    """What a driver needs to run without a plant; None where that is not known here."""
    return {
        "image-folder": {"folder": str(files / "pictures"), "interval_s": 0.1},
        "video-file": {"file": str(files / "v.mkv")},
        "video-sound": {"file": str(files / "v.mkv")},
        "audio-file": {"file": str(files / "s.wav")},
        "series-file": {"file": str(files / "t.csv"), "column": "x"},
        "timer": {"interval_s": 0.1},
        "picture-change": {"channel": "camera"},
        "sound-onset": {"channel": "microphone"},
        "log-sink": {},
        "simulated-camera": SIMULATED,
        "simulated-trigger": SIMULATED,
        "simulated-waveform": SIMULATED | {"stream": "microphone"},
        "simulated-series": SIMULATED | {"stream": "air_pressure"},
    }.get(name)


@pytest.mark.parametrize("name", driver_names())
def test_a_driver_keeps_its_promise(name, files, request):
    if name in PEERS:
        peer, more = PEERS[name]
        settings = request.getfixturevalue(peer) | more
    else:
        settings = settings_without_peer(name, files)
    if settings is None:
        pytest.skip(f"no settings are known under which '{name}' runs without its device")
    assert check_driver(load_driver(name), settings) == []


@pytest.mark.parametrize("name", driver_names())
def test_a_driver_is_written_as_all_are(name):
    driver = load_driver(name)
    assert sum(issubclass(driver, promise) for promise in PROMISES) == 1
    assert issubclass(driver.Settings, Settings)
    assert driver.Settings.model_config["extra"] == "forbid"
    assert driver.__doc__
