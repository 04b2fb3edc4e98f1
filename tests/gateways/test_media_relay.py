"""The relay: words that open it for minutes, and a real coturn that leads to our workers and nowhere else."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudwindow.media.relay import LIFE_SECONDS, IceServer, Relay
from tests.gateways.coturn import (
    IPV6,
    RELAY_HOST,
    SECRET,
    WORKER_HOST,
    Coturn,
    TurnClient,
    coturn,
    needs_coturn,
)

RELAY = Relay(urls=("turn:relay.example:3478",), secret=SECRET)

FORBIDDEN = (
    "127.0.0.1",
    RELAY_HOST,
    "127.0.0.21",
    "0.0.0.0",  # noqa: S104 - asked of the relay, not bound
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.254",
    "100.64.0.1",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.168.0.1",
    "192.168.255.254",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "8.8.8.8",
    "203.0.113.7",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    f"::ffff:{WORKER_HOST}",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "fd12::1",
    "ff02::1",
    "2001:4860:4860::8888",
)
REFUSED = {400, 403, 443}
"""Bad request, forbidden, another address family (RFC 8656 §9.2)."""


def server(person: str, now: float = 1_000.0) -> IceServer:
    return RELAY.servers(person, now=now)[0]


def test_a_credential_ends_after_ten_minutes_and_says_nothing_about_the_person() -> None:
    made = server("ticket:A012")
    expiry, mark = made.username.split(":")
    assert int(expiry) == 1_000 + LIFE_SECONDS
    assert "A012" not in mark
    assert mark.isalnum()


def test_a_person_keeps_their_mark_so_that_the_quota_per_person_holds() -> None:
    marks = [server(*who).username.split(":")[1] for who in (("a", 0.0), ("a", 99.0), ("b", 0.0))]
    assert marks[0] == marks[1] != marks[2]


def test_another_secret_makes_another_mark_and_another_credential() -> None:
    other = replace(RELAY, secret="other").servers("a", now=1_000.0)[0]
    assert other.username != server("a").username
    assert other.credential != server("a").credential


def test_without_addresses_there_is_no_relay() -> None:
    assert Relay(secret=SECRET).servers("a", now=0.0) == []


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Coturn]:
    async with coturn(tmp_path) as running:
        yield running


async def allocated(relay: Coturn) -> TurnClient:
    """A client that holds a relay of its own."""
    client, words = await TurnClient.connect(relay.port), server("somebody", time.time())
    assert await client.allocate(words.username, words.credential) == 0
    return client


@needs_coturn
async def test_the_relay_leads_to_our_worker_and_to_none_of_thirty_one_others(relay: Coturn) -> None:
    client = await allocated(relay)
    permitted = {peer: await client.permit(peer) for peer in FORBIDDEN}
    bound = {peer: await client.bind(peer, 0x4000 + at) for at, peer in enumerate(FORBIDDEN)}
    assert await client.permit(WORKER_HOST) == 0
    client.close()
    assert {peer: code for peer, code in permitted.items() if code not in REFUSED} == {}
    assert {peer: code for peer, code in bound.items() if code not in REFUSED} == {}


@needs_coturn
async def test_credentials_that_expired_or_were_forged_open_nothing(relay: Coturn) -> None:
    now = time.time()
    good, old = server("somebody", now), server("somebody", now - LIFE_SECONDS - 5)
    later = f"{int(now) + 86_400}:{good.username.split(':')[1]}"
    foreign = replace(RELAY, secret="guessed").servers("somebody", now=now)[0]
    tried = [
        (old.username, old.credential),
        (later, good.credential),
        (foreign.username, foreign.credential),
        (good.username, ""),
        ("", good.credential),
        ("somebody", "password"),
    ]
    answers = []
    for username, credential in tried:
        client = await TurnClient.connect(relay.port)
        answers.append(await client.allocate(username, credential))
        client.close()
    assert set(answers) <= {400, 401}, answers


@needs_coturn
async def test_the_relay_gives_no_address_of_the_other_family(relay: Coturn) -> None:
    client, words = await TurnClient.connect(relay.port), server("somebody", time.time())
    assert await client.allocate(words.username, words.credential, family=IPV6) == 440
    client.close()


@needs_coturn
async def test_one_person_gets_eight_relays_and_no_ninth(relay: Coturn) -> None:
    clients, answers = [], []
    for _ in range(9):
        words = server("hoarder", time.time())
        clients.append(await TurnClient.connect(relay.port))
        answers.append(await clients[-1].allocate(words.username, words.credential))
    for client in clients:
        client.close()
    assert answers == [0] * 8 + [486]
