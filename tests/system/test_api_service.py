"""The API as an integrator meets it: a process of its own, a real model, HTTP."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.home import DEMO_MODEL, Home, newest_version
from inspector.store import Store

INSPECTOR = str(Path(sys.executable).with_name("inspector"))
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    added = subprocess.run(
        [INSPECTOR, "api", "add", "mes", "--scope", "inspect", "--scope", "read", "--home", home],
        capture_output=True,
        text=True,
        check=True,
    )
    token = re.search(r"mes: (\S+)", added.stdout).group(1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [INSPECTOR, "api", "serve", "--model", newest_version(DEMO_MODEL), "--port", str(port), "--home", home]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
            break
        except OSError:
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < end_s, "the service does not answer"
            time.sleep(0.2)
    yield url, token, home
    process.send_signal(signal.SIGINT)
    assert process.wait(20) in (0, 130)
    process.stdout.close()


def multipart(fields, files):
    boundary = uuid.uuid4().hex
    pieces = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()
    ]
    for name, content in files.items():
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\nContent-Type: application/octet-stream\r\n\r\n'
        )
        pieces += [head.encode(), content, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def asked(service, path, body=None, **headers):
    url, token, _ = service
    headers = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, body, headers), timeout=PATIENCE_S) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_part_is_judged_once_and_kept(service):
    rng = np.random.default_rng(5)
    picture = cv2.imencode(".png", rng.integers(90, 160, (480, 640), dtype=np.uint8))[1].tobytes()
    body, kind = multipart({"part_id": "A7-000210", "station": "press"}, {"image": picture})
    status, first = asked(service, "/v1/parts", body, Content_Type=kind, Idempotency_Key="order-1")
    assert status == 201
    assert first["outcome"] in ("pass", "fail", "review")
    assert asked(service, "/v1/parts", body, Content_Type=kind, Idempotency_Key="order-1") == (201, first)
    assert asked(service, f"/v1/results/{first['inspection_id']}") == (200, first)
    assert [result["part_id"] for result in asked(service, "/v1/results?station=press")[1]["results"]] == ["A7-000210"]
    with Store.open(Home(service[2])) as store:
        assert store.audit.check().findings == ()
        assert [entry.action for entry in store.audit.entries(action="verdict")] == ["verdict"]


def test_a_picture_that_is_cut_off_is_refused(service):
    picture = cv2.imencode(".png", np.zeros((480, 640), np.uint8))[1].tobytes()[:-20]
    body, kind = multipart({"part_id": "A7-1"}, {"image": picture})
    status, refusal = asked(service, "/v1/parts", body, Content_Type=kind)
    assert (status, refusal["error"]) == (422, "image.png: is cut off before the end of the picture: replace the file")


def test_one_file_that_cannot_be_read_holds_the_part_back(service):
    picture = cv2.imencode(".png", np.full((480, 640), 120, np.uint8))[1].tobytes()
    body, kind = multipart({"part_id": "A7-2"}, {"image": picture, "series": b"no_time\n1\n"})
    status, judged = asked(service, "/v1/parts", body, Content_Type=kind)
    assert status == 201
    assert any("t_s" in reason for reason in judged["condition"]["degraded"].values())
    assert "inspector-part-" not in json.dumps(judged)


def test_what_a_client_may_not_do(service):
    assert asked(service, "/metrics")[0] == 403
    assert asked(service, "/v1/results", Authorization="Bearer guess")[0] == 401
