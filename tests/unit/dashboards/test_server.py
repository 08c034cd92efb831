import base64
from io import BytesIO

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboards import server
from inspector.monitoring.watching import Watch
from inspector.store import spoken
from inspector.store.replays import ReplayWriter

HERE = {"origin": "http://testserver", "host": "testserver"}


@pytest.fixture
def client():
    with TestClient(Starlette(routes=server.routes())) as opened:
        yield opened


@pytest.fixture
def failed(store, made_line):
    return store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))


def test_a_picture_may_be_kept_for_ever(client, failed):
    reply = client.get(f"/parts/{failed}/picture/camera.jpg")
    assert reply.status_code == 200
    assert "immutable" in reply.headers["cache-control"]
    assert Image.open(BytesIO(reply.content)).size == (640, 480)


def test_a_heat_map_has_the_size_of_its_picture_and_is_clear_somewhere(client, failed):
    layer = Image.open(BytesIO(client.get(f"/parts/{failed}/heat/camera.png").content)).convert("RGBA")
    assert layer.size == (640, 480)
    assert layer.getchannel("A").getextrema() == (0, 255)


def test_a_thumbnail_is_small(client, failed):
    assert Image.open(BytesIO(client.get(f"/parts/{failed}/thumbnail/camera.jpg").content)).size == (160, 120)


@pytest.mark.parametrize(
    "address",
    [
        "/parts/{id}/picture/..%2f..%2f..%2finspector.jpg",
        "/parts/{id}/picture/%2fetc%2fpasswd.jpg",
        "/parts/..%2f{id}/picture/camera.jpg",
        "/parts/{id}/picture/other.jpg",
        "/parts/{id}/heat/..%2fcamera.png",
        "/parts/nothing/picture/camera.jpg",
        "/live/..%2f..%2f/events",
        "/live/a%00b/events",
    ],
)
def test_nothing_else_can_be_read(client, failed, address):
    assert client.get(address.format(id=failed)).status_code == 404


def test_an_answer_is_stored_once_however_often_it_is_sent(client, store, failed):
    answer = {"inspection_id": failed, "kind": "helped", "fix_id": "tension-belt", "token": "abc"}
    first = client.post("/answers", json=answer, headers=HERE)
    again = client.post("/answers", json=answer, headers=HERE)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert [(item.kind, item.fix_id, item.who) for item in store.feedback(failed)] == [("helped", "tension-belt", "tester")]


def test_a_fix_that_was_not_suggested_is_not_credited(client, store, failed):
    client.post("/answers", json={"inspection_id": failed, "kind": "helped", "fix_id": "something-else"}, headers=HERE)
    assert [item.fix_id for item in store.feedback(failed)] == [None]


def test_an_answer_of_one_who_only_may_look_is_refused(client, store, failed, signed_in):
    signed_in("guest", **{"*": "viewer"})
    reply = client.post("/answers", json={"inspection_id": failed, "kind": "helped"}, headers=HERE)
    assert (reply.status_code, "operator" in reply.json()["error"]) == (403, True)
    assert store.feedback(failed) == []


def test_a_fix_is_applied_with_the_settings_that_were_chosen(client, store, failed):
    applied = {"inspection_id": failed, "kind": "applied", "fix_id": "tension-belt", "parameters": {"belt_tension": 0.52}}
    assert client.post("/answers", json=applied, headers=HERE).status_code == 201
    assert client.post("/answers", json=applied | {"kind": "helped"}, headers=HERE).status_code == 201
    setting = {"name": "belt_tension", "value": 0.52, "unit": "MPa"}
    assert [item.detail for item in store.feedback(failed)] == [{"parameters": [setting]}, {}]
    [case] = store.cases()
    assert [(one.value, one.unit) for one in case.parameters] == [(0.52, "MPa")]


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"belt_tension": 0.6}, "outside the safe limits 0.45 to 0.55 MPa"),
        ({"voltage": 5}, "no setting"),
        ({"belt_tension": "NaN"}, "number"),
    ],
)
def test_unsafe_settings_are_refused(client, store, failed, parameters, why):
    applied = {"inspection_id": failed, "kind": "applied", "fix_id": "tension-belt", "parameters": parameters}
    reply = client.post("/answers", json=applied, headers=HERE)
    assert reply.status_code == 400
    assert why in reply.json()["error"]
    assert store.feedback(failed) == []


def test_the_true_defect_and_cause_are_kept(client, store, failed):
    named = {"inspection_id": failed, "kind": "named", "defect": "burr", "cause": "tool_wear"}
    assert client.post("/answers", json=named, headers=HERE).status_code == 201
    assert client.post("/answers", json=named | {"defect": None, "cause": None}, headers=HERE).status_code == 400
    assert client.post("/answers", json={"inspection_id": failed, "kind": "note", "note": " "}, headers=HERE).status_code == 400
    assert [item.detail for item in store.feedback(failed)] == [{"defect": "burr", "cause": "tool_wear"}]


def test_the_sound_of_a_part_can_be_played(client, failed):
    reply = client.get(f"/parts/{failed}/sound/microphone.flac")
    assert (reply.status_code, reply.content[:4]) == (200, b"fLaC")
    assert client.get(f"/parts/{failed}/sound/..%2fcamera.flac").status_code == 404


def test_a_wall_shows_no_station_that_its_reader_may_not_see(client, failed, signed_in):
    signed_in("guest", **{"other": "viewer"})
    assert client.get("/wall/events?stations=other,demo-press").status_code == 404


