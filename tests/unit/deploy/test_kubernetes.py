"""The Kubernetes manifests say what the code says, and keep every pod within its bounds."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shared.contracts.topics import PARTITIONS
from shared.web.app import server_options
from shared.web.health import health_router
from shared.web.limits import client_address
from tests.unit.deploy.manifests import (
    FOLDER,
    PARTS,
    ROOT,
    Document,
    containers,
    everything,
    faults,
    kustomization,
    of_kind,
    pods,
)

SERVICES = {"intake": "intake", "routing": "routing", "postal-bridge": "postal_bridge"}
SECRETS = "/run/secrets/tannha"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DEPLOYMENTS, JOBS, PODS = of_kind("Deployment"), of_kind("Job"), pods()


def service_of(owner: str) -> str:
    """The service that a Deployment or Job belongs to."""
    return owner.rpartition("-")[0]


def main(owner: str) -> Document:
    """The one container that stays."""
    (container,) = PODS[owner]["spec"]["containers"]
    return dict(container)


def settings_of(service: str) -> Any:
    """The settings class of a service."""
    return import_module(f"services.{SERVICES[service]}.settings").Settings


@cache
def config(owner: str) -> dict[str, str]:
    """The variables that a container gets from ConfigMaps."""
    maps = of_kind("ConfigMap")
    names = [source["configMapRef"]["name"] for source in main(owner)["envFrom"]]
    return {key: value for name in names for key, value in maps[name]["data"].items()}


@cache
def secret_keys() -> dict[str, set[str]]:
    """The keys of each Secret, as the README asks for them."""
    rows = re.findall(r"^\| (`.+?) \| (.+?) \|", README, flags=re.MULTILINE)
    keys = {
        name: set(re.findall(r"`([^`]+)`", row[1])) for row in rows for name in re.findall(r"`(.+?)`", row[0])
    }
    for name in set(SERVICES) - {"intake"}:
        keys[name] -= {"oidc-client-secret"}
    return keys


def mounted_keys(owner: str) -> set[str]:
    """The files below the folder of secrets in a pod."""
    (volume,) = [v for v in PODS[owner]["spec"]["volumes"] if v["name"] == "secrets"]
    return {
        key for source in volume["projected"]["sources"] for key in secret_keys()[source["secret"]["name"]]
    }


def test_every_file_is_part_of_something() -> None:
    """A manifest that no kustomization lists is never applied."""
    for part in PARTS:
        files = {file.name for file in (FOLDER / part).glob("*.yaml")} - {"kustomization.yaml"}
        assert files == {name for name in kustomization(part)["resources"] if name.endswith(".yaml")}
        for folder in [n for n in kustomization(part)["resources"] if not n.endswith(".yaml")]:
            assert (FOLDER / part / folder / "kustomization.yaml").exists()


def test_every_document_has_a_name_of_its_own_in_the_namespace() -> None:
    """Of two alike the second silently replaces the first."""
    names = [(d["kind"], d["metadata"]["name"]) for d in everything()]
    assert len(names) == len(set(names))
    for document in everything():
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "tannha"


def test_every_service_runs_as_api_worker_and_migration() -> None:
    """A forgotten worker hears no events; a forgotten migration leaves no tables."""
    assert set(DEPLOYMENTS) == {f"{s}-{role}" for s in SERVICES for role in ("api", "worker")}
    assert set(JOBS) == {f"{s}-migrate" for s in SERVICES}
    assert set(of_kind("PodDisruptionBudget")) == set(DEPLOYMENTS)
    assert set(of_kind("Service")) == {*SERVICES, "nowhere"}


@pytest.mark.parametrize("owner", PODS)
def test_every_command_exists(owner: str) -> None:
    """A renamed command would be found only when the pod ends."""
    tannha, service, command = main(owner)["command"]
    assert (tannha, service) == ("tannha", service_of(owner))
    assert owner == f"{service}-{command}"
    cli = import_module(f"services.{SERVICES[service]}.entrypoints.cli").app
    assert command in typer.main.get_command(cli).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("owner", PODS)
def test_every_variable_is_a_setting(owner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An unknown variable is refused at start, a missing one leaves a default of the desk machine."""
    for key in mounted_keys(owner):
        (tmp_path / key).write_text("given")
    for key, value in config(owner).items():
        monkeypatch.setenv(key, value.replace(SECRETS, str(tmp_path)))
    for variable in main(owner).get("env", []):
        monkeypatch.setenv(variable["name"], f"given-for-{variable['name']}")
    settings = settings_of(service_of(owner)).load()
    assert settings.production
    assert settings.host == "0.0.0.0"  # noqa: S104 - inside the pod
    assert settings.broker_tls
    assert settings.database.startswith("postgresql+psycopg://")
    assert "sslmode=verify-full" in settings.database
    assert str(settings.data_dir).startswith("/tmp/")  # noqa: S108 - the only place that can be written to


