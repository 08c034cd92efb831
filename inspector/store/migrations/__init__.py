"""Alembic's folder: one file in `versions/` a revision, applied by `Store.open`."""
