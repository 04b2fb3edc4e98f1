"""The deployment cannot be started here; everything about it that needs no container is checked here."""

import asyncio
import re
import subprocess
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft202012Validator
from pytest_aiohttp.plugin import AiohttpServer

from cloudwindow.__main__ import parser
from cloudwindow.config import Config, ConfigError, from_env, variable
from deploy.healthcheck import is_well
from scripts.deploy_secrets import filled
from tests.pace import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("cloudwindow:"))
MEDIA = sorted(name for name in SERVICES if name.startswith("media-"))
SETTINGS = {variable(field.name) for field in fields(Config)}
WEB = sorted(name for name in SERVICES if name.startswith("web-"))


def example_settings(service: dict[str, Any]) -> dict[str, str]:
    """Return the lines of the examples behind the service's env files."""
    lines = [
        line
        for file in service.get("env_file", [])
        for line in (ROOT / f"{file}.example").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def settings(service: dict[str, Any]) -> dict[str, str]:
    """Return everything the service finds in its environment, with secrets drawn and variables filled in."""
    site = example_settings({"env_file": ["deploy/env/site.env"]})
    given = example_settings(service) | service.get("environment", {})
    return {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda variable: site[variable[1]], filled(value, {}))
        for name, value in given.items()
    }


def written(value: object) -> str:
    """Return a default as somebody would write it into the environment."""
    if isinstance(value, tuple):
        return ",".join(written(part) for part in value)
    return f"{value:g}" if isinstance(value, bool | int | float) else str(value)


def test_the_compose_file_follows_the_compose_specification() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(COMPOSE)]
    assert errors == []


def test_the_deployment_has_two_web_nodes_and_two_media_workers() -> None:
    assert (WEB, MEDIA) == (["web-1", "web-2"], ["media-1", "media-2"])


