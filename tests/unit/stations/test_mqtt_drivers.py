"""MQTT drivers against mosquitto, with users, rights and TLS."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.parts import Decision
from inspector.plugins import load_driver
from stations.devices import Device

publish = pytest.importorskip("paho.mqtt.publish", reason="paho-mqtt is not installed")
MOSQUITTO = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None or not shutil.which("mosquitto_passwd"), reason="mosquitto is not installed")

PATIENCE_S = 20.0
PASSWORD = "open sesame"
RIGHTS = """
user press
topic readwrite plant/#
topic readwrite line-inspector/#
topic read secret/#
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(conf, port):
    """Start mosquitto and wait until it listens."""
    process = subprocess.Popen([MOSQUITTO, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            assert time.monotonic() < end_s, "mosquitto does not start"
            time.sleep(0.02)


class Broker:
    """mosquitto with a plain and a TLS listener; only the user `press` may come in."""

    def __init__(self, folder):
        self.folder, self.port, self.tls_port = folder, free_port(), free_port()
        subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "users", "press", PASSWORD], check=True)
        (folder / "rights").write_text(RIGHTS)
        (folder / "conf").write_text(
            f"allow_anonymous false\npassword_file {folder}/users\nacl_file {folder}/rights\n"
            + ("user root\n" if os.geteuid() == 0 else "")  # else it drops to a user who may not read this folder
            + f"listener {self.port} 127.0.0.1\n"
            + f"listener {self.tls_port} 127.0.0.1\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker.key\n"
        )
        self._process = None
        self.start()

    def start(self):
        self._process = started(self.folder / "conf", self.tls_port)

    def signal(self, number):
        os.kill(self._process.pid, number)

    def kill(self):
        self._process.kill()
        self._process.wait(10)

    def send(self, topic, payload, retain=False):
        text = payload if isinstance(payload, str) else json.dumps(payload)
        auth = {"username": "press", "password": PASSWORD}
        publish.single(topic, text, qos=1, retain=retain, hostname="127.0.0.1", port=self.port, auth=auth)

    def retained(self, topic, wanted):
        """Wait until the retained message of a topic is the wanted one."""
        from paho.mqtt import subscribe

        end_s = time.monotonic() + PATIENCE_S
        auth = {"username": "press", "password": PASSWORD}
        while True:
            message = subscribe.simple(topic, hostname="127.0.0.1", port=self.port, auth=auth)
            if message.payload.decode() == wanted:
                return message
            assert time.monotonic() < end_s, f"{topic} is {message.payload}, not {wanted}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, make_certificate):
    folder = tmp_path_factory.mktemp("mosquitto")
    for name in ("broker", "stranger"):
        make_certificate(folder, name)
    broker = Broker(folder)
    yield broker
    broker.kill()


@pytest.fixture
def opened(broker):
    made = []

    def make(name, unit="", channel="ch", **settings):
        driver_class = load_driver(name)
        own = {"host": "127.0.0.1", "port": broker.port, "user": "press", "password": {"clear": PASSWORD}}
        driver = driver_class(driver_class.Settings.model_validate(own | settings), channel=channel, unit=unit)
        made.append(driver)
        driver.open()
        return driver

    yield make
    for driver in made:
        driver.close()


def values_of(source, count):
    values = []
    while len(values) < count:
        series = source.read(PATIENCE_S)
        assert series is not None, f"only {values} came"
        values += series.values.tolist()
    return values


def lost(driver):
    began_s = time.monotonic()
    use = driver.wait if hasattr(driver, "wait") else driver.read
    while time.monotonic() < began_s + PATIENCE_S:
        try:
            use(0.2)
        except DriverError as error:
            return time.monotonic() - began_s, str(error)
    raise AssertionError("nothing was lost")


