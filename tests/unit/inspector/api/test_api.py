import gzip
import io
import time
import zipfile
import zlib

import numpy as np
import pytest
import soundfile
from limits import parse
from PIL import Image

from inspector.access.passwords import token_hash
from inspector.api import Limits
from inspector.store import SCOPES

HURTFUL = "<script>alert(1)</script>"


def png(width=8, height=8):
    file = io.BytesIO()
    Image.new("L", (width, height), 90).save(file, "PNG")
    return file.getvalue()


class PretendBench:
    """In the place of a model, whose loading is tested elsewhere: it keeps what it was asked."""

    def __init__(self):
        self.asked = []

    @property
    def model(self):
        from inspector.parts import ModelRef

        return ModelRef("demo", "9.9.9", "cd" * 32)

    def inspect(self, files, part_id, station):
        from dataclasses import replace

        from inspector.parts import Trigger

        self.asked.append((part_id, station, {name: path.name for name, path in files.items()}))
        made = part(part_id)
        return replace(made, record=replace(made.record, trigger=Trigger(station, part_id, 0)))


def part(part_id):
    from inspector.parts import Inspection, ModelRef, PartRecord, Trigger, Verdict

    return Inspection(PartRecord(Trigger("x", part_id, 0), {}, {}, {}), Verdict("pass", 0.1, 0.5, ModelRef("demo", "9.9.9", "cd" * 32)))


def replace_station(inspection, station):
    from dataclasses import replace

    trigger = replace(inspection.record.trigger, station=station)
    return replace(inspection, record=replace(inspection.record, trigger=trigger))


def routes(client):
    document = client.get("/openapi.json").json()
    return [(method, path) for path, operations in document["paths"].items() for method in operations]


def test_every_route_but_one_takes_a_token(make_client):
    stranger = make_client(token=None)
    for method, path in routes(stranger):
        reply = stranger.request(method, path.replace("{", "").replace("}", ""))
        assert reply.status_code == (200 if path == "/healthz" else 401), path
    assert make_client(token="wrong").get("/v1/results").headers["www-authenticate"] == "Bearer"


def test_every_route_takes_its_scope(make_client, store):
    store.clients.add("one", ["metrics"], token_hash("one"))
    store.clients.add("others", ["inspect", "read", "feedback"], token_hash("others"))
    clients = [make_client(token=name) for name in ("one", "others")]
    for method, path in routes(clients[0]):
        statuses = {client.request(method, path.replace("{", "").replace("}", "")).status_code for client in clients}
        assert statuses & {403, 422} or path == "/healthz", path


def test_a_removed_client_is_out_at_once(client, store):
    assert client.get("/v1/results").status_code == 200
    store.clients.remove("tests")
    assert client.get("/v1/results").status_code == 401


def test_results_are_listed_filtered_and_read(client, store):
    listed = client.get("/v1/results", params={"station": "demo-press", "outcome": "fail", "limit": 2}).json()
    assert [result["part_id"] for result in listed["results"]] == ["p2", "p1"]
    more = client.get("/v1/results", params={"before": listed["next_before"]}).json()
    assert [result["part_id"] for result in more["results"]] == ["p0"]
    assert client.get("/v1/results", params={"part": "1"}).json()["results"][0]["part_id"] == "p1"
    one = client.get(f"/v1/results/{listed['results'][0]['inspection_id']}").json()
    assert (one["part_id"], one["outcome"], one["model"]["name"]) == ("p2", "fail", "demo")
    assert client.get("/v1/results", params={"statoin": "saw"}).status_code == 422
    assert client.get("/v1/results/nobody").json() == {"error": "there is no inspection 'nobody'"}


def test_a_part_is_inspected_and_kept(make_client, store):
    bench = PretendBench()
    client = make_client(bench=bench)
    reply = client.post("/v1/parts", data={"part_id": HURTFUL, "station": "saw"}, files={"image": ("../../etc/passwd", png())})
    assert reply.status_code == 201
    assert bench.asked == [(HURTFUL, "saw", {"image": "image.png"})]
    assert store.get(reply.json()["inspection_id"]).summary.part_id == HURTFUL
    assert [model["version"] for model in client.get("/v1/models").json()["models"] if model["in_service"]] == ["9.9.9"]


def test_a_request_that_comes_twice_is_worked_on_once(make_client, store):
    bench = PretendBench()
    client = make_client(bench=bench)

    def post(part_id, key="order-1042"):
        return client.post("/v1/parts", data={"part_id": part_id}, files={"image": ("a.png", png())}, headers={"Idempotency-Key": key})

    first, again = post("p9"), post("p9")
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(bench.asked) == 1
    assert post("another").status_code == 422
    assert post("p9", "order-1043").status_code == 201
    assert len(bench.asked) == 2
    store.clients.begin("tests", "slow", "x")
    assert post("p9", "slow").status_code in (409, 422)


def test_a_request_that_failed_may_be_sent_again_with_its_key(make_client):
    client = make_client()
    key = {"Idempotency-Key": "k"}
    assert client.post("/v1/parts", data={"part_id": "p"}, files={"image": ("a.png", png())}, headers=key).status_code == 409
    client = make_client(bench=PretendBench())
    assert client.post("/v1/parts", data={"part_id": "p"}, files={"image": ("a.png", png())}, headers=key).status_code == 201


