"""`make sbom`: what the product is made of, as CycloneDX JSON, and the list of licences.

cyclonedx-py describes the installed environment, with licences from the packages' own metadata; of that only
what `requirements.lock` pins is kept, so that the tools of development are not in it. The browser libraries
come from `package-lock.json`. Written to `build/sbom.json` and `build/licences.csv`.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.stack import SERVICES

ROOT = Path(__file__).resolve().parent.parent
OURS = {"tannha-shared", *(f"tannha-{service.replace('_', '-')}" for service in SERVICES)}
UNSTATED = "không khai báo"

Component = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes both files; exit 1 with one line when a pinned package is not installed."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sbom", description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "build")
    given = parser.parse_args(arguments)
    pinned = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    libraries = browser_libraries(json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8")))
    document = reduced(environment_document(), pinned | OURS, libraries)
    found = {normal(component["name"]) for component in document["components"]}
    if missing := sorted(pinned - found):
        print(f"Chưa cài {', '.join(missing)}: make clean, rồi làm lại.", file=sys.stderr)
        return 1
    given.to.mkdir(parents=True, exist_ok=True)
    (given.to / "sbom.json").write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    with (given.to / "licences.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("package", "version", "licence"), *licences(document["components"])])
    print(f"{len(found)} thành phần: {given.to / 'sbom.json'}, {given.to / 'licences.csv'}")
    return 0


def environment_document() -> dict[str, Any]:
    """The CycloneDX document of the environment that runs this, checked against the format's schema."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable, "--of", "JSON"]
    done = subprocess.run([*command, "--validate", "-o", "-"], capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def pins(lock: str) -> set[str]:
    """The names that a lock file pins for this system."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(.*)$", lock, re.MULTILINE)
    return {normal(name) for name, rest in lines if "win32" not in rest}


def normal(name: str) -> str:
    """A package name in the one spelling of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def reduced(document: Mapping[str, Any], names: set[str], more: Sequence[Component]) -> dict[str, Any]:
    """The document with only these packages and `more`; what tells of this machine's folders is left out."""
    kept = [
        {**component, "externalReferences": list(_public(component.get("externalReferences", ())))}
        for component in document["components"]
        if normal(component["name"]) in names
    ]
    references = {component["bom-ref"] for component in [*kept, *more]}
    depends = [
        {**entry, "dependsOn": [ref for ref in entry.get("dependsOn", ()) if ref in references]}
        for entry in document["dependencies"]
        if entry["ref"] in references
    ]
    metadata = {key: value for key, value in document["metadata"].items() if key in {"timestamp", "tools"}}
    product = {"type": "application", "name": "tannha", "bom-ref": "tannha"}
    return {
        **document,
        "metadata": {**metadata, "component": product},
        "components": [*kept, *more],
        "dependencies": [*depends, *({"ref": library["bom-ref"]} for library in more)],
    }


def browser_libraries(lock: Mapping[str, Any]) -> list[Component]:
    """The packages of package-lock.json as components."""
    return [
        {
            "type": "library",
            "name": place.removeprefix("node_modules/"),
            "version": package["version"],
            "purl": f"pkg:npm/{place.removeprefix('node_modules/')}@{package['version']}",
            "bom-ref": f"npm:{place.removeprefix('node_modules/')}@{package['version']}",
            "licenses": [{"license": {"name": package.get("license", UNSTATED)}}],
        }
        for place, package in lock["packages"].items()
        if place
    ]


def licences(components: Iterable[Component]) -> Iterator[tuple[str, str, str]]:
    """Name, version and licence of each, sorted by name."""
    for component in sorted(components, key=lambda one: normal(one["name"])):
        told = [
            entry.get("expression") or entry["license"].get("id") or entry["license"].get("name", "")
            for entry in component.get("licenses", ())
        ]
        ours = "của dự án" if component["name"] in OURS else UNSTATED
        yield component["name"], component["version"], " / ".join(dict.fromkeys(told)) or ours


def _public(references: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (reference for reference in references if not reference["url"].startswith("file:"))


if __name__ == "__main__":
    sys.exit(main())
