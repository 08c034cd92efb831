"""What OPC UA, MQTT and HTTP cost: 32 series at 10 Hz over one OPC UA session, and the time a verdict takes to be acknowledged.

`python -m tests.bench.messaging [seconds]`. Peers are processes of their own on this computer.
"""

import json
import logging
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from inspector.parts import Decision
from inspector.plugins import load_driver

PEER = Path(__file__).resolve().parents[1] / "unit" / "stations" / "opcua_peer.py"
SPACE = "nsu=http://example.org/press;s="
SERIES = 32
VERDICTS = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def made(name, **settings):
    driver_class = load_driver(name)
    driver = driver_class(driver_class.Settings.model_validate(settings), channel=name)
    driver.open()
    return driver


def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure_series(endpoint, seconds):
    drivers = [made("opcua-series", endpoint=endpoint, node=f"{SPACE}s{number}") for number in range(SERIES)]
    ages_ms, counts, ended = [], [0] * SERIES, threading.Event()

    def serve(number):
        while not ended.is_set():
            series = drivers[number].read(0.5)
            if series is not None:
                counts[number] += len(series.values)
                ages_ms.append((time.time_ns() - int(series.t_ns[-1])) / 1e6)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(SERIES)]
    began_s, used_s = time.monotonic(), cpu_s()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    took_s, used_s = time.monotonic() - began_s, cpu_s() - used_s
    for driver in drivers:
        driver.close()
    print(
        f"opcua-series: {SERIES} series, {sum(counts) / took_s / SERIES:.1f} values/s each, CPU {100 * used_s / took_s:.1f} % of one core, "
        f"from stamp to reader {np.median(ages_ms):.0f} ms (p99 {np.percentile(ages_ms, 99):.0f})"
    )


def measure_sink(sink):
    took_ms = []
    for number in range(VERDICTS):
        began_s = time.perf_counter()
        sink.send(Decision(f"part-{number}", "fail", 0.75, kind="scratch"))
        took_ms.append((time.perf_counter() - began_s) * 1e3)
        time.sleep(0.01)
    sink.close()
    print(f"{sink.channel}: {VERDICTS} verdicts, p50 {np.median(took_ms):.2f} ms, p99 {np.percentile(took_ms, 99):.2f} ms")


def with_opcua(seconds):
    port = free_port()
    options = json.dumps({"port": port, "series": SERIES})
    server = subprocess.Popen([sys.executable, PEER, options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    endpoint = f"opc.tcp://127.0.0.1:{port}/press"
    measure_series(endpoint, seconds)
    nodes = {name: f"{SPACE}{name}" for name in ("outcome", "score", "kind", "inspected", "sequence")}
    measure_sink(made("opcua-sink", endpoint=endpoint, part_id=f"{SPACE}part", **nodes))
    server.kill()
    server.communicate()


def with_mqtt():
    mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if mosquitto is None:
        print("mqtt-sink: mosquitto is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        conf = Path(folder, "conf")
        conf.write_text(f"allow_anonymous true\nlistener {port} 127.0.0.1\n")
        broker = subprocess.Popen([mosquitto, "-c", conf], stderr=subprocess.DEVNULL)
        time.sleep(1.0)
        measure_sink(made("mqtt-sink", host="127.0.0.1", port=port))
        broker.kill()
        broker.wait()


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def with_http():
    service = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    service.daemon_threads = True
    threading.Thread(target=service.serve_forever, daemon=True).start()
    measure_sink(made("webhook-sink", url=f"http://127.0.0.1:{service.server_port}/"))
    service.shutdown()
    service.server_close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    with_opcua(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
    with_mqtt()
    with_http()