@pytest.mark.parametrize("owner", PODS)
def test_every_secret_file_is_mounted(owner: str) -> None:
    """A setting would name a file that is not there."""
    named = {name for value in config(owner).values() for name in re.findall(rf"{SECRETS}/([\w.-]+)", value)}
    assert named
    assert named <= mounted_keys(owner)
    for variable in main(owner).get("env", []):
        reference = variable["valueFrom"]["secretKeyRef"]
        assert reference["key"] in secret_keys()[reference["name"]]


def test_no_secret_is_written_in_a_manifest() -> None:
    """Manifests are read by many and kept for ever."""
    assert not of_kind("Secret")
    for owner in PODS:
        settings = settings_of(service_of(owner))
        secret = {name for name, f in settings.model_fields.items() if f.annotation is SecretStr}
        written = {key.removeprefix(settings.PREFIX).lower() for key in config(owner)}
        assert not secret & written
        assert not [key for key in written if re.search(r"(password|secret|token)$", key)]
        assert not re.search(r"://[^/@]+:[^/@]+@", " ".join(config(owner).values()))


def test_the_signing_key_reaches_the_sign_in_and_nobody_else() -> None:
    """Whoever reads it can be anybody."""
    holders = {owner for owner, pod in PODS.items() if "intake-session" in str(pod["spec"]["volumes"])}
    assert holders == {"intake-api"}
    (preparing,) = PODS["intake-api"]["spec"]["initContainers"]
    assert preparing["command"][-1] == config("intake-api")["TANNHA_INTAKE_SESSION_PRIVATE_KEY"]
    assert preparing["command"][:3] == ["install", "-m", "600"]
    assert "session-private" not in str(main("intake-api")["volumeMounts"])


@pytest.mark.parametrize("owner", PODS)
def test_every_pod_keeps_the_rules(owner: str) -> None:
    """One pod that may do everything is the way into all others."""
    assert faults(PODS[owner], serves=owner in DEPLOYMENTS) == []


BREACHES: dict[str, Callable[[Document], object]] = {
    "root": lambda pod: pod["spec"]["securityContext"].pop("runAsNonRoot"),
    "seccomp": lambda pod: pod["spec"]["securityContext"].pop("seccompProfile"),
    "token": lambda pod: pod["spec"].pop("automountServiceAccountToken"),
    "Services": lambda pod: pod["spec"].pop("enableServiceLinks"),
    "more than it needs": lambda pod: pod["spec"]["containers"][0]["securityContext"].update(privileged=True),
    "memory": lambda pod: pod["spec"]["containers"][0]["resources"]["limits"].pop("memory"),
    "cpu": lambda pod: pod["spec"]["containers"][0]["resources"]["requests"].update(cpu="9"),
    "no livenessProbe": lambda pod: pod["spec"]["containers"][0].pop("livenessProbe"),
    "unknown key": lambda pod: pod["spec"]["containers"][0].update(livenesProbe={}),
    "no volume": lambda pod: pod["spec"].pop("volumes"),
    "written here": lambda pod: pod["spec"]["containers"][0]["env"].append({"name": "X", "value": "1"}),
}


@pytest.mark.parametrize("told", BREACHES)
def test_a_breach_of_a_rule_is_found(told: str) -> None:
    """A rule that finds nothing is no rule."""
    pod = copy.deepcopy(PODS["intake-api"])
    BREACHES[told](pod)
    assert [fault for fault in faults(pod, serves=True) if told in fault]


