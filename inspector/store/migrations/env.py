"""Alembic's entry: run the revisions on the connection that `database` hands over."""

from alembic import context

from inspector.store.models import Table

# Batch mode, because SQLite can alter little of a table in place: Alembic then copies it.
context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
