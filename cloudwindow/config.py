"""
Every setting, read once from the environment. Names end in their unit.

A security setting that makes no sense stops the start (``ConfigError``); nothing falls back silently.
"""

from __future__ import annotations  # the reader below goes by the spelled types

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """A setting cannot be used; the text names it and says what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings; each is described in docs/operations.md."""

    host: str = "127.0.0.1"
    port: int = 8080
    data_dir: Path = Path(".data")
    public_url: str = ""
    database_url: str = ""
    redis_url: str = ""
    catalogue_dir: Path = Path("catalogue")
    web_dir: Path = Path("web")
    demo: bool = True
    always_open: bool = True
    node_name: str = ""
    trusted_proxy_hops: int = 0
    root_key: str = ""
    media_workers: str = ""
    media_token: str = ""
    media_name: str = "media-1"
    media_control: str = ""
    media_udp_host: str = "127.0.0.1"
    media_udp_port: int = 0
    media_advertised_hosts: tuple[str, ...] = ()
    media_drain_seconds: float = 3600.0
    media_backend: str = "workers"
    janus_url: str = ""
    janus_api_secret: str = ""
    janus_admin_key: str = ""
    media_memory_mb: int = 0
    recordings: bool = True
    recordings_dir: str = ""
    recordings_min_free_mb: int = 1024
    captions: str = "local"
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = ""
    turn_only: bool = False
    ring_stays_seconds: tuple[float, ...] = (120.0, 60.0, 180.0)
    offer_seconds: float = 20.0
    quality_keep_days: float = 30.0
    shows_supervisors: bool = True
    log_level: str = "INFO"

    @property
    def origin(self) -> str:
        """Scheme, host and port that browsers see."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def ledger_url(self) -> str:
        """Where the ledger lives; SQLite in the data folder by default."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'ledger.sqlite3'}"

    @property
    def recordings_path(self) -> Path:
        """Where workers write recordings and web nodes read them: one folder that all share."""
        return Path(self.recordings_dir).expanduser() if self.recordings_dir else self.data_dir / "recordings"


PREFIX = "CW_"
PLAIN = {"PORT": "port", "DATA_DIR": "data_dir", "DATABASE_URL": "database_url", "REDIS_URL": "redis_url"}
"""Names without our prefix that people expect to work."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    plain = {setting: outside for outside, setting in PLAIN.items()}
    return plain.get(name, PREFIX + name.upper())


def from_env(environ: Mapping[str, str] | None = None) -> Config:
    """Read the environment. Raises ConfigError for an unknown ``CW_…`` name or a value of the wrong kind."""
    outside = os.environ if environ is None else environ
    names = {variable(field.name): field for field in fields(Config)}
    unknown = sorted(name for name in outside if name.startswith(PREFIX) and name not in names)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]}")
    given: dict[str, Any] = {
        field.name: _read(name, str(field.type), outside[name])
        for name, field in names.items()
        if outside.get(name)
    }
    return _checked(Config(**given))


def for_child(**settings: object) -> dict[str, str]:
    """The environment of a child process: where programs are, and these settings; empty ones left out."""
    outside = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return outside | {variable(name): str(value) for name, value in settings.items() if value}


def _read(name: str, kind: str, text: str) -> object:
    try:
        if "Path" in kind:
            return Path(text).expanduser()
        if kind == "bool":
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[
                text.lower()
            ]
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
        if kind == "tuple[float, ...]":
            return tuple(float(part) for part in text.split(","))
        if kind == "tuple[str, ...]":
            return tuple(part.strip() for part in text.split(",") if part.strip())
    except (ValueError, KeyError) as exc:
        raise ConfigError(f"{name} must be a {kind}") from exc
    return text


def _checked(config: Config) -> Config:
    if not 0 <= config.port < 65536:
        raise ConfigError("PORT must lie between 0 and 65535")
    if config.public_url and not config.public_url.startswith(
        ("https://", "http://localhost", "http://127.")
    ):
        raise ConfigError("CW_PUBLIC_URL must be https (cameras and cookies need it)")
    if config.root_key and len(config.root_key) != 64:
        raise ConfigError("CW_ROOT_KEY must be 64 hexadecimal digits")
    if not config.demo and config.public_url.startswith("http://"):
        raise ConfigError("without CW_DEMO the public address must be https")
    if len(config.ring_stays_seconds) != 3 or min(config.ring_stays_seconds) < 0:
        raise ConfigError("CW_RING_STAYS_SECONDS must be three numbers of seconds: own, lenders, neighbours")
    if not 0 < config.quality_keep_days <= 3660:
        raise ConfigError("CW_QUALITY_KEEP_DAYS must lie between 0 and 3660")
    if config.media_workers and not config.media_token:
        raise ConfigError("CW_MEDIA_TOKEN is needed to speak to media workers over the network")
    if config.media_drain_seconds < 0:
        raise ConfigError("CW_MEDIA_DRAIN_SECONDS must be a number of seconds, 0 or more")
    if config.media_memory_mb < 0:
        raise ConfigError("CW_MEDIA_MEMORY_MB must be a number of MiB, 0 for no limit")
    if config.recordings_min_free_mb < 0:
        raise ConfigError("CW_RECORDINGS_MIN_FREE_MB must be a number of MiB, 0 or more")
    if config.captions not in {"local", "off"}:
        raise ConfigError("CW_CAPTIONS must be local or off")
    if config.turn_urls and not config.turn_secret:
        raise ConfigError("CW_TURN_SECRET is needed with CW_TURN_URLS")
    if config.turn_only and not config.turn_urls:
        raise ConfigError("CW_TURN_ONLY needs CW_TURN_URLS: browsers would have no way to the workers")
    _check_backend(config)
    return config


LOOPBACK = ("ws://127.0.0.1:", "ws://localhost:", "ws://[::1]:")


def _check_backend(config: Config) -> None:
    if config.media_backend not in {"workers", "janus"}:
        raise ConfigError("CW_MEDIA_BACKEND must be workers or janus")
    if config.media_backend == "workers":
        return
    if not config.janus_url.startswith(LOOPBACK):
        raise ConfigError("CW_JANUS_URL must be a ws:// address on loopback: Janus runs beside its worker")
    if not config.janus_api_secret or not config.janus_admin_key:
        raise ConfigError("CW_JANUS_API_SECRET and CW_JANUS_ADMIN_KEY are needed with CW_MEDIA_BACKEND=janus")
