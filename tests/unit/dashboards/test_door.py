"""Every page and route is closed to strangers: the door is walked with all routes, those of Streamlit and our own."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dashboards import door, people, server
from inspector.access import hashed, logins
from inspector.store import Store

PASSWORD = "correct horse battery"
HERE = {"origin": "http://testserver"}
HURTFUL = "<script>alert(1)</script>"

real_present = people.present


@pytest.fixture
def store(new_home, monkeypatch, quick_hashes):
    monkeypatch.setenv("INSPECTOR_HOME", str(new_home.root))
    monkeypatch.setattr(people, "present", real_present)
    door.station_of_inspection.cache_clear()
    with Store.open(new_home) as opened:
        opened.people.add("boss", {"*": "admin"}, hashed(PASSWORD))
        opened.people.add("mei", {"demo-press": "operator"}, hashed(PASSWORD))
        opened.people.add("looker", {"demo-press": "viewer"}, hashed(PASSWORD))
        opened.people.add("stranger", {"saw": "engineer"}, hashed(PASSWORD))
        opened.people.set_badge("mei", "4711", hashed("2580"))
        yield opened
    people._logins_at.cache_clear()


async def tomorrow(request):
    return PlainTextResponse(f"for {people.who()} only")


async def socket(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def endless(request):
    async def lines():
        while True:
            yield "line\n"

    return StreamingResponse(lines())


@pytest.fixture
def app(store):
    added = [Route("/tomorrow", tomorrow, methods=["GET", "POST"]), WebSocketRoute("/socket", socket), Route("/endless", endless)]
    return Starlette(routes=[*server.routes(), *added], middleware=[server.door()])


@pytest.fixture
def client(app):
    with TestClient(app, follow_redirects=False) as opened:
        yield opened


def sign_in(client, name, **more):
    reply = client.post("/login", data={"name": name, "password": PASSWORD, **more}, headers=HERE)
    assert reply.status_code == 303
    return reply


def addresses():
    """Every address that the real application serves, with something in the place of what is asked for."""
    asked = {"station": "demo-press", "inspection_id": "x", "camera": "camera", "path": "x", "path:path": "x"}
    paths = set()
    for route in server.application()._build_starlette_app().routes:
        path = route.path
        for name in getattr(route, "param_convertors", {}):
            path = path.replace(f"{{{name}:path}}", "x").replace(f"{{{name}}}", asked.get(name, "x"))
        paths.add(path or "/")
    return sorted(paths)


def test_every_route_is_closed_to_strangers(client):
    found = addresses()
    assert {"/_stcore/stream", "/live/demo-press/events", "/answers", "/who", "/_stcore/health"} <= set(found)
    for path in found:
        for method in ("GET", "POST", "PUT", "DELETE"):
            reply = client.request(method, path, headers=HERE)
            if path in door.OPEN_PATHS:
                continue
            assert reply.status_code == 401, (method, path)
            assert set(reply.json()) == {"error"}


def test_the_open_paths_are_these_two():
    assert {"/login", "/_stcore/health"} == door.OPEN_PATHS


def test_a_stranger_who_wants_a_page_is_led_to_the_login_and_back(client):
    reply = client.get("/part?id=a%20b", headers={"accept": "text/html"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/login?next=%2Fpart%3Fid%3Da%2520b")
    reply = client.post(reply.headers["location"], data={"name": "mei", "password": PASSWORD}, headers=HERE)
    assert reply.headers["location"] == "/part?id=a%20b"
    assert "httponly" in reply.headers["set-cookie"].lower()
    assert "samesite=lax" in reply.headers["set-cookie"].lower()


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a%0d%0ab"])
def test_after_login_nobody_is_led_elsewhere(client, elsewhere):
    reply = client.post(f"/login?next={elsewhere}", data={"name": "mei", "password": PASSWORD}, headers=HERE)
    assert reply.headers["location"] == "/"


def test_after_the_badge_one_is_back_where_one_came_from(client):
    sign_in(client, "boss", screen="yes")
    form = client.get("/badge", headers={"referer": "http://testserver/part?id=7"}).text
    assert 'action="/badge?lang=en&amp;next=%2Fpart%3Fid%3D7"' in form
    assert client.post("/lock", headers={**HERE, "referer": "http://testserver/part?id=7"}).headers["location"] == "/part?id=7"
    assert client.post("/lock", headers={**HERE, "referer": "http://evil.example/part"}).headers["location"] == "/"


def test_a_route_of_tomorrow_knows_who_asks(client):
    assert client.get("/tomorrow").status_code == 401
    sign_in(client, "mei")
    assert client.get("/tomorrow").text == "for mei only"
    assert client.post("/tomorrow", headers=HERE).text == "for mei only"
    assert client.get("/who").json() == {"name": "mei", "roles": {"demo-press": "operator"}, "screen": None, "acting": False}
    client.post("/logout", headers=HERE)
    assert client.get("/tomorrow").status_code == 401


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {**HERE, "sec-fetch-site": "same-site"}])
def test_nothing_is_changed_from_a_foreign_page(client, headers):
    sign_in(client, "mei")
    assert client.post("/tomorrow", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers=headers):
        pass


def test_a_websocket_is_closed_to_strangers(client):
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/socket", headers=HERE):
        pass
    assert refused.value.code == door.SIGNED_OUT
    sign_in(client, "mei")
    with client.websocket_connect("/socket", headers=HERE) as open_socket:
        open_socket.send_text("hello")
        assert open_socket.receive_text() == "hello"


def test_who_is_signed_out_is_put_out(client, store, monkeypatch):
    monkeypatch.setattr(door, "_LOOK_AGAIN_S", 0.0)
    sign_in(client, "mei")
    with client.websocket_connect("/socket", headers=HERE) as open_socket:
        store.people.set_password("mei", hashed("another password"))
        open_socket.send_text("hello")
        with pytest.raises(WebSocketDisconnect):
            open_socket.receive_text()


def test_an_endless_answer_ends_when_its_reader_is_signed_out(client, store, monkeypatch):
    monkeypatch.setattr(door, "_LOOK_AGAIN_S", 0.05)
    sign_in(client, "mei")
    asked = []

    def gone_after_a_while(token):
        asked.append(token)
        return real(token) if len(asked) < 4 else None

    real = people.logins().present
    monkeypatch.setattr(people.logins(), "present", gone_after_a_while)
    assert client.get("/endless").text.startswith("line\n")


def test_a_part_is_shown_only_to_those_who_may_see_its_station(client, store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    for name, status in (("mei", 200), ("looker", 200), ("boss", 200), ("stranger", 403)):
        sign_in(client, name)
        assert client.get(f"/parts/{inspection_id}/picture/camera.jpg").status_code == status
        client.cookies.clear()
    sign_in(client, "stranger")
    assert client.get("/live/demo-press/events").status_code == 403


def test_only_operators_answer_and_sign_it(client, store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    answer = {"inspection_id": inspection_id, "kind": "verdict_wrong"}
    for name, status in (("looker", 403), ("stranger", 404), ("mei", 201)):
        sign_in(client, name)
        assert client.post("/answers", json=answer, headers=HERE).status_code == status
        client.cookies.clear()
    assert [given.who for given in store.feedback(inspection_id)] == ["mei"]
    assert store.audit.entries(action="overruled")[0].who == "mei"


def test_a_screen_shows_and_a_badge_acts(client, store, made_line, monkeypatch):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    answer = {"inspection_id": inspection_id, "kind": "verdict_right"}
    sign_in(client, "boss", screen="yes")
    assert client.get(f"/parts/{inspection_id}/picture/camera.jpg").status_code == 200
    assert client.post("/answers", json=answer, headers=HERE).status_code == 403
    assert client.post("/badge", data={"badge": "4711", "pin": "9999"}, headers=HERE).status_code == 403
    assert client.post("/badge", data={"badge": "4711", "pin": "2580"}, headers=HERE).status_code == 303
    assert client.get("/who").json()["acting"]
    assert client.post("/answers", json=answer, headers=HERE).status_code == 201
    assert client.post("/password", data={"password": PASSWORD, "new": "another password"}, headers=HERE).status_code == 403
    client.post("/lock", headers=HERE)
    assert client.get("/who").json() == {"name": "boss", "roles": {"*": "viewer"}, "screen": "boss", "acting": False}
    client.post("/badge", data={"badge": "4711", "pin": "2580"}, headers=HERE)
    monkeypatch.setattr(people.logins(), "_wall_ns", lambda: logins.time.time_ns() + (logins.ACTING_S + 1) * 10**9)
    assert client.post("/answers", json=answer, headers=HERE).status_code == 403
    assert [given.who for given in store.feedback(inspection_id)] == ["mei"]


def test_a_password_is_changed_by_who_knows_it(client):
    sign_in(client, "mei")
    assert client.post("/password", data={"password": "wrong", "new": "another password"}, headers=HERE).status_code == 403
    assert client.post("/password", data={"password": PASSWORD, "new": "short"}, headers=HERE).status_code == 403
    assert client.post("/password", data={"password": PASSWORD, "new": "another password"}, headers=HERE).status_code == 303
    assert client.get("/who").status_code == 401
    assert client.post("/login", data={"name": "mei", "password": "another password"}, headers=HERE).status_code == 303


def test_guessing_is_answered_with_wait(client):
    statuses = [client.post("/login", data={"name": "mei", "password": "guess"}, headers=HERE).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe=\x00", b"name=mei&" * 30, b"name=" + b"x" * 10_000, b"name=mei&password=" + b"x" * 4000, b"name=%00&password=%00"],
)
def test_a_strange_form_is_refused(client, content):
    headers = HERE | {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/login", content=content, headers=headers).status_code == 403


def test_what_is_typed_is_never_markup(client):
    reply = client.post(f"/login?next=/{HURTFUL}", data={"name": f'"{HURTFUL}', "password": "x"}, headers=HERE)
    assert HURTFUL not in reply.text
    assert "&lt;script&gt;" in reply.text


@pytest.mark.parametrize(("lang", "said"), [("en", "Sign in"), ("zh", "登录")])
def test_the_login_speaks_both_languages(client, lang, said):
    assert said in client.get("/login", headers={"accept-language": lang}).text
    assert said in client.get(f"/login?lang={lang}").text