def sent(sink, decision):
    """Send until it goes."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return sink.send(decision)
        except DriverError:
            assert time.monotonic() < end_s
            time.sleep(0.05)


# --- series


@needs_broker
def test_a_number_is_stamped_on_arrival(broker, opened):
    source = opened("mqtt-series", topic="plant/oil", unit="bar")
    before_ns = time.monotonic_ns()
    broker.send("plant/oil", "12.5")
    series = source.read(PATIENCE_S)
    assert series.values.tolist() == [12.5]
    assert series.unit == "bar"
    assert before_ns < series.t_ns[0] < time.monotonic_ns()
    assert not source.own_clock


@needs_broker
@pytest.mark.parametrize(
    ("unit", "stamp", "t_ns"),
    [
        ("s", 1_700_000_000.25, 1_700_000_000_250_000_000),
        ("ms", 1_700_000_000_250, 1_700_000_000_250_000_000),
        ("ns", 7, 7),
        ("iso", "2023-11-14T22:13:20.25Z", 1_700_000_000_250_000_000),
        ("iso", "2023-11-14T23:13:20.250001+01:00", 1_700_000_000_250_001_000),
    ],
)
def test_a_device_may_stamp_its_values_itself(broker, opened, unit, stamp, t_ns):
    source = opened("mqtt-series", topic="plant/stamped", value="/data/0/a~1b", time="/at", time_unit=unit)
    document = {"at": stamp, "data": [{"a/b": 3}]}
    broker.send("plant/stamped", document)
    broker.send("plant/stamped", document)  # a message that comes twice
    broker.send("plant/stamped", document | {"at": "2023-11-14T22:13:21Z" if unit == "iso" else stamp + 1})
    series = [source.read(PATIENCE_S), source.read(PATIENCE_S)]
    assert source.own_clock
    assert [s.values.tolist() for s in series] == [[3.0], [3.0]]
    assert series[0].t_ns[0] == t_ns < series[1].t_ns[0]
    assert abs(source.arrived_ns - time.monotonic_ns()) < PATIENCE_S * 1e9


@needs_broker
def test_gaps_are_gaps_and_garbage_is_counted_and_logged_once(broker, opened, caplog):
    source = opened("mqtt-series", topic="plant/oil", value="/v")
    with caplog.at_level(logging.WARNING):
        for payload in ('{"v": null}', '{"v": NaN}', "}", '{"w": 1}', '{"v": "1"}', '{"v": true}', "[1]", '{"v": 4.5}'):
            broker.send("plant/oil", payload)
        values = values_of(source, 3)
    assert np.array_equal(values, [np.nan, np.nan, 4.5], equal_nan=True)
    assert source.unmatched == 5
    assert caplog.text.count("more such messages are only counted") == 1


@needs_broker
def test_a_retained_message_is_old_and_no_value(broker, opened):
    broker.send("plant/old", "1", retain=True)
    source = opened("mqtt-series", topic="plant/old")
    assert source.read(0.3) is None
    broker.send("plant/old", "2", retain=True)
    assert values_of(source, 1) == [2.0]
    source.close()
    source.open()
    assert source.read(0.3) is None


@needs_broker
def test_several_values_of_one_message_come_over_one_connection(broker, opened):
    from stations.protocols.mqtt_link import links

    sources = [opened("mqtt-series", topic="plant/all", value=f"/{name}") for name in "ab"]
    assert len({id(source._subscribed._link) for source in sources}) == 1
    broker.send("plant/all", {"a": 1, "b": 2})
    assert [values_of(source, 1) for source in sources] == [[1.0], [2.0]]
    sources[0].close()
    broker.send("plant/all", {"a": 1, "b": 3})
    assert values_of(sources[1], 1) == [3.0]
    sources[1].close()
    assert links._held == {}


# --- a broker that dies


@needs_broker
def test_a_broker_that_hangs_is_noticed_and_found_again(broker, opened):
    source = opened("mqtt-series", topic="plant/oil")
    sink = opened("mqtt-sink")
    broker.signal(signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        with pytest.raises(DriverError, match=r"did not take a message within 0.3 s"):
            sink.send(Decision("part-1", "pass", 0.1))
        assert time.monotonic() - began_s < 2.0
        took_s, why = lost(source)
        with pytest.raises(DriverError, match=r"does not answer|is lost"):
            sink.send(Decision("part-2", "pass", 0.1))
    finally:
        broker.signal(signal.SIGCONT)
    assert took_s < 8.0  # 2.2 s, on a computer that is not busy
    assert "check the broker" in why
    source.close()
    source.open()
    broker.send("plant/oil", "1.5")
    assert values_of(source, 1) == [1.5]
    sent(sink, Decision("part-3", "pass", 0.1))


@needs_broker
def test_all_is_well_again_after_the_broker_was_killed_and_started(broker, opened):
    source = opened("mqtt-series", topic="plant/oil")
    trigger = opened("mqtt-trigger", topic="plant/part")
    sink = opened("mqtt-sink")
    broker.kill()
    assert lost(source)[0] < 4.0
    lost(trigger)
    source.close()
    with pytest.raises(DriverError, match=rf"^ch: mqtt://127.0.0.1:{broker.port}: cannot be reached .* start the broker"):
        source.open()
    with pytest.raises(DriverError, match=r"cannot be reached|is lost"):
        sink.send(Decision("part-2", "pass", 0.1))
    broker.start()
    for driver in (source, trigger):
        driver.close()
        driver.open()
    verdicts = opened("mqtt-series", topic="line-inspector/ch/verdict", value="/score")
    sent(sink, Decision("part-3", "pass", 0.25))
    assert values_of(verdicts, 1) == [0.25]
    broker.send("plant/oil", "1.5")
    assert values_of(source, 1) == [1.5]
    broker.send("plant/part", "")
    assert trigger.wait(PATIENCE_S).part_id == "part-000001"


@needs_broker
def test_a_station_gets_its_values_again_by_itself(broker, opened, caplog):
    source = opened("mqtt-series", topic="plant/oil")
    device = Device(source)

    def polled(until):
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            item = device.poll(0.1)
            if until(item):
                return item
        raise AssertionError(device.lost)

    broker.send("plant/oil", "1.5")
    polled(lambda item: item is not None)
    broker.kill()
    polled(lambda _: device.lost)
    broker.start()
    ended = threading.Event()

    def send():
        while not ended.wait(0.1):
            broker.send("plant/oil", "2.5")

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert polled(lambda item: item is not None).values.tolist() == [2.5]
    finally:
        ended.set()
        sender.join()
    device.close()
    assert [record.getMessage().split(":")[1].strip() for record in caplog.records if record.name == "stations.devices"] == ["lost", "back"]


# --- triggers and verdicts


@needs_broker
def test_each_message_is_a_part(broker, opened, caplog):
    source = opened("mqtt-trigger", channel="press-2", topic="plant/part", part_id="/serial")
    before_ns = time.monotonic_ns()
    for payload in ('{"serial": "lot7/12"}', '{"serial": 13}', '{"serial": null}', "!"):
        broker.send("plant/part", payload)
    triggers = [source.wait(PATIENCE_S) for _ in range(4)]
    assert [trigger.part_id for trigger in triggers] == ["lot7/12", "13", "part-000003", "part-000004"]
    assert {trigger.station for trigger in triggers} == {"press-2"}
    assert all(np.diff([before_ns, *(trigger.t_ns for trigger in triggers), time.monotonic_ns()]) > 0)
    assert caplog.text.count("gives no part id") == 2


@needs_broker
def test_a_verdict_is_a_json_object_at_the_topic_of_the_template(broker, opened):
    sink = opened("mqtt-sink", channel="press-2", topic="plant/{station}/{part_id}/{outcome}", retain=True)
    sink.send(Decision("a+b/#1", "fail", 0.75, kind="scratch"))
    sink.send(Decision("a+b/#1", "review", float("nan"), inspected=False))
    document = json.loads(retained_text(broker, "plant/press-2/a_b__1/fail"))
    assert abs(datetime.fromisoformat(document.pop("time")) - datetime.now(UTC)) < timedelta(seconds=PATIENCE_S)
    assert document == {
        "station": "press-2",
        "part_id": "a+b/#1",
        "outcome": "fail",
        "score": 0.75,
        "kind": "scratch",
        "inspected": True,
        "sequence": 1,
    }
    document = json.loads(retained_text(broker, "plant/press-2/a_b__1/review"))
    assert (document["score"], document["inspected"], document["sequence"]) == (None, False, 2)


def retained_text(broker, topic):
    from paho.mqtt import subscribe

    auth = {"username": "press", "password": PASSWORD}
    return subscribe.simple(topic, hostname="127.0.0.1", port=broker.port, auth=auth).payload.decode()


@needs_broker
def test_the_broker_tells_when_the_station_is_gone(broker, opened):
    sink = opened("mqtt-sink", channel="press-2")
    broker.retained("line-inspector/press-2/status", "online")
    sink.close()
    broker.retained("line-inspector/press-2/status", "offline")
    sink.open()
    broker.retained("line-inspector/press-2/status", "online")
    sink._link._session._client.socket().shutdown(socket.SHUT_RDWR)  # the cable is cut: the will speaks
    broker.retained("line-inspector/press-2/status", "offline")
    sent(sink, Decision("part-1", "pass", 0.1))
    broker.retained("line-inspector/press-2/status", "online")


# --- who is who


@needs_broker
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_wrong_credentials_are_refused_with_a_clear_line(opened, monkeypatch, caplog, version):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PRESS_PASSWORD", "Simsalabim")
    for credentials in ({"password": {"env": "PRESS_PASSWORD"}}, {"user": None, "password": None}):
        with pytest.raises(
            DriverError, match=r"^ch: mqtt://127.0.0.1:\d+: refuses this station \(Not authorized\), correct user, password"
        ) as e:
            opened("mqtt-series", topic="plant/oil", version=version, **credentials)
        assert "Simsalabim" not in str(e.value) + caplog.text


@needs_broker
def test_a_topic_that_may_not_be_written_is_told(opened, caplog):
    sink = opened("mqtt-sink", topic="secret/{station}", status_topic="secret/status")
    with pytest.raises(DriverError, match=r"does not let this user write secret/ch \(Not authorized\), allow it at the broker"):
        sink.send(Decision("part-1", "pass", 0.1))
    assert caplog.text.count("does not let this user write secret/status") == 1


PLUGINS = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))


@needs_broker
@pytest.mark.skipif(not PLUGINS, reason="mosquitto's dynamic security plugin is not installed")
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_topic_that_may_not_be_read_is_told_where_the_broker_tells_it(tmp_path, version):
    """With rights in a file mosquitto takes the subscription and sends nothing; its plugin says no."""
    port = free_port()
    rights = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    (tmp_path / "rights").write_text(json.dumps({"defaultACLAccess": rights, "clients": [], "groups": [], "roles": []}))
    (tmp_path / "conf").write_text(
        f"allow_anonymous true\nplugin {PLUGINS[0]}\nplugin_opt_config_file {tmp_path}/rights\n"
        + ("user root\n" if os.geteuid() == 0 else "")
        + f"listener {port} 127.0.0.1\n"
    )
    process = started(tmp_path / "conf", port)
    driver_class = load_driver("mqtt-series")
    driver = driver_class(driver_class.Settings(host="127.0.0.1", port=port, topic="plant/oil", version=version), channel="ch")
    try:
        with pytest.raises(DriverError, match=r"does not let this user read plant/oil \(.*\), allow it at the broker or correct the topic"):
            driver.open()
    finally:
        driver.close()
        process.kill()
        process.wait(10)


@needs_broker
def test_values_come_over_tls_from_a_trusted_broker_only(broker, opened, tmp_path):
    secure = {"port": broker.tls_port, "tls": True, "ca": str(broker.folder / "broker.pem")}
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    source = opened("mqtt-series", topic="plant/oil", **secure, password={"file": str(password)})
    broker.send("plant/oil", "2.5")
    assert values_of(source, 1) == [2.5]
    for more, message in (
        ({"ca": str(broker.folder / "stranger.pem")}, r"is not trusted \(self-signed certificate\), correct the settings host and ca"),
        ({"host": "localhost"}, r"is not trusted \(Hostname mismatch"),
        ({"port": broker.port}, "no encrypted connection can be made|cannot be reached"),
        ({"ca": str(broker.folder / "users")}, "no certificate can be read from it"),
        ({"password": {"file": str(tmp_path / "none")}}, "no password or token can be read from it"),
    ):
        with pytest.raises(DriverError, match=message):
            opened("mqtt-series", topic="plant/oil", **(secure | more))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mqtt-series", {"topic": "plant/#"}, "must be one topic"),
        ("mqtt-series", {"topic": "plant/oil", "value": "temp"}, "value"),
        ("mqtt-series", {"topic": "plant/oil", "password": {"env": "A"}}, "password needs user"),
        ("mqtt-series", {"topic": "plant/oil", "user": "u", "password": {"env": "A", "file": "b"}}, "needs one of env, file and clear"),
        ("mqtt-series", {"topic": "plant/oil", "ca": "ca.pem"}, "need tls: true"),
        ("mqtt-sink", {"topic": "{kind}"}, "has no field 'kind' to fill, use station, part_id, outcome"),
        ("mqtt-sink", {"topic": "{station"}, "is no template"),
        ("mqtt-sink", {"topic": "{station}/+"}, "must be one topic"),
        ("mqtt-trigger", {}, "topic"),
    ],
)
def test_wrong_settings_are_told_before_anything_runs(name, settings, message):
    with pytest.raises(ValidationError, match=message):
        load_driver(name).Settings.model_validate({"host": "127.0.0.1"} | settings)
