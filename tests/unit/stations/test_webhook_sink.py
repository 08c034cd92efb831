"""The webhook sink against the standard library's HTTP server, and against worse ones."""

import contextlib
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.parts import Decision
from inspector.plugins import load_driver

DECISION = Decision("part-7", "fail", 0.75, kind="scratch")


class Service:
    """An HTTP service that keeps what it was told; `stop` and `start` are a restart on the same port."""

    def __init__(self, context=None):
        self.told, self.connections, self.status, self.location = [], 0, 204, None
        self._context, self._port = context, 0
        self.start()

    @property
    def url(self):
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self._port}/verdicts?line=2"

    def start(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def setup(self):
                service.connections += 1
                service._open.append(self.request)
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.told.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(service.status)
                if service.location:
                    self.send_header("Location", service.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self._open = []
        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        if self._context:
            self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def service():
    service = Service()
    yield service
    service.stop()


@pytest.fixture
def opened():
    made = []

    def make(url, **settings):
        driver_class = load_driver("webhook-sink")
        driver = driver_class(driver_class.Settings.model_validate({"url": url} | settings), channel="press-2")
        made.append(driver)
        driver.open()
        return driver

    yield make
    for driver in made:
        driver.close()


class BadPeer:
    """Takes connections and does what `behave` does with each; what it takes when opened counts as one."""

    def __init__(self, behave):
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while not self._ended.is_set():
            connection, _ = self._listener.accept()
            with connection:
                if not self._ended.is_set():
                    self._behave(connection, self._ended)

    def end(self):
        self._ended.set()
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


def test_a_verdict_is_posted_with_its_headers_over_one_connection(service, opened, monkeypatch):
    monkeypatch.setenv("MES_TOKEN", "Bearer open-sesame")
    sink = opened(service.url, headers={"Authorization": {"env": "MES_TOKEN"}, "X-Line": "2"})
    sink.send(DECISION)
    sink.send(Decision("part-8", "review", 0.5, inspected=False))
    (path, headers, first), (_, _, second) = service.told
    assert path == "/verdicts?line=2"
    assert (headers["Authorization"], headers["X-Line"], headers["Content-Type"]) == ("Bearer open-sesame", "2", "application/json")
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "station": "press-2",
        "part_id": "part-7",
        "outcome": "fail",
        "score": 0.75,
        "kind": "scratch",
        "inspected": True,
        "sequence": 1,
    }
    assert (second["outcome"], second["kind"], second["inspected"], second["sequence"]) == ("review", None, False, 2)
    assert service.connections == 1


@pytest.mark.parametrize("status", [302, 307, 401, 500])
def test_any_other_answer_is_an_error_and_a_redirect_is_not_followed(service, opened, status):
    elsewhere = Service()
    sink = opened(service.url)
    service.status, service.location = status, elsewhere.url
    with pytest.raises(DriverError, match=rf"^press-2: {service.url.replace('?', '.')}: answers {status} "):
        sink.send(DECISION)
    elsewhere.stop()
    assert elsewhere.told == []
    service.status = 200
    sink.send(DECISION)


def test_a_service_that_was_started_again_gets_the_next_verdict(service, opened):
    sink = opened(service.url)
    sink.send(DECISION)
    service.stop()
    with pytest.raises(DriverError, match=r"cannot be reached .* start the service"):
        sink.send(DECISION)
    service.start()
    sink.send(Decision("part-9", "pass", 0.1))
    assert [document["part_id"] for _, _, document in service.told] == ["part-7", "part-9"]
    service.stop()
    service.start()  # nobody noticed
    sink.send(Decision("part-10", "pass", 0.1))
    assert service.told[-1][2]["part_id"] == "part-10"


def drip(connection, ended):
    """Answer a byte at a time, so that each wait is short and all of them are long."""
    try:
        for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 500:
            if ended.wait(0.02):
                return
            connection.send(bytes([letter]))
    except OSError:
        pass


def silent(connection, ended):
    connection.settimeout(0.05)
    while not ended.is_set():
        try:
            if not connection.recv(10_000):
                return
        except TimeoutError:
            pass
        except OSError:
            return


@pytest.mark.parametrize("behave", [drip, silent])
def test_a_slow_service_does_not_hold_the_line(opened, behave):
    peer = BadPeer(behave)
    try:
        sink = opened(peer.url, timeout_s=0.3)
        for _ in range(3):
            began_s = time.monotonic()
            with pytest.raises(
                DriverError, match=r"did not answer within 0.3 s|still not reached|cannot be reached|something else than HTTP"
            ):
                sink.send(DECISION)
            assert time.monotonic() - began_s < 2.0
    finally:
        peer.end()


def test_what_speaks_no_http_is_told(opened):
    def babble(connection, ended):
        connection.recv(10_000)
        connection.sendall(b"220 mail.example.org ESMTP\r\n")

    peer = BadPeer(babble)
    try:
        sink = opened(peer.url, timeout_s=5.0)
        with pytest.raises(DriverError, match="answers with something else than HTTP"):
            sink.send(DECISION)
    finally:
        peer.end()


def test_an_https_service_must_be_trusted(opened, tmp_path, make_certificate):
    for name in ("service", "stranger"):
        make_certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "service.pem", tmp_path / "service.key")
    service = Service(context)
    try:
        sink = opened(service.url, ca=str(tmp_path / "service.pem"))
        sink.send(DECISION)
        sink.send(DECISION)
        assert len(service.told) == 2
        assert service.connections == 1
        with pytest.raises(DriverError, match=r"is not trusted \(self-signed certificate\), correct the settings url and ca"):
            opened(service.url, ca=str(tmp_path / "stranger.pem"))
    finally:
        service.stop()


def test_a_service_that_is_not_there_and_a_missing_token_are_told(opened, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(DriverError, match=r"^press-2: http://127.*: cannot be reached \(.*refused\), start the service or correct"):
            opened(f"http://127.0.0.1:{nobody.getsockname()[1]}/")
    with pytest.raises(DriverError, match=r"^press-2: the environment variable NO_SUCH_TOKEN is not set"):
        opened("http://127.0.0.1/", headers={"Authorization": {"env": "NO_SUCH_TOKEN"}})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "ftp://host/"}, "must be an address that begins with http"),
        ({"url": "https:///path"}, "must be an address"),
        ({"url": "https://user:secret@host/"}, "must hold no password, use headers"),
        ({"url": "https://host:99999/"}, "Port out of range"),
        ({"url": "http://host/", "headers": {"X: y": "z"}}, "is no name of a header"),
        ({"url": "http://host/", "headers": {"X-Line": "1\r\nY: 2"}}, "must be printable ASCII"),
        ({"url": "http://host/", "timeout_s": 0}, "timeout_s"),
    ],
)
def test_wrong_settings_are_told_before_anything_runs(settings, message):
    with pytest.raises(ValidationError, match=message):
        load_driver("webhook-sink").Settings.model_validate(settings)
