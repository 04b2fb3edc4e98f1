"""
DTLS-SRTP for one member: aiortc's transport over a carrier that is only a bounded queue.

What a member sends inside DTLS itself, a data channel, goes to whoever asked for it with ``open_data``.

We are always the DTLS server; the member's certificate must match the fingerprints in their offer.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from OpenSSL import SSL

from cloudwindow.media.srtp import InPlaceCipher

MAX_WAITING: Final = 32
"""Datagrams that may wait; more are dropped, DTLS and SCTP repeat them."""
MAX_OCTETS: Final = 1500


class Carrier:
    """What the DTLS transport asks of an ICE transport, and no more."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send_datagram = send
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._closed = False

    def deliver(self, datagram: bytes) -> None:
        """Hand over a datagram from a validated address."""
        if not self._arrived.full():
            self._arrived.put_nowait(datagram)

    def close(self) -> None:
        """Let the reader end, even when the queue is full."""
        self._closed = True
        if not self._arrived.full():
            self._arrived.put_nowait(b"")

    async def _recv(self) -> bytes:
        datagram = b"" if self._closed else await self._arrived.get()
        if not datagram:
            raise ConnectionError
        return datagram

    async def _send(self, datagram: bytes) -> None:
        self.send(datagram)

    def send(self, datagram: bytes) -> None:
        """Send now or never."""
        self._send_datagram(datagram)


class _Inside:
    """What the DTLS transport hands decrypted datagrams to."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    async def _handle_data(self, datagram: bytes) -> None:
        self._take(datagram)


class SecureChannel:
    """One member's handshake; ``on_up`` gets the two ciphers, ``on_down`` is called once when it ends."""

    def __init__(
        self,
        *,
        fingerprints: list[RTCDtlsFingerprint],
        send: Callable[[bytes], None],
        on_up: Callable[[InPlaceCipher, InPlaceCipher], None],
        on_down: Callable[[], None],
    ) -> None:
        self._on_up, self._on_down = on_up, on_down
        self._certificate = RTCCertificate.generateCertificate()
        self._carrier = Carrier(send)
        self._transport = RTCDtlsTransport(cast(Any, self._carrier), [self._certificate])
        self._transport._set_role("server")
        self._transport.on("statechange", self._on_state)
        self._ended = False
        self._task = asyncio.create_task(self._run(RTCDtlsParameters(fingerprints=fingerprints)))

    @property
    def fingerprint(self) -> tuple[str, str]:
        """The SHA-256 fingerprint of our certificate, for the answer."""
        marks = self._certificate.getFingerprints()
        return next((mark.algorithm, mark.value) for mark in marks if mark.algorithm == "sha-256")

    def deliver(self, datagram: bytes) -> None:
        """Hand over a DTLS datagram from a validated address."""
        self._carrier.deliver(datagram)

    def open_data(self, take: Callable[[bytes], None]) -> None:
        """Hand what the member sends inside DTLS to ``take`` from now on; once."""
        self._transport._register_data_receiver(_Inside(take))

    def send_data(self, datagram: bytes) -> None:
        """Send inside DTLS, at most 1,200 octets; dropped before the handshake and after the end."""
        if self._transport.state != "connected" or self._ended:
            return
        ssl = cast(Any, self._transport._ssl)
        with suppress(SSL.Error):
            ssl.send(datagram)
            self._carrier.send(ssl.bio_read(MAX_OCTETS))

    async def close(self) -> None:
        """Say goodbye to the member's browser and stop; ``on_down`` is not called for this."""
        self._ended = True
        self._carrier.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._transport.stop()

    async def _run(self, remote: RTCDtlsParameters) -> None:
        await self._transport.start(remote)
        if self._transport.state == "connected" and not self._ended:
            self._on_up(InPlaceCipher(self._transport._rx_srtp), InPlaceCipher(self._transport._tx_srtp))

    def _on_state(self) -> None:
        if self._transport.state in ("closed", "failed") and not self._ended:
            self._ended = True
            self._on_down()
