"""People and the audit log through the command line."""

import io
import json
import sqlite3

import pytest

from inspector.access import LockedOutError, Logins
from inspector.cli import main
from inspector.home import Home
from inspector.store import Store


@pytest.fixture(autouse=True)
def _own_database(monkeypatch):
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)


@pytest.fixture
def called(tmp_path, capsys, monkeypatch):
    def call(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main([*words, "--home", str(tmp_path)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_person_is_added_changed_and_removed(called, tmp_path):
    code, out, _ = called("people", "add", "boss", "--role", "admin")
    assert code == 0
    password = out.split()[1]
    called("people", "add", "mei", "--role", "operator@press", "--role", "viewer", "--ask", typed="correct horse\n")
    assert called("people", "badge", "mei", "4711", typed="2580\n")[0] == 0
    with Store.open(Home(tmp_path)) as store:
        doors = Logins(store)
        assert doors.present(doors.log_in("boss", password, "here")).person.may("admin")
        assert doors.present(doors.log_in("mei", "correct horse", "here")).person.may("operator", "press")
    called("people", "grant", "mei", "engineer@saw")
    called("people", "revoke", "mei", "press")
    people = json.loads(called("people", "list", "--json", "-")[1])["people"]
    signed_in = people[1].pop("signed_in")
    assert signed_in.startswith("20")
    assert people[1] == {"name": "mei", "roles": {"*": "viewer", "saw": "engineer"}, "badge": "4711", "locked": False}
    called("people", "lock", "mei")
    assert "badge 4711   locked   last signed in 20" in called("people", "list")[1]
    with Store.open(Home(tmp_path)) as store, pytest.raises(LockedOutError):
        Logins(store).log_in("mei", "correct horse", "here")
    called("people", "unlock", "mei")
    assert "locked" not in called("people", "list")[1]
    assert called("people", "remove", "mei")[0] == 0
    assert "mei" not in called("people", "list")[1]


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["people", "add", "mei", "--role", "king"], "", "must be one of viewer"),
        (["people", "add", "mei", "--ask"], "short\n", "10 to 200"),
        (["people", "password", "nobody"], "", "there is no person"),
        (["people", "badge", "nobody", "1"], "1111\n", "4 to 8 digits"),
        (["audit", "list", "--limit", "0"], "", "must be 1 or more"),
    ],
)
def test_wrong_use_is_one_clear_line(called, words, typed, said):
    code, _, err = called(*words, typed=typed)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_the_log_is_listed_and_verified(called, tmp_path):
    called("people", "add", "boss", "--role", "admin")
    called("people", "add", "<script>", "--role", "viewer")
    code, out, _ = called("audit", "verify")
    assert code == 0
    assert "the log is whole: 2 rows" in out
    end = out.split()[-1]
    assert "person added" in called("audit", "list", "--subject", "boss")[1]
    with sqlite3.connect(tmp_path / "inspector.db") as database:
        database.execute("DELETE FROM audit WHERE sequence = 1")
    database.close()
    code, out, _ = called("audit", "verify", "--end", end, "--json", "-")
    assert code == 2
    assert json.loads(out)["findings"] == ["row 1 is missing"]


def test_a_client_is_added_changed_and_removed(called):
    assert called("api", "add", "mes", "--scope", "read", "--scope", "inspect", "--station", "press")[0] == 0
    assert called("api", "list")[1] == "mes   inspect, read   only press\n"
    assert called("api", "change", "mes", "--scope", "feedback")[0] == 0
    listed = json.loads(called("api", "list", "--json", "-")[1])
    assert listed == {"clients": [{"name": "mes", "scopes": ["feedback"], "stations": ["*"]}]}
    assert called("api", "change", "nobody", "--scope", "read")[0] == 2
    actions = [row["action"] for row in json.loads(called("audit", "list", "--subject", "mes", "--json", "-")[1])["rows"]]
    assert actions == ["client changed", "client added"]


def test_the_scopes_of_the_command_are_those_of_the_store():
    from inspector.commands import api
    from inspector.store import SCOPES

    assert api._SCOPES == SCOPES
