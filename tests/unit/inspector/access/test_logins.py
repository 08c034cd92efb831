import pytest

from inspector.access import Logins, checked_password, checked_pin, first_password, hashed, logins
from inspector.access.logins import LockedOutError, TooOftenError
from inspector.errors import AccessError, StoreError
from inspector.store import Store

PASSWORD = "correct horse battery"
NOON_NS = 1_800_000_000_000_000_000


class Wall:
    def __init__(self):
        self.now_ns = NOON_NS

    def __call__(self):
        return self.now_ns

    def pass_s(self, seconds):
        self.now_ns += int(seconds * 1e9)


@pytest.fixture
def wall(monkeypatch):
    clock = Wall()
    monkeypatch.setattr("inspector.store.sessions.time.time_ns", clock)
    return clock


@pytest.fixture
def store(new_home):
    with Store.open(new_home) as opened:
        yield opened


@pytest.fixture
def people(store, quick_hashes):
    store.people.add("mei", {"press": "operator", "saw": "viewer"}, hashed(PASSWORD))
    store.people.set_badge("mei", "4711", hashed("2580"))
    store.people.add("hall", {"press": "engineer"}, hashed(PASSWORD))
    return store.people


@pytest.fixture
def doors(store, people, wall):
    return Logins(store, wall)


def test_the_first_password_is_given_once_and_kept_nowhere(store, tmp_path):
    password = first_password(store)
    assert password is not None
    assert first_password(store) is None
    token = Logins(store).log_in("admin", password, "here")
    assert Logins(store).present(token).person.may("admin")
    store.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert password.encode() not in content
            assert token.encode() not in content


def test_roles_hold_at_their_station_and_include_the_smaller_ones(people):
    mei = next(person for person in people.everyone() if person.name == "mei")
    assert mei.may("operator", "press")
    assert mei.may("viewer", "press")
    assert not mei.may("engineer", "press")
    assert mei.may("viewer", "saw")
    assert not mei.may("operator", "saw")
    assert not mei.may("viewer", "lathe")
    assert not mei.may("viewer")


@pytest.mark.parametrize(("name", "password"), [("mei", "wrong horse"), ("nobody", PASSWORD), ("mei", ""), ("mei", "x" * 5000)])
def test_a_wrong_name_and_a_wrong_password_sound_the_same(doors, name, password):
    with pytest.raises(AccessError, match=r"^wrong name or password$"):
        doors.log_in(name, password, "here")


def test_guessing_is_slowed_down(doors):
    for _ in range(5):
        with pytest.raises(AccessError, match="wrong name"):
            doors.log_in("mei", "guess", "10.0.0.9")
    with pytest.raises(TooOftenError):
        doors.log_in("mei", PASSWORD, "10.0.0.9")
    assert doors.log_in("mei", PASSWORD, "10.0.0.1")


def test_guessing_many_names_from_one_place_is_slowed_down(doors):
    for number in range(20):
        with pytest.raises(AccessError):
            doors.log_in(f"name {number}", "guess", "10.0.0.9")
    with pytest.raises(TooOftenError):
        doors.log_in("mei", PASSWORD, "10.0.0.9")


def test_a_session_ends_by_itself_by_hand_and_with_a_new_password(doors, people, wall):
    token = doors.log_in("mei", PASSWORD, "here")
    wall.pass_s(logins.PERSON_S - 1)
    assert doors.present(token).person.name == "mei"
    wall.pass_s(2)
    assert doors.present(token) is None
    token = doors.log_in("mei", PASSWORD, "here")
    doors.log_out(token)
    assert doors.present(token) is None
    token = doors.log_in("mei", PASSWORD, "here")
    people.set_password("mei", hashed("another password"))
    assert doors.present(token) is None
    assert doors.present("made up") is None
    assert doors.present(None) is None


def test_a_screen_only_shows_until_somebody_acts_and_locks_itself(doors, wall):
    token = doors.log_in("hall", PASSWORD, "here", is_screen=True)
    assert doors.present(token).person.may("viewer", "press")
    assert not doors.present(token).person.may("operator", "press")
    doors.act(token, "4711", "2580", "here")
    present = doors.present(token)
    assert (present.person.name, present.screen, present.is_acting) == ("mei", "hall", True)
    assert present.person.may("operator", "press")
    wall.pass_s(100)
    doors.touch(token)
    wall.pass_s(100)
    assert doors.present(token).person.name == "mei"
    wall.pass_s(100)
    assert doors.present(token).person.name == "hall"
    doors.act(token, "4711", "2580", "here")
    doors.lock(token)
    assert not doors.present(token).is_acting


