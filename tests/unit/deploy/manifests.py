"""The Kubernetes manifests as documents, and the rules that every pod of ours has to keep."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
PARTS = ("foundation", "base", "migrations", "production")
Document = dict[str, Any]

POD_KEYS = set(
    "automountServiceAccountToken enableServiceLinks securityContext terminationGracePeriodSeconds "
    "topologySpreadConstraints initContainers containers volumes restartPolicy".split()
)
CONTAINER_KEYS = set(
    "name image command ports envFrom env startupProbe readinessProbe livenessProbe resources "
    "securityContext volumeMounts".split()
)
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
PROBE_KEYS = {"httpGet", "exec", "periodSeconds", "timeoutSeconds", "failureThreshold"}
UNITS = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@cache
def kustomization(part: str) -> Document:
    """What a folder consists of."""
    read: Document = yaml.safe_load((FOLDER / part / "kustomization.yaml").read_text(encoding="utf-8"))
    return read


def documents(part: str) -> list[Document]:
    """Every document of a folder, without the folders it builds on."""
    files = [name for name in kustomization(part)["resources"] if name.endswith(".yaml")]
    return [
        document
        for name in files
        for document in yaml.safe_load_all((FOLDER / part / name).read_text(encoding="utf-8"))
    ]


@cache
def everything() -> list[Document]:
    """All documents of all folders."""
    return [document for part in PARTS for document in documents(part)]


@cache
def of_kind(kind: str) -> dict[str, Document]:
    """The documents of one kind by name."""
    return {d["metadata"]["name"]: d for d in everything() if d["kind"] == kind}


def pods() -> dict[str, Document]:
    """The pod template of every Deployment and Job, by the name of its owner."""
    owners = of_kind("Deployment") | of_kind("Job")
    return {name: owner["spec"]["template"] for name, owner in owners.items()}


def containers(pod: Document) -> list[Document]:
    """All containers of a pod, those that prepare it too."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def quantity(text: str) -> float:
    """A resource quantity as a number."""
    unit = next((unit for unit in UNITS if str(text).endswith(unit)), "")
    return float(str(text).removesuffix(unit)) * UNITS.get(unit, 1.0)


def faults(pod: Document, *, serves: bool) -> list[str]:
    """What a pod does against the rules; `serves` says that it runs on and has to be probed."""
    return [
        *_pod_faults(pod["spec"]),
        *(fault for c in containers(pod) for fault in _container_faults(c)),
    ] + [
        f"{container['name']}: no {probe}"
        for container in pod["spec"]["containers"]
        for probe in PROBES
        if serves and probe not in container
    ]


def _pod_faults(spec: Document) -> Iterator[str]:
    yield from (f"unknown key {key}" for key in set(spec) - POD_KEYS)
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "carries a token of the cluster"
    if spec.get("enableServiceLinks") is not False:
        yield "gets variables made of Services, which would be read as settings"
    declared = {volume["name"] for volume in spec.get("volumes", [])}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in declared:
                yield f"{container['name']}: mounts {mount['name']}, which is no volume"


def _container_faults(container: Document) -> Iterator[str]:
    name = container["name"]
    yield from (f"{name}: unknown key {key}" for key in set(container) - CONTAINER_KEYS)
    expected = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    if container.get("securityContext") != expected:
        yield f"{name}: may do more than it needs"
    for probe in PROBES:
        if unknown := set(container.get(probe, {})) - PROBE_KEYS:
            yield f"{name}: {probe} has {sorted(unknown)}"
    resources = container.get("resources", {})
    for what in ("cpu", "memory"):
        wanted, limit = resources.get("requests", {}).get(what), resources.get("limits", {}).get(what)
        if wanted is None or limit is None or quantity(wanted) > quantity(limit):
            yield f"{name}: {what} has no bounds that make sense"
    for variable in container.get("env", []):
        if "value" in variable:
            yield f"{name}: {variable['name']} is written here; settings belong to the ConfigMap"
