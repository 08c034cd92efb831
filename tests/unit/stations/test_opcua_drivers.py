"""OPC UA drivers against asyncua's server in a process of its own."""

import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.parts import Decision
from inspector.plugins import load_driver

asyncua = pytest.importorskip("asyncua", reason="asyncua is not installed")

SPACE = "nsu=http://example.org/press;s="
PATIENCE_S = 20.0


class Peer:
    """The server; `kill` and `start` are what a power cut does."""

    def __init__(self, **options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.options = {"port": probe.getsockname()[1]} | options
        self.endpoint = f"opc.tcp://127.0.0.1:{self.options['port']}/press"
        self._process = None
        self.start()

    def start(self):
        script = Path(__file__).with_name("opcua_peer.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), json.dumps(self.options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert json.loads(self._process.stdout.readline()) == "ready"

    def ask(self, what, node, **more):
        self._process.stdin.write(json.dumps({"do": what, "node": node} | more) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def set(self, node, value, **more):
        return self.ask("set", node, value=value, **more)

    def get(self, node):
        return self.ask("get", node)

    def forget(self):
        """Have the server drop all subscriptions, without a word."""
        self.ask("forget", None)

    def signal(self, number):
        os.kill(self._process.pid, number)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def server():
    peer = Peer()
    yield peer
    peer.kill()


@pytest.fixture
def opened():
    made = []

    def make(name, peer, unit="", **settings):
        driver_class = load_driver(name)
        driver = driver_class(driver_class.Settings.model_validate({"endpoint": peer.endpoint} | settings), channel="ch", unit=unit)
        made.append(driver)
        driver.open()
        return driver

    yield make
    for driver in made:
        driver.close()


def reading(source, wanted, deadline_s=PATIENCE_S):
    """Read until a series ends with the wanted value."""
    end_s = time.monotonic() + deadline_s
    while time.monotonic() < end_s:
        series = source.read(1.0)
        if series is not None and (series.values[-1] == wanted or (math.isnan(wanted) and math.isnan(series.values[-1]))):
            return series
    raise AssertionError(f"{wanted} did not come")


def lost(driver, deadline_s=PATIENCE_S):
    """Use a source until it fails; return how long that took, and the error."""
    began_s = time.monotonic()
    use = driver.wait if hasattr(driver, "wait") else driver.read
    while time.monotonic() < began_s + deadline_s:
        try:
            use(0.2)
        except DriverError as error:
            return time.monotonic() - began_s, str(error)
    raise AssertionError("nothing was lost")


def reopened(driver, deadline_s=PATIENCE_S):
    driver.close()
    end_s = time.monotonic() + deadline_s
    while True:
        try:
            return driver.open()
        except DriverError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)


def triggers(source, count):
    found = []
    end_s = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < end_s:
        trigger = source.wait(0.5)
        if trigger is not None:
            found.append(trigger)
    return found


# --- series


def test_a_change_has_its_source_stamp_and_a_constant_a_fresh_one(server, opened):
    server.set("temperature", 21.5)
    source = opened("opcua-series", server, unit="degC", node=f"{SPACE}temperature", interval_ms=50)
    reading(source, 21.5)
    source_s = server.set("temperature", 30.25)
    change = reading(source, 30.25)
    assert change.unit == "degC"
    assert change.t_ns[0] == pytest.approx(source_s * 1e9, abs=2000)
    stamps = [int(reading(source, 30.25).t_ns[0]) for _ in range(5)]
    assert np.all(np.diff([int(change.t_ns[0]), *stamps]) > 0)
    assert abs(stamps[-1] - time.time_ns()) < 2_000_000_000
    assert abs(source.arrived_ns - time.monotonic_ns()) < 2_000_000_000


@pytest.mark.parametrize("status", ["BadSensorFailure", "UncertainLastUsableValue"])
def test_what_the_server_does_not_vouch_for_is_a_gap_and_stays_one(server, opened, status):
    server.set("temperature", 1.5)
    source = opened("opcua-series", server, node=f"{SPACE}temperature", interval_ms=50)
    reading(source, 1.5)
    server.set("temperature", 1.5, status=status)
    reading(source, math.nan)
    assert math.isnan(source.read(2.0).values[-1])
    server.set("temperature", 2.5)
    reading(source, 2.5)


@pytest.mark.parametrize("shift_s", [-3600.0, 3600.0])
def test_a_source_with_another_clock_is_stamped_by_the_server(server, opened, shift_s):
    source = opened("opcua-series", server, node=f"{SPACE}temperature", interval_ms=50)
    server.set("temperature", 100.0 + shift_s, shift_s=shift_s)
    series = reading(source, 100.0 + shift_s)
    assert abs(int(series.t_ns[-1]) - time.time_ns()) < 2_000_000_000


def test_a_node_that_is_not_there_or_holds_no_number_is_told(server, opened):
    with pytest.raises(DriverError, match=rf"^ch: {server.endpoint}: has no such node"):
        opened("opcua-series", server, node=f"{SPACE}nothing")
    source = opened("opcua-series", server, node=f"{SPACE}name")
    with pytest.raises(DriverError, match="holds no number but a value of type str"):
        source.read(PATIENCE_S)


def test_drivers_of_one_server_share_a_session(server, opened):
    from stations.protocols.opcua_link import links

    sources = [opened("opcua-series", server, node=f"{SPACE}{node}", interval_ms=50) for node in ("temperature", "steady")]
    assert len({id(source._followed.link) for source in sources}) == 1
    server.set("steady", 7.25)
    sources[0].close()
    reading(sources[1], 7.25)
    sources[1].close()
    assert links._held == {}


def test_a_server_that_hangs_is_noticed_and_found_again(server, opened):
    sources = [opened("opcua-series", server, node=f"{SPACE}{node}") for node in ("steady", "temperature")]
    reading(sources[0], 7.25)
    server.signal(signal.SIGSTOP)
    try:
        took_s, why = lost(sources[0])
        lost(sources[1])
    finally:
        server.signal(signal.SIGCONT)
    assert took_s < 6.0  # 1.8 s, on a computer that is not busy
    assert "check the server" in why
    for source in sources:
        reopened(source)
    reading(sources[0], 7.25)
    server.set("temperature", 55.5)
    reading(sources[1], 55.5)


def test_a_subscription_that_the_server_forgot_is_made_again(server, opened):
    source = opened("opcua-series", server, node=f"{SPACE}steady", interval_ms=50)
    reading(source, 7.25)
    server.forget()
    assert "the server sent nothing for" in lost(source)[1]
    reopened(source)
    reading(source, 7.25)


def test_all_is_well_again_after_the_server_was_killed_and_started(server, opened):
    source = opened("opcua-series", server, node=f"{SPACE}steady")
    trigger = opened("opcua-trigger", server, node=f"{SPACE}bit")
    sink = opened("opcua-sink", server, outcome=f"{SPACE}outcome")
    reading(source, 7.25)
    server.set("count", 3)
    counter = opened("opcua-trigger", server, node=f"{SPACE}count", on="change")
    assert counter.wait(0.3) is None
    server.kill()
    assert lost(source)[0] < 4.0
    lost(counter)
    lost(trigger)
    source.close()
    with pytest.raises(DriverError, match=rf"^ch: {server.endpoint}: cannot be reached .* start the server"):
        source.open()
    with pytest.raises(DriverError, match="cannot be reached"):
        sink.send(Decision("part-2", "pass", 0.1))
    server.start()
    sink.send(Decision("part-3", "fail", 0.9))
    assert server.get("outcome") == "fail"
    for driver in (source, trigger, counter):
        reopened(driver)
    reading(source, 7.25)
    assert counter.wait(0.5) is None
    assert counter.missed == 2  # the server counts from 5 when it starts
    server.set("bit", True)
    assert len(triggers(trigger, 1)) == 1


# --- triggers


def test_each_rising_edge_is_a_part_at_the_instant_of_the_edge(server, opened):
    server.set("bit", False)
    server.set("part", "lot7/12")
    source = opened("opcua-trigger", server, node=f"{SPACE}bit", part_id_node=f"{SPACE}part")
    assert source.wait(0.3) is None
    for _ in range(3):
        before_ns = time.monotonic_ns()
        server.set("bit", True)
        after_ns = time.monotonic_ns()
        server.set("bit", False)
        (trigger,) = triggers(source, 1)
        assert before_ns - 5_000_000 <= trigger.t_ns <= after_ns + 50_000_000
        assert (trigger.station, trigger.part_id) == ("ch", "lot7/12")
    assert source.wait(0.2) is None


def test_a_bit_that_was_set_before_is_no_part(server, opened):
    server.set("bit", True)
    source = opened("opcua-trigger", server, node=f"{SPACE}bit")
    assert source.wait(0.3) is None
    server.set("bit", False)
    server.set("bit", True)
    assert [trigger.part_id for trigger in triggers(source, 1)] == ["part-000001"]


def test_a_part_is_acknowledged_and_one_that_still_waits_is_taken(server, opened):
    server.set("taken", False)
    server.set("bit", True)
    source = opened("opcua-trigger", server, node=f"{SPACE}bit", acknowledge_node=f"{SPACE}taken")
    assert len(triggers(source, 1)) == 1
    assert server.get("taken") is True
    server.set("bit", False)
    assert source.wait(0.3) is None
    assert server.get("taken") is False
    server.set("bit", True)
    assert len(triggers(source, 1)) == 1
    source.close()
    source.open()
    assert source.wait(0.3) is None  # taken already


def test_a_counter_gives_a_part_for_each_change_and_tells_what_was_missed(server, opened, caplog):
    server.set("count", 5)
    server.set("count_taken", 5)
    source = opened(
        "opcua-trigger", server, node=f"{SPACE}count", on="change", acknowledge_node=f"{SPACE}count_taken", part_id_node=f"{SPACE}part"
    )
    assert source.wait(0.3) is None
    server.set("part", " ")
    with caplog.at_level(logging.WARNING):
        for count in (6, 7, 10):
            server.set("count", count)
        assert [trigger.part_id for trigger in triggers(source, 3)] == ["part-000006", "part-000007", "part-000010"]
    assert source.missed == 2
    assert "from 7 to 10: parts were missed" in caplog.text
    assert "gives no part id" in caplog.text
    assert server.get("count_taken") == 10


# --- verdicts


def test_a_verdict_is_written_with_its_number_last(server, opened):
    nodes = {name: f"{SPACE}{name}" for name in ("outcome", "part_id", "score", "kind", "inspected", "sequence")}
    sink = opened("opcua-sink", server, **(nodes | {"part_id": f"{SPACE}part"}))
    assert server.get("sequence") == 65_534
    sink.send(Decision("part-7", "fail", 0.75, kind="scratch"))
    assert [server.get(name) for name in ("outcome", "part", "score", "kind", "inspected", "sequence")] == [
        "fail",
        "part-7",
        0.75,
        "scratch",
        True,
        65_535,
    ]
    sink.send(Decision("part-8", "review", 0.5, inspected=False))
    assert [server.get(name) for name in ("outcome", "kind", "inspected", "sequence")] == ["review", "", False, 0]


@pytest.mark.parametrize(("node", "values"), [("code", [1, 2, 3]), ("good", [True, False, False])])
def test_the_outcome_takes_the_form_of_its_node(server, opened, node, values):
    sink = opened("opcua-sink", server, outcome=f"{SPACE}{node}")
    for outcome, value in zip(("pass", "fail", "review"), values, strict=True):
        sink.send(Decision("part-1", outcome, 0.5))
        assert server.get(node) == value


def test_nodes_that_cannot_take_a_verdict_are_told(server, opened):
    with pytest.raises(DriverError, match="is of type Boolean, which cannot hold the score, use one of Float, Double"):
        opened("opcua-sink", server, outcome=f"{SPACE}outcome", score=f"{SPACE}good")
    sink = opened("opcua-sink", server, outcome=f"{SPACE}locked", sequence=f"{SPACE}count")
    count = server.get("count")
    with pytest.raises(DriverError, match=r"does not take the outcome \(Bad.*\), give this user the right"):
        sink.send(Decision("part-1", "pass", 0.1))
    assert server.get("count") == count


def test_a_sink_fails_in_time_and_connects_anew(server, opened):
    sink = opened("opcua-sink", server, outcome=f"{SPACE}outcome", part_id=f"{SPACE}part", timeout_s=0.5)
    sink.send(Decision("part-1", "pass", 0.1))
    server.signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            began_s = time.monotonic()
            with pytest.raises(DriverError, match="does not answer"):
                sink.send(Decision("part-2", "pass", 0.1))
            assert time.monotonic() - began_s < 2.0
    finally:
        server.signal(signal.SIGCONT)
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            sink.send(Decision("part-3", "fail", 0.9))
            break
        except DriverError:
            assert time.monotonic() < end_s
            time.sleep(0.1)
    assert (server.get("outcome"), server.get("part")) == ("fail", "part-3")


# --- who is who


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, make_certificate):
    """A server that wants encryption, and the user `press` with a password."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_certificate(folder, "authority")
    make_certificate(folder, "server", "urn:example:press", authority)
    make_certificate(folder, "stranger", "urn:example:press")
    make_certificate(folder, "station", "urn:example:station")
    policies = ["Basic256Sha256_SignAndEncrypt", "Aes128Sha256RsaOaep_Sign", "Aes256Sha256RsaPss_SignAndEncrypt"]
    files = {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key")}
    peer = Peer(user="press", password="open sesame", policies=policies, **files)
    peer.folder = folder
    peer.settings = {
        "node": f"{SPACE}steady",
        "security": "basic256sha256",
        "certificate": str(folder / "station.pem"),
        "private_key": str(folder / "station.key"),
        "server_certificate": str(folder / "server.pem"),
        "user": "press",
        "password": {"env": "PRESS_PASSWORD"},
    }
    yield peer
    peer.kill()


@pytest.mark.parametrize(
    ("security", "mode", "trusts"),
    [
        ("basic256sha256", "sign-and-encrypt", "server"),
        ("aes128-sha256-rsaoaep", "sign", "authority"),
        ("aes256-sha256-rsapss", "sign-and-encrypt", "server"),
    ],
)
def test_values_come_over_a_secured_connection(guarded, opened, monkeypatch, security, mode, trusts):
    monkeypatch.setenv("PRESS_PASSWORD", "open sesame")
    more = {"security": security, "mode": mode, "server_certificate": str(guarded.folder / f"{trusts}.pem")}
    reading(opened("opcua-series", guarded, **(guarded.settings | more)), 7.25)


def test_an_untrusted_server_and_wrong_credentials_are_refused_with_a_clear_line(guarded, opened, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PRESS_PASSWORD", "open sesame")
    for more, message in (
        (
            {"server_certificate": str(guarded.folder / "stranger.pem")},
            r"the server is not trusted: its certificate, SHA-256 [0-9a-f:]{95}, is neither in",
        ),
        ({"server_certificate": str(guarded.folder / "none.pem")}, "no certificate can be read from it"),
        ({"mode": "sign"}, "does not offer security basic256sha256 with mode sign, it offers Aes128_Sha256_RsaOaep Sign"),
        ({"private_key": guarded.settings["certificate"]}, "is no private key"),
        ({"password": {"clear": "Simsalabim"}}, "refuses this user, correct user and password"),
        ({"password": {"env": "NO_SUCH_VARIABLE"}}, "the environment variable NO_SUCH_VARIABLE is not set"),
    ):
        with pytest.raises(DriverError, match=message) as caught:
            opened("opcua-series", guarded, **(guarded.settings | more))
        assert "sesame" not in str(caught.value)
    assert "sesame" not in caplog.text
    assert "Simsalabim" not in caplog.text


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("opcua-series", {"node": "temperature"}, "node"),
        ("opcua-series", {"node": "ns=2;s=x", "endpoint": "opc.tcp://user:secret@host:4840"}, "endpoint"),
        ("opcua-series", {"node": "ns=2;s=x", "security": "basic256sha256"}, "needs certificate, private_key, server_certificate"),
        ("opcua-series", {"node": "ns=2;s=x", "user": "press"}, "user and password go together"),
        ("opcua-series", {"node": "ns=2;s=x", "user": "press", "password": "secret"}, "password"),
        ("opcua-series", {"node": "ns=2;s=x", "user": "press", "password": {}}, "needs one of env, file and clear"),
        ("opcua-trigger", {"node": "ns=2;s=x", "on": "falling", "acknowledge_node": "ns=2;s=y"}, "needs on: rising or change"),
        ("opcua-sink", {"score": "ns=2;s=x"}, "outcome"),
    ],
)
def test_wrong_settings_are_told_before_anything_runs(name, settings, message):
    with pytest.raises(ValidationError, match=message):
        load_driver(name).Settings.model_validate({"endpoint": "opc.tcp://127.0.0.1:4840"} | settings)
