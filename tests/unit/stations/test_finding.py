"""Devices are looked for by all drivers at once; one that hangs or fails takes nothing from the others."""

import sys
import textwrap
import time

import pytest

from inspector import drivers
from inspector.drivers import Found
from stations import finding
from stations.finding import find_devices

VENDOR = """
    import os, time
    from inspector import drivers
    from inspector.drivers import Found

    class Vendor(drivers.Camera):
        isolated = True
        @classmethod
        def discover(cls):
            print("a banner of the vendor")
            return [Found(f"in process {os.getpid()}", {"serial": "1"})]
        def read(self, timeout_s): ...

    class Crashing(Vendor):
        @classmethod
        def discover(cls):
            os._exit(9)

    class Hanging(Vendor):
        @classmethod
        def discover(cls):
            time.sleep(600)
"""


class Plain(drivers.SeriesSource):
    @classmethod
    def discover(cls):
        return [Found("port 1", {"port": "p1"}), Found("port 2", {"port": "p2"})]

    def read(self, timeout_s): ...


class Blind(drivers.SeriesSource):
    def read(self, timeout_s): ...


class Slow(Plain):
    @classmethod
    def discover(cls):
        time.sleep(600)


class Failing(Plain):
    @classmethod
    def discover(cls):
        raise OSError("the bus is gone")


@pytest.fixture
def installed(monkeypatch):
    def install(**known):
        monkeypatch.setattr(finding, "driver_names", lambda: sorted(known))
        monkeypatch.setattr(finding, "load_driver", known.__getitem__)

    return install


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    (tmp_path / "vendor_search.py").write_text(textwrap.dedent(VENDOR))
    monkeypatch.syspath_prepend(tmp_path)
    import vendor_search

    yield vendor_search
    sys.modules.pop("vendor_search")


def test_what_is_there_is_told_by_driver(installed):
    installed(b=Plain, a=Blind)
    (search,) = find_devices()
    assert search.driver == "b"
    assert [found.title for found in search.found] == ["port 1", "port 2"]
    assert search.failed is None


def test_a_driver_that_hangs_or_fails_is_named(installed):
    installed(fine=Plain, hangs=Slow, fails=Failing)
    start_s = time.monotonic()
    told = {search.driver: search for search in find_devices(0.5)}
    assert time.monotonic() - start_s < 5
    assert len(told["fine"].found) == 2
    assert told["hangs"].failed == "did not answer in time"
    assert told["fails"].failed == "failed: OSError: the bus is gone"


def test_vendors_code_looks_in_a_process_of_its_own(installed, vendor, capfd):
    installed(vendor=vendor.Vendor, crashes=vendor.Crashing)
    told = {search.driver: search for search in find_devices(60)}
    assert told["vendor"].found[0].settings == {"serial": "1"}
    assert str(sys.modules["os"].getpid()) not in told["vendor"].found[0].title
    assert told["crashes"].failed == "failed: RuntimeError: its process has ended (exit code 9)"
    assert capfd.readouterr().out == ""


def test_vendors_code_that_hangs_is_ended(installed, vendor, monkeypatch):
    monkeypatch.setattr(finding, "START_S", 0.5)
    installed(vendor=vendor.Hanging, fine=Plain)
    told = {search.driver: search for search in find_devices(0.5)}
    assert told["vendor"].failed
    assert told["fine"].found


def test_the_installed_drivers_can_be_asked():
    for search in find_devices():
        assert search.failed is None or "did not answer" in search.failed
