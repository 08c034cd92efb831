from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import inspector.store
from inspector.home import Home
from inspector.parts import Case
from inspector.store import Store
from inspector.store.database import LATEST_REVISION, connect
from inspector.store.models import Table


def test_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    home = Home(tmp_path)
    Store.open(home).close()
    engine = connect(home.database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_the_named_revision_is_the_last_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(inspector.store.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == LATEST_REVISION


def test_an_older_database_is_brought_up_to_date_with_all_that_it_holds(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with Store.open(home) as store:
        store.add_cases([Case("c1", "squeal", "tightened")], "test")
    engine = connect(home.database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE inspection_look"))
        connection.execute(text("DROP TABLE label"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    with Store.open(home) as store:
        assert [case.case_id for case in store.cases()] == ["c1"]
        assert store.looks("nobody") == {}
