"""The list of guarantees names its proofs; a renamed or deleted test would leave a promise unproven."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
PROOFS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", GUARANTEES)


@pytest.mark.parametrize(("file", "test"), PROOFS)
def test_a_proof_exists(file: str, test: str) -> None:
    """A promise would point to nothing."""
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_guarantee_has_a_proof() -> None:
    """A promise without a test is a wish."""
    parts = re.split(r"^\d+\. \*\*", GUARANTEES.split("## Who watches")[0], flags=re.MULTILINE)[1:]
    assert len(parts) >= 20
    assert [part.splitlines()[0] for part in parts if "`tests/" not in part] == []
