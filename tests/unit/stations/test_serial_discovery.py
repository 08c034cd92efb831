"""What is plugged in is found, by a name that survives replugging."""

import pytest
from serial.tools.list_ports_common import ListPortInfo

from inspector.plugins import load_driver
from stations.protocols import serial_port


@pytest.fixture
def plugged_in(monkeypatch, tmp_path):
    """One adapter with a name of its own, and a port of the computer itself."""
    adapter, builtin = tmp_path / "ttyUSB0", tmp_path / "ttyS0"
    ports = []
    for path, description, hwid in ((builtin, "n/a", "n/a"), (adapter, "FT232R USB UART", "USB VID:PID=0403:6001 SER=A1")):
        path.touch()
        port = ListPortInfo(str(path))
        port.description, port.hwid = description, hwid
        ports.append(port)
    (tmp_path / "by-id").mkdir()
    (tmp_path / "by-id" / "usb-FTDI_A1").symlink_to(adapter)
    monkeypatch.setattr(serial_port, "BY_ID", tmp_path / "by-id")
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports)
    return tmp_path


@pytest.mark.parametrize("name", ["serial-lines", "serial-query", "serial-trigger", "serial-sink"])
def test_ports_are_found_with_the_name_of_the_device(plugged_in, name):
    builtin, adapter = load_driver(name).discover()
    assert adapter.title == f"FT232R USB UART ({plugged_in / 'ttyUSB0'})"
    assert adapter.settings == {"port": str(plugged_in / "by-id" / "usb-FTDI_A1")}
    assert builtin.title == f"serial port ({plugged_in / 'ttyS0'})"
    assert builtin.settings == {"port": str(plugged_in / "ttyS0")}


def test_a_system_whose_ports_cannot_be_listed_has_none(monkeypatch):
    def fail():
        raise OSError("no /sys")

    monkeypatch.setattr("serial.tools.list_ports.comports", fail)
    assert load_driver("serial-lines").discover() == []


def test_this_computer_is_searched_without_an_error():
    assert all(found.title and found.settings["port"] for found in load_driver("serial-lines").discover())
