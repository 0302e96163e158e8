"""The browser libraries are placed whole, and only when needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.assets import COPIES, ROOT, place, up_to_date


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A node_modules folder with the files that are copied."""
    for source in COPIES:
        target = tmp_path / "node_modules" / source
        if Path(source).suffix or source.endswith("LICENSE"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source)
        else:
            target.mkdir(parents=True)
            (target / "layers.png").write_text("png")
    return tmp_path / "node_modules"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file."""
    file = tmp_path / "package-lock.json"
    file.write_text("{}")
    return file


def test_placed_files_are_recognised(tmp_path: Path, modules: Path, lock: Path) -> None:
    """Every start would fetch the libraries again."""
    vendor = tmp_path / "static" / "vendor"
    assert not up_to_date(vendor, lock)
    place(modules, vendor, lock)
    assert up_to_date(vendor, lock)
    assert (vendor / "images" / "layers.png").read_text() == "png"
    assert [folder.name for folder in vendor.parent.iterdir()] == ["vendor"]


def test_a_new_lock_or_a_changed_file_is_noticed(tmp_path: Path, modules: Path, lock: Path) -> None:
    """An upgrade would not arrive, or a tampered library would stay."""
    vendor = tmp_path / "static" / "vendor"
    place(modules, vendor, lock)
    (vendor / "leaflet.js").write_text("changed")
    assert not up_to_date(vendor, lock)
    place(modules, vendor, lock)
    lock.write_text('{"lockfileVersion": 3}')
    assert not up_to_date(vendor, lock)


def test_a_failed_copy_leaves_the_old_files(tmp_path: Path, modules: Path, lock: Path) -> None:
    """A broken download would leave pages without their scripts."""
    vendor = tmp_path / "static" / "vendor"
    place(modules, vendor, lock)
    (modules / "htmx.org" / "LICENSE").unlink()
    with pytest.raises(FileNotFoundError):
        place(modules, vendor, lock)
    assert up_to_date(vendor, lock)
    assert [folder.name for folder in vendor.parent.iterdir()] == ["vendor"]


def test_the_lock_file_names_no_download_address() -> None:
    """A committed address would tie the build to one registry."""
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
