"""Plans that were published before a plan became the name of an office's day."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from shared.persistence.engine import open_engine
from shared.persistence.migrations import check, downgrade, migrate

MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "routing" / "migrations"


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    """What a query finds."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def keeps_old_plans(engine: Engine) -> None:
    """Fills the first tables, goes to the newest and back, and looks at what became of the rows."""
    migrate(engine, MIGRATIONS, "0001")
    with engine.begin() as connection:
        for plan_id, revision in (("old-a", 1), ("old-b", 2)):
            connection.execute(
                text(
                    "INSERT INTO plan VALUES (:id, 'office-a', '2026-11-26', :n, 'solver', '', 'd', "
                    "'2026-11-25T11:00:00+00:00', 0, 0, 0, '[]', '[{\"stop_id\": \"s-9\"}]', '[]')"
                ),
                {"id": plan_id, "n": revision},
            )
    migrate(engine, MIGRATIONS)
    check(engine, MIGRATIONS)
    kept = "SELECT plan_id, revision FROM plan ORDER BY revision"
    assert rows(engine, kept) == [("office-a:2026-11-26", 1), ("office-a:2026-11-26", 2)]
    assert "s-9" in str(rows(engine, "SELECT unassigned FROM plan"))
    downgrade(engine, MIGRATIONS, "0001")
    assert rows(engine, kept) == [("office-a:2026-11-26:1", 1), ("office-a:2026-11-26:2", 2)]


def test_plans_made_before_keep_their_place_in_the_history(tmp_path: Path) -> None:
    """An update would lose the history of plans, or leave two plans in force for a day."""
    engine = open_engine(f"sqlite:///{tmp_path}/old.db")
    keeps_old_plans(engine)
    engine.dispose()
