"""Where the reference files lie and how they are written: one row a line, so that a diff shows a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INTAKE = ROOT / "services" / "intake" / "data"
ROUTING = ROOT / "services" / "routing" / "data"

Row = dict[str, Any]


def write_rows(file: Path, tables: Mapping[str, Sequence[Any]]) -> None:
    """Write named tables as JSON (UTF-8, one row a line)."""
    parts = []
    for name, rows in tables.items():
        lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
        parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    print(f"{file.relative_to(ROOT)}: " + ", ".join(f"{len(rows)} {name}" for name, rows in tables.items()))
