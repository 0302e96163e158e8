"""Rows for every table of a database, whatever its revision, and what a database holds, to compare it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, Table, inspect, select, text

ROWS = (1, 2)


def seed(engine: Engine) -> None:
    """Two rows in every table, each with a value in every column and with its references kept."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(table.insert(), [_row(table, number) for number in ROWS])


def _row(table: Table, number: int) -> dict[str, Any]:
    row = {column.name: _value(column, number) for column in table.columns}
    if {"office_id", "day", "plan_id"} <= row.keys():
        # A plan is named after its office's day, and a stop of that day names it: revisions rely on it.
        row["office_id"] = f"office-{number}"
        row["plan_id"] = f"{row['office_id']}:{row['day']}"
    return row


def _value(column: Column[Any], number: int) -> Any:
    """The same for a column and the one that it refers to."""
    for key in column.foreign_keys:
        return _value(key.column, number)
    kinds: dict[type, Any] = {
        bool: number == 1,
        int: number,
        float: number / 2,
        bytes: f"{column.name} {number}".encode(),
        datetime: datetime(2026, 11, 20 + number, 1, 2, 3, 456789, UTC),
        date: date(2026, 11, 20 + number),
        dict: {"n": number, "tên": "Bưu cục"},
    }
    return kinds.get(column.type.python_type, f"{column.table.name}.{column.name} {number} ệ")


def contents(engine: Engine) -> dict[str, dict[str, list[str]]]:
    """Table → column → values, sorted as texts, so that they can be compared column by column."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {table.name: _columns(connection, table) for table in tables.sorted_tables}


def _columns(connection: Connection, table: Table) -> dict[str, list[str]]:
    rows = connection.execute(select(table)).mappings().all()
    return {column.name: sorted(str(row[column.name]) for row in rows) for column in table.columns}


def structure(engine: Engine) -> dict[str, Any]:
    """Columns, keys, references, indexes and triggers: what a fresh database and an old one must share."""
    looking = inspect(engine)
    found: dict[str, Any] = {}
    for table in sorted(looking.get_table_names()):
        found[table] = {
            "columns": sorted(
                (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in looking.get_columns(table)
            ),
            "key": looking.get_pk_constraint(table)["constrained_columns"],
            "references": sorted(
                (key["constrained_columns"], key["referred_table"]) for key in looking.get_foreign_keys(table)
            ),
            "unique": sorted(u["column_names"] for u in looking.get_unique_constraints(table)),
            "indexes": sorted(
                (str(i["name"]), i["column_names"], bool(i["unique"])) for i in looking.get_indexes(table)
            ),
        }
    triggers = {
        "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal",
    }
    with engine.connect() as connection:
        rows = connection.execute(text(triggers[engine.dialect.name]))
        found["triggers"] = sorted(tuple(row) for row in rows)
    return found
