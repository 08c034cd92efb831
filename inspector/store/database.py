"""Open a database, bring its tables up to date, and turn its failures into `StoreError`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from inspector.errors import StoreError

LATEST_REVISION = "0007"
"""Of `migrations/versions`. Named here so that opening an up-to-date database need not import Alembic."""

_BUSY_TIMEOUT_S = 10
_LOCK = 0x1A5FEC7  # any number, the same in all processes


def connect(url: str) -> Engine:
    """Return an engine for `url` whose tables are of the latest revision. Raises StoreError."""
    engine = _engine(url)
    try:
        with failures_named(engine.url):
            _upgrade(engine)
    except StoreError:
        engine.dispose()
        raise
    return engine


@contextmanager
def failures_named(url: URL) -> Iterator[None]:
    """Raise StoreError for whatever the database cannot do."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoreError(f"{url.render_as_string(hide_password=True)}: {cause}") from error


def alone(connection: Connection) -> None:
    """Keep other processes from doing the same until the transaction ends. On SQLite a writer is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return create_engine(parsed, json_serializer=json_text, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(f"'{url}' is not a database URL; use sqlite:///FILE or postgresql://USER@HOST/NAME") from error
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed; run: pip install 'line-inspector[postgres]'") from error


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        with failures_named(url):
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, json_serializer=json_text, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # Python's own implicit BEGIN cannot say IMMEDIATE; ours below can
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_S * 1000}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins as a reader can fail at once, without waiting, when another process wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine


def _upgrade(engine: Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == LATEST_REVISION:
            return
    with engine.execution_options(writes=True).begin() as connection:
        alone(connection)
        if _revision(connection) != LATEST_REVISION:  # another process may have been quicker
            _migrate(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    present = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        name = connection.engine.url.render_as_string(hide_password=True)
        raise StoreError(f"{name}: was made by a newer version (revision {present}, known up to {LATEST_REVISION}); update line-inspector")
    command.upgrade(config, "head")


def json_text(value: Any) -> str:
    """Return `value` as the JSON that is stored."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: numpy scalars as numbers, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
