"""Events to real peers: a web service that comes and goes, and mosquitto."""

import json
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from inspector.errors import ConfigError
from inspector.parts import Inspection, ModelRef, PartRecord, Trigger, Verdict
from inspector.store import Store
from stations import events
from stations.events import Teller, load_subscriptions

MOSQUITTO = shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin")
PATIENCE_S = 30.0
HURTFUL = "<script>alert(1)</script>"

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def store(new_home):
    with Store.open(new_home) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(events, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(events, "_POLL_S", 0.02)


@pytest.fixture
def telling(store, tmp_path):
    started = []

    def start(text):
        path = tmp_path / "events.yaml"
        path.write_text(text)
        for name, subscription in load_subscriptions(path).items():
            teller = Teller(name, subscription, store)
            teller.start()
            started.append(teller)
            wait_for(lambda name=name: any(reader.name == name for reader in store.events.readers()))
        return started

    yield start
    for teller in started:
        teller.stop()


class Service:
    """A web service on one port that can be stopped and started, and answers as told."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.got, self.status, self._server = [], 200, None

    def start(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if service.status == 200:
                    service.got.append(json.loads(body))
                self.send_response(service.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def service():
    made = Service()
    yield made
    made.stop()


def part(part_id):
    return Inspection(PartRecord(Trigger("press", part_id, 0), {}, {}, {}), Verdict("review", 0.4, 0.5, ModelRef("m", "1", "abc")))


def wait_for(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.02)


def test_events_wait_on_disk_until_their_reader_is_back(store, service, telling):
    store.add(part("before anybody listened"))
    telling(f"mes:\n  webhook: {{url: 'http://127.0.0.1:{service.port}/in'}}\n")
    for number in range(3):
        inspection_id = store.add(part(f"p{number}"))
    store.signed("mei").add_feedback(inspection_id, "verdict_wrong", who="mei", note=HURTFUL)
    store.people.add("li", {}, "hash")
    time.sleep(0.2)
    assert service.got == []
    service.start()
    wait_for(lambda: len(service.got) == 4)
    assert [event["detail"]["part_id"] for event in service.got] == ["p0", "p1", "p2", "p2"]
    assert [event["kind"] for event in service.got] == ["verdict"] * 3 + ["overruled"]
    assert service.got[-1]["detail"]["note"] == HURTFUL
    assert {(event["version"], len(event)) for event in service.got} == {(1, 7)}
    service.status = 503
    store.add(part("p3"))
    time.sleep(0.2)
    service.status = 200
    wait_for(lambda: len(service.got) == 5)
    wait_for(lambda: store.events.readers()[0].waiting == 0)


def test_a_teller_that_begins_again_goes_on_where_it_was(store, service, telling):
    text = f"mes:\n  webhook: {{url: 'http://127.0.0.1:{service.port}/in'}}\n  kinds: [verdict]\n"
    service.start()
    (teller,) = telling(text)
    store.add(part("p0"))
    wait_for(lambda: len(service.got) == 1)
    teller.stop()
    store.add(part("p1"))
    telling(text)
    wait_for(lambda: len(service.got) == 2)
    assert [event["detail"]["part_id"] for event in service.got] == ["p0", "p1"]
    store.events.forget("mes")
    assert store.events.readers() == []


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_events_over_mqtt(store, telling, tmp_path):
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    port = Service().port
    (tmp_path / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    broker = subprocess.Popen([MOSQUITTO, "-c", tmp_path / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    heard, listening = [], threading.Event()
    listener = Client(CallbackAPIVersion.VERSION2)
    listener.on_connect = lambda client, *_: client.subscribe("line-inspector/#", qos=1)
    listener.on_subscribe = lambda *_: listening.set()
    listener.on_message = lambda _client, _data, message: heard.append((message.topic, json.loads(message.payload)))
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        listener.connect("127.0.0.1", port)
        listener.loop_start()
        assert listening.wait(PATIENCE_S)
        telling(f"plant:\n  mqtt: {{host: 127.0.0.1, port: {port}}}\n")
        store.add(part("p0"))
        wait_for(lambda: heard)
        assert (heard[0][0], heard[0][1]["detail"]["part_id"]) == ("line-inspector/events/verdict", "p0")
    finally:
        listener.disconnect()
        listener.loop_stop()
        broker.kill()
        broker.wait(10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mes: {}\n", "needs one of webhook and mqtt"),
        ("mes: {webhook: {url: 'ftp://x'}}\n", r"mes.webhook.url: must be an address"),
        ("mes: {webhook: {url: 'http://x'}, more: 1}\n", "mes.more"),
        ("mes: {mqtt: {host: x, topic: 'a/{part}'}}\n", "no other field"),
    ],
)
def test_a_wrong_file_is_told_with_its_key(tmp_path, text, said):
    path = tmp_path / "events.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_subscriptions(path)
