"""Alembic revisions of routing."""