@pytest.mark.parametrize("service", OURS)
def test_every_command_of_the_deployment_is_one_the_program_knows(service: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*SERVICES[service]["command"], "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize("service", OURS)
def test_the_program_accepts_the_settings_of_the_deployment(service: str) -> None:
    given = settings(SERVICES[service])
    assert set(given) <= SETTINGS
    assert from_env(given) != Config()


def test_without_its_public_address_in_https_the_deployment_does_not_start() -> None:
    given = settings(SERVICES["web-1"]) | {"CW_PUBLIC_URL": "http://window.example.gov.cn"}
    with pytest.raises(ConfigError, match="https"):
        from_env(given)


def test_the_web_nodes_know_every_media_worker_by_its_address() -> None:
    workers = settings(SERVICES["web-1"])["CW_MEDIA_WORKERS"].split(",")
    ports = {name: settings(SERVICES[name])["CW_MEDIA_CONTROL"].rsplit(":", 1)[1] for name in MEDIA}
    assert workers == [f"{name}:{port}" for name, port in ports.items()]


def test_operations_describes_every_setting_with_its_default_and_no_other() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    described = re.findall(r"^\| `([A-Z_]+)` \| (.*?) ?\|", text, re.MULTILINE)
    defaults = Config()
    assert sorted(described) == sorted(
        (variable(field.name), written(getattr(defaults, field.name))) for field in fields(Config)
    )


def test_every_mounted_file_of_the_repository_exists() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    # deploy/tls is the operator's: certificates are never part of the repository.
    missing = [path for path in mounted if path != "./deploy/tls" and not (ROOT / path).exists()]
    assert mounted
    assert missing == []


def test_only_the_proxy_the_media_workers_and_turn_are_reachable_from_outside() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert sorted(published) == ["coturn", *MEDIA, "proxy"]
    assert all(port.endswith("/udp") for name in MEDIA for port in published[name])


def test_the_ledger_and_the_line_live_in_a_network_without_a_way_out() -> None:
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["valkey"]["networks"] == ["back"]


@pytest.mark.parametrize("name", MEDIA)
def test_a_media_worker_publishes_the_port_it_listens_on(name: str) -> None:
    port = SERVICES[name]["environment"]["CW_MEDIA_UDP_PORT"]
    assert SERVICES[name]["ports"] == [f"{port}:{port}/udp"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_lasting_service_says_how_it_is(name: str) -> None:
    if name == "migrate":
        assert SERVICES[name]["restart"] == "on-failure"
    else:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges_and_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_names_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w/]+:\d[\w.-]*", SERVICES[name]["image"])


def test_no_secret_is_written_into_the_repository() -> None:
    # A URL's password, or the value of a setting whose name speaks of one.
    secret = re.compile(
        r"(?:^\w*(?:PASSWORD|SECRET|TOKEN|KEY|AUTH)=|://\w*:)(?P<value>[^\n@]+)", re.MULTILINE
    )
    examples = "".join(path.read_text("utf-8") for path in (ROOT / "deploy" / "env").glob("*.example"))
    values = [found["value"] for found in secret.finditer(examples)]
    assert values
    assert all(re.fullmatch(r"\{\{secret \w+\}\}", value) for value in values)


def test_media_workers_see_neither_the_ledger_nor_its_key() -> None:
    for name in MEDIA:
        assert {"DATABASE_URL", "CW_ROOT_KEY"} & set(settings(SERVICES[name])) == set()


def test_the_proxy_sends_visitors_to_the_web_nodes() -> None:
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text("utf-8")
    upstreams = re.search(r"reverse_proxy (.+) \{", caddyfile)
    assert upstreams is not None
    ports = {name: settings(SERVICES[name])["PORT"] for name in WEB}
    assert upstreams[1].split() == [f"{name}:{port}" for name, port in ports.items()]


def test_the_line_answers_only_what_is_on_disk() -> None:
    lines = (ROOT / "deploy" / "valkey.conf").read_text("utf-8").splitlines()
    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"} <= set(lines)


class TestTurn:
    """The relay leads to our workers and nowhere else."""

    lines = (ROOT / "deploy" / "coturn" / "turnserver.conf").read_text("utf-8").splitlines()

    def start(self, folder: Path, workers: str) -> subprocess.CompletedProcess[str]:
        """Run the start script with a turnserver that does nothing."""
        turnserver = folder / "turnserver"
        turnserver.write_text("#!/bin/sh\n")
        turnserver.chmod(0o755)
        environment = {
            "PATH": f"{folder}:/usr/bin:/bin",
            "TURN_CONF": str(folder / "turn.conf"),
            "TURN_SECRET": "secret",
            "TURN_REALM": "window.example",
            "TURN_ADDRESS": "172.30.20.10",
            "TURN_WORKERS": workers,
        }
        script = ROOT / "deploy" / "coturn" / "start"
        return subprocess.run(
            ["sh", script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def test_every_peer_is_denied_in_both_address_families(self) -> None:
        denied = [line for line in self.lines if line.startswith("denied-peer-ip=")]
        assert denied == [
            "denied-peer-ip=0.0.0.0-255.255.255.255",
            "denied-peer-ip=::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ]
        assert not [line for line in self.lines if line.startswith("allowed-peer-ip=")]

    def test_relaying_over_tcp_multicast_and_remote_control_are_off(self) -> None:
        assert {"no-tcp-relay", "no-multicast-peers", "no-cli", "use-auth-secret"} <= set(self.lines)

    def test_quotas_and_stale_nonces_limit_each_credential(self) -> None:
        assert {"user-quota=8", "stale-nonce=600", "max-bps=400000"} <= set(self.lines)

    def test_the_allowed_peers_are_exactly_the_media_workers(self) -> None:
        workers = SERVICES["coturn"]["environment"]["TURN_WORKERS"].split()
        assert workers == [SERVICES[name]["networks"]["media"]["ipv4_address"] for name in MEDIA]

    def test_each_worker_tells_browsers_the_address_the_relay_may_reach(self) -> None:
        for name in MEDIA:
            own = SERVICES[name]["networks"]["media"]["ipv4_address"]
            assert SERVICES[name]["environment"]["CW_MEDIA_ADVERTISED_HOSTS"].split(",")[-1] == own

    def test_the_relay_starts_with_one_allowed_line_per_worker(self, tmp_path: Path) -> None:
        answer = self.start(tmp_path, "172.30.20.21 172.30.20.22")
        assert answer.returncode == 0, answer.stderr
        lines = (tmp_path / "turn.conf").read_text().splitlines()
        assert lines[: len(self.lines)] == self.lines
        assert lines[len(self.lines) :] == [
            "static-auth-secret=secret",
            "realm=window.example",
            "listening-ip=172.30.20.10",
            "relay-ip=172.30.20.10",
            "allowed-peer-ip=172.30.20.21",
            "allowed-peer-ip=172.30.20.22",
        ]

    def test_nobody_else_may_read_the_secret(self, tmp_path: Path) -> None:
        self.start(tmp_path, "172.30.20.21")
        assert (tmp_path / "turn.conf").stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("workers", ["10.0.0.0-10.255.255.255", "10.0.0.0/8", "media-1", ""])
    def test_the_relay_refuses_to_start_with_anything_but_single_addresses(
        self, tmp_path: Path, workers: str
    ) -> None:
        assert self.start(tmp_path, workers).returncode != 0


class TestImage:
    """The Dockerfile, read without a builder."""

    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    copied = tuple(line.split()[1:-1] for line in lines if re.match(r"COPY (?!--from)", line))

    def test_everything_it_copies_exists_and_is_sent_to_the_builder(self) -> None:
        sent = [
            line[1:]
            for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
            if line.startswith("!")
        ]
        sources = [source for group in self.copied for source in group]
        assert sources
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(source == allowed or source.startswith(f"{allowed}/") for allowed in sent), source

    def test_packages_are_installed_from_the_locks_alone(self) -> None:
        installs = [line for line in self.lines if re.search(r"pip install|npm (ci|install)", line)]
        assert len(installs) == 2
        assert "--require-hashes" in installs[0]
        assert "npm ci" in installs[1]
        assert "--ignore-scripts" in installs[1]

    def test_it_does_not_run_as_root(self) -> None:
        last = [line for line in self.lines if line.startswith("USER ")][-1]
        assert last == "USER cloudwindow"

    def test_its_base_names_the_python_we_lock_for(self) -> None:
        bases = {line.split()[1] for line in self.lines if line.startswith("FROM ")}
        assert bases == {"python:3.11-slim-bookworm", "packages"}

    def test_its_program_is_ours(self) -> None:
        assert 'ENTRYPOINT ["python", "-m", "cloudwindow"]' in self.lines


class TestHealthcheck:
    """What the containers ask themselves."""

    async def test_a_page_that_answers_is_well_and_is_asked_by_its_public_name(
        self, aiohttp_server: AiohttpServer
    ) -> None:
        hosts: list[str] = []

        async def health(request: web.Request) -> web.Response:
            hosts.append(request.host)
            return web.Response(status=200 if request.host == "window.example" else 400)

        app = web.Application()
        app.router.add_get("/health", health)
        server = await aiohttp_server(app)
        address = f"http://127.0.0.1:{server.port}/health"
        assert await asyncio.to_thread(is_well, address, "https://window.example")
        assert not await asyncio.to_thread(is_well, address, "")
        assert hosts == ["window.example", f"127.0.0.1:{server.port}"]

    async def test_an_open_port_is_well_until_it_closes(self) -> None:
        parted = asyncio.Event()

        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            parted.set()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await asyncio.to_thread(is_well, address, "")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await parted.wait()
        server.close()
        await server.wait_closed()
        assert not await asyncio.to_thread(is_well, address, "")
