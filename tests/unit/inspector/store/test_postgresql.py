"""The same store on a real PostgreSQL server, started here where its programs are installed."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from inspector.errors import StoreError
from inspector.home import Home
from inspector.parts import Case, Defect, Fix, Inspection, ModelRef, Parameter, PartRecord, PartTruth, Text, Trigger, Verdict
from inspector.store import Store

pytest.importorskip("psycopg", reason="psycopg is not installed")


def server_program(name: str) -> str | None:
    """Return a server program of PostgreSQL: distributions keep them off the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(installed[-1]) if installed else shutil.which(name)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    initdb, pg_ctl = server_program("initdb"), server_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    folder = tmp_path_factory.mktemp("postgresql")
    runner = as_ordinary_user(folder)
    data, log = folder / "data", folder / "server.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run(runner, initdb, "-D", data, "-U", "inspector", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    run(runner, pg_ctl, "-D", data, "-l", log, "-w", "-o", f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off", "start")
    yield f"postgresql://inspector@127.0.0.1:{port}/postgres"
    run(runner, pg_ctl, "-D", data, "-m", "immediate", "stop")


def as_ordinary_user(folder: Path) -> list[str]:
    """Return the words that start a program as someone PostgreSQL accepts: it refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("runuser") is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no runuser")
    shutil.chown(folder, "nobody")
    for parent in folder.parents:
        if parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return ["runuser", "-u", "nobody", "--"]


def run(runner: list[str], program: str, *arguments: object) -> None:
    # Its output goes to a file: a started server keeps a pipe open, and reading it would wait for ever.
    done = subprocess.run(
        [*runner, program, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60, cwd="/"
    )
    if done.returncode:
        pytest.skip(f"{Path(program).name} does not work here (exit {done.returncode})")


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    with Store.open(Home(tmp_path), url) as opened:
        yield opened


def inspection(part: str, outcome: str) -> Inspection:
    record = PartRecord(Trigger("demo-press", part, 0), {}, wall_utc_ns=1_700_000_000_000_000_000)
    return Inspection(record, Verdict(outcome, 0.9, 0.5, ModelRef("m", "1", "ab"), (Defect("scratch", 0.8),)))  # type: ignore[arg-type]


def test_the_store_does_the_same_on_postgresql(store: Store, url: str, tmp_path: Path) -> None:
    ids = [store.add(inspection(f"件-{number}", "fail" if number % 2 else "pass"), PartTruth("scratch")) for number in range(6)]
    assert ids == sorted(ids)
    assert store.latest_id() == ids[-1]
    assert [one.part_id for one in store.recent("demo-press", outcome="fail", limit=2)] == ["件-5", "件-3"]
    assert [one.part_id for one in store.history(part_text="件-4", limit=1).inspections] == ["件-4"]
    assert store.counts("demo-press") == {"fail": 3, "pass": 3}
    assert [(share.name, share.parts) for share in store.pareto("kind")] == [("scratch", 3)]
    assert [(hour.parts, hour.passed) for hour in store.hourly_yield()] == [(6, 3)]
    assert store.stations() == ["demo-press"]
    stored = store.get(ids[0])
    assert stored is not None
    assert stored.document["part_id"] == "件-0"

    for wall_ns in (1, 2):
        store.beat("demo-press", wall_ns, {"camera": {"age_ms": float("nan")}})
    status = store.status("demo-press")
    assert status is not None
    assert (status.wall_utc_ns, status.health) == (2, {"camera": {"age_ms": None}})

    fix = Fix("f", Text("Do", "做"), ("belt_slip",), parameters=(Parameter("t", 0.5, "MPa", 0.4, 0.6),))
    case = Case("c", "squeal", "did", "f", helped=True, parameters=(Parameter("t", 0.5, "MPa"),))
    for _ in range(2):
        store.seed_knowledge([fix], [case])
    assert (store.fixes(), store.cases()) == ([fix], [case])
    store.add_feedback(ids[1], "not_helped", "f")
    assert [one.helped for one in store.cases()] == [True, False]
    assert store.undo_import(store.imports()[0].batch_id) == 1

    with Store.open(Home(tmp_path), url) as again:
        assert again.latest_id() == ids[-1]


def test_the_audit_log_does_not_fork_on_postgresql(store: Store, url: str, tmp_path: Path) -> None:
    before = store.audit.check().entries

    def write(number: int) -> None:
        with Store.open(Home(tmp_path), url) as own:
            for _ in range(15):
                own.audit.note("note", f"writer {number}", {"say": "话"})

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    check = store.audit.check()
    assert (check.entries - before, check.findings) == (60, ())
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE sequence = :row"), {"row": before + 3})
    engine.dispose()
    assert f"row {before + 3} is missing" in store.audit.check().findings
    store.people.add_first("admin", "hash")
    assert store.people.everyone()[0].may("admin")
    assert store.events.join("mes") == check.end[0] + 1


def test_a_newer_database_and_a_dead_server_are_refused(store: Store, url: str, tmp_path: Path) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(StoreError, match="newer version"):
            Store.open(Home(tmp_path), url)
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        engine.dispose()
    with pytest.raises(StoreError, match="postgresql"):
        Store.open(Home(tmp_path), "postgresql://inspector@127.0.0.1:1/postgres")