@pytest.mark.parametrize("owner", DEPLOYMENTS)
def test_ports_and_probes_are_those_of_the_code(owner: str) -> None:
    """A probe at a wrong place restarts a healthy pod for ever."""
    service, container = service_of(owner), main(owner)
    prefix = settings_of(service).PREFIX
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    health = {str(route.path) for route in health_router({}).routes}  # type: ignore[attr-defined]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if owner.endswith("-api"):
            assert container[probe]["httpGet"]["port"] in ports
            assert container[probe]["httpGet"]["path"] in health
        else:
            interpreter, script = container[probe]["exec"]["command"]
            assert interpreter == "python"
            assert f"COPY deploy/healthcheck.py {script}\n" in DOCKERFILE
    if owner.endswith("-api"):
        assert ports == {"http": config(owner)[f"{prefix}PORT"]}
        assert container["startupProbe"]["httpGet"]["path"] == "/readyz"
    else:
        assert ports == {"metrics": config(owner)[f"{prefix}WORKER_METRICS_PORT"]}


def test_the_user_is_the_one_of_the_image() -> None:
    """Another one could not read what belongs to it."""
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, flags=re.MULTILINE)
    for pod in PODS.values():
        security = pod["spec"]["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (10001, 10001, 10001)


def test_a_release_names_its_image_and_tag() -> None:
    """`latest` is another program tomorrow."""
    release = kustomization("release")
    (image,) = release["images"]
    assert {c["image"] for pod in PODS.values() for c in containers(pod)} == {image["name"]}
    assert re.fullmatch(r"\d+\.\d+\.\d+", image["newTag"])
    for part in ("migrations", "production"):
        assert kustomization(part)["components"] == ["../release"]


@pytest.mark.parametrize("owner", DEPLOYMENTS)
def test_selectors_find_the_pods_and_one_always_stays(owner: str) -> None:
    """A budget or a spread that selects nothing protects nothing; one that allows nothing stops upgrades."""
    labels = PODS[owner]["metadata"]["labels"]
    budget = of_kind("PodDisruptionBudget")[owner]["spec"]
    (spread,) = PODS[owner]["spec"]["topologySpreadConstraints"]
    for selector in (DEPLOYMENTS[owner]["spec"]["selector"], budget["selector"], spread["labelSelector"]):
        assert selector["matchLabels"] == labels
    assert 0 < budget["minAvailable"] < DEPLOYMENTS[owner]["spec"]["replicas"]


def test_there_are_never_more_workers_than_partitions() -> None:
    """The one too many would hold memory and connections, and get no events."""
    counts = {owner: d["spec"]["replicas"] for owner, d in DEPLOYMENTS.items()}
    production = {row["name"]: row["count"] for row in kustomization("production")["replicas"]}
    assert set(production) <= set(counts)
    assert all(n <= PARTITIONS for owner, n in (counts | production).items() if owner.endswith("-worker"))


def ways_in() -> dict[str, dict[str, str]]:
    """By host: which Service a path leads to."""
    return {
        rule["host"]: {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
        for rule in of_kind("Ingress")["tannha"]["spec"]["rules"]
    }


def test_what_operators_ask_cannot_be_asked_from_outside() -> None:
    """The street could make the databases write, and read how much there is to do."""
    assert "selector" not in of_kind("Service")["nowhere"]["spec"]
    for paths in ways_in().values():
        assert {path for path, backend in paths.items() if backend == "nowhere"} == {"/readyz", "/metrics"}
    for ingress in of_kind("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            assert {path["pathType"] for path in rule["http"]["paths"]} == {"Prefix"}


@pytest.mark.parametrize("service", SERVICES)
def test_behind_the_ingress_each_client_is_counted_alone(service: str) -> None:
    """One guesser would shut the sign-in for the whole city, or count as somebody new each time he lies."""
    trusted = config(f"{service}-api")[f"{settings_of(service).PREFIX}TRUSTED_PROXIES"]
    (pods_network,) = [ip_network(network) for network in trusted.split(",")]
    assert pods_network.is_private
    assert pods_network.prefixlen >= 12, "an office's own network would be believed as well"
    proxy = str(next(pods_network.hosts()))
    options = server_options(trusted)
    assert options["proxy_headers"]
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse(client_address(request)))])
    behind = ProxyHeadersMiddleware(app, options["forwarded_allow_ips"])  # type: ignore[arg-type]

    def seen(comes_from: str, forwarded: str) -> str:
        client = TestClient(behind, client=(comes_from, 50000))  # type: ignore[arg-type]
        return str(client.get("/", headers={"x-forwarded-for": forwarded}).text)

    assert seen(proxy, "203.0.113.7") == "203.0.113.7"
    assert seen(proxy, "198.51.100.1, 203.0.113.7") == "203.0.113.7"
    assert seen("203.0.113.7", "198.51.100.1") == "203.0.113.7"