def test_an_alarm_is_acknowledged_shelved_and_taken_back(client, store, failed, signed_in):
    Watch(store, "demo-press").look()
    [alarm] = client.get("/alarms/demo-press.json").json()["open"]
    assert alarm["title"]["zh"] == "皮带打滑"

    def act(**action):
        return client.post("/alarms", json={"station": "demo-press", "alarm_id": alarm["id"], **action}, headers=HERE)

    assert act(action="acknowledge").json()["acknowledged_by"] == "tester"
    assert act(action="shelve", minutes=7, reason="repair_under_way").status_code == 400
    assert act(action="shelve", minutes=30, reason="because").status_code == 400
    assert act(action="shelve", minutes=30, reason="repair_under_way").json()["state"] == "shelved"
    assert act(action="unshelve").json()["state"] == "unacknowledged"
    assert act(action="forget").status_code == 400
    assert act(action="acknowledge", alarm_id="nobody").status_code == 404
    signed_in("guest", **{"*": "viewer"})
    assert act(action="acknowledge").status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {**HERE, "sec-fetch-site": "cross-site"}])
def test_answers_come_only_from_our_own_pages(client, store, failed, headers):
    reply = client.post("/answers", json={"inspection_id": failed, "kind": "helped"}, headers=headers)
    assert reply.status_code == 403
    assert store.feedback(failed) == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b'{"kind": "shout"}', 400),
        (b'{"kind": "helped", "inspection_id": 7}', 400),
        (b'{"kind": "helped", "inspection_id": "nobody"}', 404),
        (b'{"kind": "helped"}', 404),
        (b'{"kind": "helped", "note": "' + b"x" * 9000 + b'"}', 400),
        (b'{"kind": "note", "recording": "' + b"A" * 1_600_000 + b'"}', 400),
        (b"\xff\xfe", 400),
    ],
)
def test_a_wrong_answer_is_refused(client, store, content, status):
    headers = HERE | {"content-type": "application/json"}
    assert client.post("/answers", content=content, headers=headers).status_code == status


def test_a_note_may_be_spoken(client, store, failed):
    webm = base64.b64encode(b"\x1a\x45\xdf\xa3" + bytes(200_000)).decode()
    note = {"inspection_id": failed, "kind": "note", "recording": webm, "token": "spoken"}
    assert client.post("/answers", json=note, headers=HERE).status_code == 201
    assert client.post("/answers", json=note, headers=HERE).status_code == 201
    (given,) = store.feedback(failed)
    assert (given.who, given.note, given.detail["recording"]["bytes"]) == ("tester", None, 200_004)
    assert [path.name for path in spoken.recordings(store.get(failed).folder).values()] == [given.detail["recording"]["name"]]


@pytest.mark.parametrize(
    "wrong", [{"recording": "PHN2Zz4="}, {"recording": "no base64!"}, {"recording": ""}, {"recording": "GkXfow==", "kind": "helped"}]
)
def test_what_is_no_spoken_note_is_refused(client, store, failed, wrong):
    assert client.post("/answers", json={"inspection_id": failed, "kind": "note"} | wrong, headers=HERE).status_code == 400
    assert spoken.recordings(store.get(failed).folder) == {}


def test_a_viewer_leaves_no_recording(client, store, failed, signed_in):
    signed_in("guest", **{"*": "viewer"})
    note = {"inspection_id": failed, "kind": "note", "recording": "GkXfow=="}
    assert client.post("/answers", json=note, headers=HERE).status_code == 403
    assert spoken.recordings(store.get(failed).folder) == {}


def test_a_form_is_no_answer(client, store, failed):
    assert client.post("/answers", data={"kind": "helped", "inspection_id": failed}, headers=HERE).status_code == 400


def test_files_of_a_replay_are_found_and_nothing_else(client, store, made_line, tmp_path):
    writer = ReplayWriter(tmp_path / "replays", "shift-3")
    writer.add(4, made_line.inspection(5, fault=made_line.FAULTS[0]))
    writer.finish({"parts": []})
    assert client.get("/replays/shift-3/before/4/picture/camera.jpg").headers["content-type"] == "image/jpeg"
    assert client.get("/replays/shift-3/before/4/heat/camera.png").headers["content-type"] == "image/png"
    assert client.get("/replays/shift-3/before/4/sound/microphone.flac").status_code == 200
    for wrong in ("shift-3/after/4/picture/camera.jpg", "shift-3/elsewhere/4/picture/camera.jpg", "shift-3/before/x/picture/camera.jpg"):
        assert client.get(f"/replays/{wrong}").status_code == 404
    for wrong in (
        "..%2fshift-3/before/4/picture/camera.jpg",
        "shift-3/before/4/picture/..%2fcamera.jpg",
        "no/before/4/heat/camera.png",
    ):
        assert client.get(f"/replays/{wrong}").status_code == 404


def test_a_drawn_mask_is_kept_for_its_picture_only(client, store, failed, signed_in):
    sent = {"inspection_id": failed, "camera": "camera", "width_px": 640, "height_px": 480, "runs": [1000, 200, 640 * 480 - 1200]}
    assert client.post("/masks", json=sent, headers=HERE).status_code == 201
    drawn = store.masks(failed)["camera"]
    assert (drawn.who, drawn.mask.runs[:2]) == ("tester", (1000, 200))
    assert client.post("/masks", json=sent).status_code == 403
    assert client.post("/masks", json=sent | {"runs": [5]}, headers=HERE).status_code == 400
    assert client.post("/masks", json=sent | {"width_px": 480, "height_px": 640}, headers=HERE).status_code == 400
    assert client.post("/masks", json=sent | {"runs": [-1, 640 * 480 + 1]}, headers=HERE).status_code == 400
    assert client.post("/masks", json=sent | {"camera": "../camera"}, headers=HERE).status_code == 404
    signed_in("guest", **{"*": "viewer"})
    assert client.post("/masks", json=sent, headers=HERE).status_code == 403
