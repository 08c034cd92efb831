"""The page on which an admin lets people and machines in."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import admitting, people
from inspector.access import Logins, Present, hashed, token_hash
from inspector.errors import AccessError, StoreError
from inspector.store import EVERY_STATION, Person

PASSWORD = "correct horse battery"
HURTFUL = "<script>alert(1)</script>"


@pytest.fixture
def staff(store, quick_hashes):
    store.people.add("tester", {EVERY_STATION: "admin"}, hashed(PASSWORD))
    store.people.add(HURTFUL, {"demo-press": "operator"}, hashed(PASSWORD))
    store.clients.add("mes", ["read"], "hash", ["demo-press"])
    return store


def page():
    from dashboards.views import access

    access.show()


def shown(lang="en", chosen=None):
    app = AppTest.from_function(page, default_timeout=60)
    app.query_params["lang"] = lang
    if chosen:
        app.session_state["chosen-person"] = chosen
    app.run()
    assert not app.exception
    return app


def html_of(app):
    return " ".join(element.proto.body for element in app.get("html"))


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


@pytest.mark.parametrize(("lang", "said"), [("en", ("Last here", "operator", "added")), ("zh", ("最近登录", "操作员", "添加"))])
def test_the_page_shows_people_and_machines(staff, lang, said):
    told = html_of(shown(lang, HURTFUL))
    assert HURTFUL not in told
    assert "&lt;script&gt;" in told
    for text in (*said, "demo-press"):
        assert text in told


def test_a_person_is_added_and_can_come_in_with_what_is_shown_once(staff):
    app = shown()
    app.text_input(key="new-person").set_value("mei")
    press(app, "Add a person")
    assert Logins(staff).log_in("mei", app.code[0].value, "here")
    assert staff.audit.entries(action="person added")[0].who == "tester"
    press(app, "I have written it down")
    assert not app.code


def test_a_token_is_made_for_a_machine(staff):
    app = shown()
    app.text_input(key="new-machine").set_value("plc")
    press(app, "Make a token")
    assert staff.clients.of_token(token_hash(app.code[0].value)).name == "plc"


def test_all_that_an_admin_can_do_is_done_and_signed(staff):
    name = HURTFUL
    admitting.grant(name, "engineer", "saw")
    admitting.revoke(name, "demo-press")
    admitting.set_badge(name, " 4711 ", "2580")
    assert Logins(staff).log_in(name, admitting.reset_password(name), "here")
    admitting.set_locked(name, True)
    (person,) = [person for person, _ in admitting.everyone() if person.name == name]
    assert (person.roles, person.badge, person.is_locked) == ({"saw": "engineer"}, "4711", True)
    admitting.set_locked(name, False)
    admitting.remove(name)
    admitting.change_client("mes", ["inspect", "metrics"], ["saw"])
    assert [(client.scopes, client.stations) for client in admitting.clients()] == [({"inspect", "metrics"}, {"saw"})]
    admitting.remove_client("mes")
    done = {entry.action for entry in staff.audit.entries(who="tester")}
    assert done >= {"role granted", "role revoked", "badge changed", "password changed", "person locked", "person unlocked"}
    assert done >= {"person removed", "client changed", "client removed"}
    assert not staff.audit.check().findings


@pytest.mark.parametrize(
    "what",
    [
        lambda: admitting.everyone(),
        lambda: admitting.add("mei", "admin", EVERY_STATION),
        lambda: admitting.grant(HURTFUL, "admin", EVERY_STATION),
        lambda: admitting.reset_password(HURTFUL),
        lambda: admitting.add_client("plc", ["read"], [EVERY_STATION]),
        lambda: admitting.log_of("tester"),
    ],
)
def test_nobody_but_an_admin_in_person_lets_others_in(staff, signed_in, monkeypatch, what):
    signed_in("mei", **{EVERY_STATION: "engineer"})
    with pytest.raises(AccessError):
        what()
    admin = Person("tester", {EVERY_STATION: "admin"})
    monkeypatch.setattr(people, "present", lambda: Present(admin, screen="hall", acts_until_utc_ns=1))
    with pytest.raises(AccessError, match="on a screen"):
        what()


def test_to_all_others_the_page_says_who_may(staff, signed_in):
    signed_in("mei", **{EVERY_STATION: "engineer"})
    assert "Admins let others in" in html_of(shown())


@pytest.mark.parametrize("what", [admitting.reset_password, admitting.remove, lambda name: admitting.set_locked(name, True)])
def test_nobody_shuts_themselves_out(staff, what):
    with pytest.raises(AccessError, match="yourself"):
        what("tester")


def test_what_is_none_is_refused(staff):
    with pytest.raises(StoreError, match="no name"):
        admitting.add("  ", "viewer", EVERY_STATION)
    with pytest.raises(AccessError, match="4 to 8 digits"):
        admitting.set_badge(HURTFUL, "1", "1111")
    with pytest.raises(AccessError, match="badge has"):
        admitting.set_badge(HURTFUL, " ", "2580")
    with pytest.raises(StoreError, match="scope"):
        admitting.add_client("plc", [], [EVERY_STATION])