def test_what_differs_from_cluster_to_cluster_is_marked() -> None:
    """The example's network would be taken over unseen, and the whole city be one client to the limits."""
    lines = (FOLDER / "foundation" / "settings.yaml").read_text(encoding="utf-8").splitlines()
    networks = [line for line in lines if "_TRUSTED_PROXIES:" in line]
    assert len(networks) == len(SERVICES)
    assert len({line.partition(":")[2] for line in networks}) == 1
    assert all("# CHANGE: " in line for line in networks)
    assert any(line.startswith("# CHANGE ") for line in lines)
    assert "`TRUSTED_PROXIES` (the three lines marked `CHANGE`)" in README


@pytest.mark.parametrize("service", SERVICES)
def test_the_way_in_leads_to_the_api(service: str) -> None:
    """People would knock at a door that is not there."""
    spec = of_kind("Service")[service]["spec"]
    assert spec["selector"] == PODS[f"{service}-api"]["metadata"]["labels"]
    assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    hosts = {paths["/"]: host for host, paths in ways_in().items()}
    for owner in PODS:
        prefix = settings_of(service_of(owner)).PREFIX
        assert config(owner)[f"{prefix}{SERVICES[service].upper()}_URL"] == f"https://{hosts[service]}"
    assert set(of_kind("Ingress")["tannha"]["spec"]["tls"][0]["hosts"]) == set(hosts.values())


# --- the network ------------------------------------------------------------------------------------

POLICIES = {name: policy["spec"] for name, policy in of_kind("NetworkPolicy").items()}


def rules(direction: str) -> Iterator[tuple[Document, Document]]:
    """Every rule of one direction with the policy it belongs to."""
    for policy in POLICIES.values():
        for rule in policy.get(direction, []):
            yield policy, rule


def namespace_of(peer: Document) -> str:
    """The namespace that a peer is in."""
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def test_nobody_talks_unless_it_is_said() -> None:
    """Without the denial the permissions permit nothing that was not open already."""
    denial = POLICIES["nobody-by-default"]
    assert denial == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_services_never_talk_to_each_other() -> None:
    """Events go through the broker: a call beside it is in no outbox and in no ledger."""
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for _policy, rule in rules(direction):
            assert rule[side]
            assert rule["ports"]
            assert all(set(peer) in ({"namespaceSelector"}, {"ipBlock"}) for peer in rule[side])
            assert "tannha" not in [namespace_of(p) for p in rule[side] if "ipBlock" not in p]


def test_broker_and_database_can_be_reached_where_the_settings_say() -> None:
    """A forgotten port leaves every pod waiting at its start."""
    reachable = {
        (namespace_of(peer), port["port"])
        for _policy, rule in rules("egress")
        for peer in rule["to"]
        if "ipBlock" not in peer
        for port in rule["ports"]
    }
    for owner in PODS:
        prefix = settings_of(service_of(owner)).PREFIX
        for address in config(owner)[f"{prefix}BROKER"].split(","):
            host, port = address.split(":")
            assert (host.split(".")[-2], int(port)) in reachable
        found = re.search(r"@([\w.-]+):(\d+)/", config(owner)[f"{prefix}DATABASE"])
        assert found is not None
        assert (found[1].split(".")[-2], int(found[2])) in reachable


def test_only_intake_reaches_the_world_and_not_the_neighbours() -> None:
    """A service that needs nobody outside is a way out for whoever broke in."""
    outside = [(policy, rule) for policy, rule in rules("egress") if "ipBlock" in str(rule)]
    ((policy, rule),) = outside
    assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "intake"}
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(rule["to"][0]["ipBlock"]["except"])
    for owner in ("routing-api", "postal-bridge-api"):
        assert "https://openapi" not in " ".join(config(owner).values())


def test_pages_are_open_to_the_ingress_and_measurements_to_prometheus() -> None:
    """Whoever else in the cluster could read the pages without the ingress's protection."""
    found = {
        (namespace_of(peer), port["port"])
        for _, rule in rules("ingress")
        for peer in rule["from"]
        for port in rule["ports"]
    }
    assert found == {("ingress", "http"), ("monitoring", "http"), ("monitoring", "metrics")}


def test_policies_select_pods_that_exist() -> None:
    """A policy for a label that nobody has protects and permits nothing."""
    for name, policy in POLICIES.items():
        wanted = policy["podSelector"].get("matchLabels", {}).items()
        assert any(wanted <= pod["metadata"]["labels"].items() for pod in PODS.values()), name
