"""What the guard asks before each batch costs the same however much was ever heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from tests.unit.messaging.listening import Listener, visit, wrap


def test_the_look_up_reads_no_table_from_end_to_end(tmp_path: Path) -> None:
    """After a year each event would take as long as a walk through all that were ever heard."""
    listener = Listener(tmp_path)
    asked: list[tuple[str, Any]] = []

    @event.listens_for(listener.engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM gate" in statement:
            asked.append((statement, parameters))

    listener.guard.receive_many([("postal.visit.v1", wrap(visit(n), 1, key=f"v{n}")) for n in range(40)])
    assert asked
    with listener.engine.connect().execution_options(reading=True) as connection:
        for statement, parameters in tuple(asked):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [row[3] for row in plan]
            assert [step for step in steps if step.startswith(("SCAN inbox", "SCAN gate"))] == []
            assert any(step.startswith("SEARCH gate") for step in steps)
    listener.engine.dispose()