def test_a_pin_opens_only_screens_and_cannot_be_guessed(doors):
    own = doors.log_in("mei", PASSWORD, "here")
    with pytest.raises(AccessError, match="for a screen"):
        doors.act(own, "4711", "2580", "here")
    screen = doors.log_in("hall", PASSWORD, "here", is_screen=True)
    for _ in range(5):
        with pytest.raises(AccessError, match="wrong badge"):
            doors.act(screen, "4711", "0001", "here")
    with pytest.raises(TooOftenError):
        doors.act(screen, "4711", "2580", "here")


def test_somebody_stays_admin(store):
    first_password(store)
    for change in (
        lambda: store.people.remove("admin"),
        lambda: store.people.revoke("admin"),
        lambda: store.people.grant("admin", "viewer"),
    ):
        with pytest.raises(StoreError, match="nobody would be admin"):
            change()
    assert store.people.everyone()[0].may("admin")


def test_wrong_people_are_refused(people, store):
    for change, said in (
        (lambda: people.add("mei", {}, "x"), "already"),
        (lambda: people.add(" mei", {}, "x"), "no name"),
        (lambda: people.add("a\nb", {}, "x"), "no name"),
        (lambda: people.set_password("nobody", "x"), "no person"),
        (lambda: people.set_badge("hall", "4711", "x"), "is mei's"),
        (lambda: people.revoke("mei", "lathe"), "no role"),
        (lambda: people.grant("mei", "king"), "no role"),
    ):
        with pytest.raises(StoreError, match=said):
            change()


@pytest.mark.parametrize("pin", ["123", "123456789", "1111", "12a4", "１２３４"])
def test_a_weak_pin_is_refused(pin):
    with pytest.raises(AccessError):
        checked_pin(pin)


def test_a_short_password_is_refused():
    with pytest.raises(AccessError):
        checked_password("short")


def test_who_is_locked_is_out_at_once_and_may_be_let_in_again(doors, people):
    people.add("boss", {"*": "admin"}, hashed(PASSWORD))
    own, screen = doors.log_in("mei", PASSWORD, "here"), doors.log_in("hall", PASSWORD, "here", is_screen=True)
    doors.act(screen, "4711", "2580", "here")
    people.set_locked("mei", True)
    assert doors.present(own) is None
    assert not doors.present(screen).is_acting
    with pytest.raises(LockedOutError):
        doors.log_in("mei", PASSWORD, "here")
    with pytest.raises(LockedOutError):
        doors.act(screen, "4711", "2580", "here")
    with pytest.raises(AccessError, match="wrong name"):
        doors.log_in("mei", "guess", "here")
    people.set_locked("mei", False)
    assert doors.log_in("mei", PASSWORD, "here")


def test_a_new_password_or_badge_also_ends_what_is_done_by_badge(doors, people):
    screen = doors.log_in("hall", PASSWORD, "here", is_screen=True)
    for change in (lambda: people.set_password("mei", hashed(PASSWORD)), lambda: people.set_badge("mei", "4711", hashed("2580"))):
        doors.act(screen, "4711", "2580", "here")
        change()
        assert not doors.present(screen).is_acting


def test_a_new_badge_leaves_who_is_signed_in_by_password_where_they_are(doors, people):
    own = doors.log_in("mei", PASSWORD, "here")
    people.set_badge("mei", "4712", hashed("2580"))
    assert doors.present(own).person.badge == "4712"


def test_a_touch_gives_nobody_back_who_was_put_out(doors, people, wall):
    screen = doors.log_in("hall", PASSWORD, "here", is_screen=True)
    doors.act(screen, "4711", "2580", "here")
    wall.pass_s(60)
    session = doors._session(screen)
    doors.lock(screen)
    doors._session = {screen: session}.get  # as a request saw it that came a moment before
    doors.touch(screen)
    del doors._session
    assert not doors.present(screen).is_acting


def test_the_last_admin_cannot_be_locked(people):
    people.add("boss", {"*": "admin"}, hashed(PASSWORD))
    with pytest.raises(StoreError, match="nobody would be admin"):
        people.set_locked("boss", True)
    people.add("second", {"*": "admin"}, hashed(PASSWORD))
    people.set_locked("boss", True)
    with pytest.raises(StoreError, match="nobody would be admin"):
        people.remove("second")


def test_it_is_known_who_was_here_last_and_the_log_tells_of_all(doors, people, store, wall):
    people.add("never", {}, hashed(PASSWORD))
    screen = doors.log_in("hall", PASSWORD, "here", is_screen=True)
    wall.pass_s(60)
    doors.act(screen, "4711", "2580", "here")
    assert people.last_signed_in() == {"hall": NOON_NS, "mei": NOON_NS + 60 * 10**9}
    acted = store.audit.entries(action="acted by badge")[0]
    assert (acted.who, acted.subject, acted.detail) == ("mei", "mei", {"screen": "hall"})
