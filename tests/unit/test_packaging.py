"""What is packaged is what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {
    "shared": "shared",
    "services/intake": "services.intake",
    "services/routing": "services.routing",
    "services/postal_bridge": "services.postal_bridge",
}


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_every_package_is_listed(folder: str) -> None:
    """A package that is not listed is missing from the wheel, and only there."""
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
    there = {
        ".".join([DISTRIBUTIONS[folder], *init.parent.relative_to(ROOT / folder).parts])
        for init in (ROOT / folder).rglob("__init__.py")
        if "build" not in init.parts
    }
    assert set(project["tool"]["setuptools"]["packages"]) == there


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_pinned_requirements_agree_with_the_lock(folder: str) -> None:
    """An exact pin in a distribution that differs from the lock could not be installed together."""
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    for requirement in project["project"]["dependencies"]:
        name = requirement.split("==")[0].split("[")[0]
        if name != "tannha-shared":
            assert f"\n{requirement} " in f"\n{lock}" if "==" in requirement else f"\n{name}" in f"\n{lock}"