def npz_bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("samples.npy", "w") as member:
        for _ in range(33):
            member.write(bytes(16_000_000))
    return file.getvalue()


def flac_bomb():
    """Silence whose header says that it lasts for days."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_384, np.float32), 48_000, format="FLAC", subtype="PCM_16")
    whole = bytearray(file.getvalue())
    whole[21] |= 0x0F  # the upper four of 36 bits that count samples
    return bytes(whole)


def large_picture():
    whole = bytearray(png())
    whole[16:24] = (60_000).to_bytes(4, "big") * 2
    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4, "big")
    return bytes(whole)


@pytest.mark.parametrize(
    ("modality", "content", "status"),
    [
        ("image", b"<svg/>", 415),
        ("image", b"", 415),
        ("image", b"\x89PNG\r\n\x1a\n broken", 422),
        ("image", large_picture(), 413),
        ("audio", png(), 415),
        ("vibration", b"PK\x03\x04 broken", 422),
        ("vibration", npz_bomb(), 413),
        ("audio", flac_bomb(), 413),
        ("vibration", flac_bomb(), 413),
        ("audio", b"RIFF broken", 422),
        ("audio", b"fLaC broken", 422),
        ("series", b"\x00\x01", 415),
        ("series", b"\x1f\x8b broken", 422),
        ("series", gzip.compress(bytes(520_000_000), 1), 413),
    ],
    ids=range(14),
)
def test_a_file_of_a_wrong_kind_or_size_is_refused(make_client, modality, content, status):
    reply = make_client(bench=PretendBench()).post("/v1/parts", data={"part_id": "p"}, files={modality: ("file", content)})
    assert reply.status_code == status
    assert modality in reply.json()["error"]


def test_a_request_that_is_too_long_is_refused_also_where_it_does_not_say_so(make_client):
    client = make_client(limits=Limits(body_mb=0.01))

    def pieces():
        for _ in range(100):
            yield b"x" * 1000

    assert client.post("/v1/suggestions", content=b"x" * 20_000).status_code == 413
    reply = client.post("/v1/suggestions", content=pieces(), headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()) == (413, {"error": "a request takes at most 0.01 MB"})


def test_references_stay_in_their_folder(make_client, tmp_path):
    inbox = tmp_path / "inbox"
    (inbox / "day").mkdir(parents=True)
    (inbox / "day" / "a.png").write_bytes(png())
    (tmp_path / "secret.png").write_bytes(png())
    (inbox / "link.png").symlink_to(tmp_path / "secret.png")
    client = make_client(bench=PretendBench(), inbox=inbox)

    def refer(path):
        return client.post("/v1/parts/by-reference", json={"part_id": "p", "files": {"image": path}}).status_code

    assert refer("day/a.png") == 201
    for path in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "day", "nothing.png", "day/../../secret.png"):
        assert refer(path) == 404


def test_feedback_is_kept_signed_and_in_the_log(client, store):
    inspection_id = store.latest_id()
    reply = client.post(f"/v1/results/{inspection_id}/feedback", json={"kind": "verdict_wrong", "who": "mei", "note": HURTFUL})
    assert reply.status_code == 201
    assert [(given.who, given.note) for given in store.feedback(inspection_id)] == [("mei (by tests)", HURTFUL)]
    assert store.audit.entries(action="overruled")[0].who == "mei (by tests)"
    wrong = {"kind": "helped", "fix_id": "not-suggested"}
    assert client.post(f"/v1/results/{inspection_id}/feedback", json=wrong).status_code == 422
    assert client.post("/v1/results/nobody/feedback", json={"kind": "helped"}).status_code == 404
    assert client.post(f"/v1/results/{inspection_id}/feedback", json={"kind": "helped", "more": 1}).status_code == 422


def test_cases_suggestions_stations_and_recordings(client, new_home):
    found = client.get("/v1/cases", params={"cause": "belt_slip", "limit": 1}).json()
    assert found["total"] > len(found["cases"]) == 1
    suggested = client.post("/v1/suggestions", json={"cause": "belt_slip"}).json()["suggestions"]
    assert suggested[0]["action"]["zh"]
    assert client.post("/v1/suggestions", json={}).status_code == 422
    station = client.get("/v1/stations").json()["stations"][0]
    assert (station["station"], station["last_hour"]) == ("demo-press", {"fail": 3})
    assert client.get("/v1/stations/saw").status_code == 404
    (new_home.recordings / "press").mkdir(parents=True)
    (new_home.recordings / "press" / "a.mcap").write_bytes(b"not a recording")
    assert [one["name"] for one in client.get("/v1/recordings").json()["recordings"]] == ["press/a.mcap"]
    damaged = client.get("/v1/recording", params={"name": "press/a.mcap"})
    assert damaged.status_code == 422
    assert str(new_home.root) not in damaged.text
    assert client.get("/v1/recording", params={"name": "../inspector.db"}).status_code == 404


def test_metrics_are_prometheus_text(client):
    client.get("/v1/results")
    text = client.get("/metrics").text
    assert 'inspector_api_requests_total{method="GET",route="/v1/results",status="200"} 1.0' in text
    assert 'inspector_station_parts_last_hour{outcome="fail",station="demo-press"} 3.0' in text
    assert 'inspector_channel_drops{channel="camera",station="demo-press"} 2.0' in text


def test_who_asks_too_often_waits(make_client):
    client = make_client(limits=Limits(requests=parse("3 per minute"), wrong_tokens=parse("2 per minute")))
    assert [client.get("/v1/models").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert 0 < int(client.get("/v1/models").headers["retry-after"]) <= 60
    client.headers["authorization"] = "Bearer guess"
    assert [client.get("/v1/models").status_code for _ in range(3)] == [401, 401, 429]


def test_a_database_that_is_away_is_told_without_its_address(client, store, new_home):
    store.close()
    (new_home.root / "inspector.db").write_bytes(b"not a database" * 100)
    for name in ("inspector.db-wal", "inspector.db-shm"):
        (new_home.root / name).unlink(missing_ok=True)
    reply = client.get("/v1/results")
    assert reply.status_code == 503
    assert "sqlite" not in reply.text


def test_importing_the_api_costs_no_torch():
    import subprocess
    import sys

    code = "import sys, inspector.api; print([name for name in ('torch', 'cv2', 'pandas', 'streamlit') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["samples", "x"])
def test_a_series_is_text_or_packed_text(make_client, name):
    bench = PretendBench()
    client = make_client(bench=bench)
    table = f"t_s,{name}\n0,{np.pi}\n".encode()
    for content in (table, gzip.compress(table)):
        assert client.post("/v1/parts", data={"part_id": "p"}, files={"series": ("x", content)}).status_code == 201
    assert [files["series"] for _, _, files in bench.asked] == ["series.csv", "series.csv.gz"]


def test_a_bench_that_is_full_says_so(make_client):
    client = make_client(bench=PretendBench(), limits=Limits(waiting_parts=1))
    service = client.app.state.service
    service.waiting.acquire()
    began_s = time.monotonic()
    reply = client.post("/v1/parts", data={"part_id": "p"}, files={"image": ("a.png", png())})
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
    assert time.monotonic() - began_s < 5


@pytest.fixture
def at_one_station(make_client, store):
    store.clients.add("saw only", SCOPES, token_hash("saw"), ["saw"])
    return make_client(token="saw", bench=PretendBench())


def test_a_client_of_one_station_sees_and_does_only_what_is_there(at_one_station, store, new_home):
    mine, its = store.add(replace_station(part("s1"), "saw")), store.recent(station="demo-press")[0].inspection_id
    for station in ("saw", "demo-press"):
        (new_home.recordings / station).mkdir(parents=True)
        (new_home.recordings / station / "a.mcap").write_bytes(b"")
    client = at_one_station
    assert [one["inspection_id"] for one in client.get("/v1/results").json()["results"]] == [mine]
    assert client.get("/v1/results?station=demo-press").status_code == 403
    assert client.get(f"/v1/results/{mine}").status_code == 200
    assert client.get(f"/v1/results/{its}").status_code == 404
    assert client.post(f"/v1/results/{its}/feedback", json={"kind": "verdict_wrong"}).status_code == 404
    assert [one["station"] for one in client.get("/v1/stations").json()["stations"]] == ["saw"]
    assert client.get("/v1/stations/demo-press").status_code == 403
    assert [one["name"] for one in client.get("/v1/recordings").json()["recordings"]] == ["saw/a.mcap"]
    assert client.get("/v1/recording?name=demo-press/a.mcap").status_code == 404
    assert "demo-press" not in client.get("/metrics").text
    send = {"files": {"image": png()}}
    assert client.post("/v1/parts", data={"part_id": "1", "station": "saw"}, **send).status_code == 201
    assert client.post("/v1/parts", data={"part_id": "1", "station": "demo-press"}, **send).status_code == 403
    reference = {"part_id": "1", "station": "demo-press", "files": {"image": "a.png"}}
    assert client.post("/v1/parts/by-reference", json=reference).status_code == 403


def test_a_client_of_several_stations_says_which(make_client, store):
    store.clients.add("two", ["read"], token_hash("two"), ["saw", "demo-press"])
    client = make_client(token="two")
    reply = client.get("/v1/results")
    assert (reply.status_code, reply.json()["error"]) == (403, "query.station: say which one of demo-press, saw")
    assert client.get("/v1/results?station=demo-press").status_code == 200


def test_no_station_gets_more_parts_than_it_may(make_client):
    client = make_client(bench=PretendBench(), limits=Limits(station_parts=parse("2 per minute")))

    def send(station):
        return client.post("/v1/parts", data={"part_id": "1", "station": station}, files={"image": png()})

    assert [send("saw").status_code for _ in range(3)] == [201, 201, 429]
    assert 0 < int(send("saw").headers["retry-after"]) <= 60
    assert send("press").status_code == 201
