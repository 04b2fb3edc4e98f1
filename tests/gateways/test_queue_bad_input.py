"""Whatever the line cannot use is refused with one stable code, and nothing has changed."""

from collections.abc import Awaitable, Callable
from math import inf, nan
from typing import Any

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId
from cloudwindow.domain.match import Lane
from tests.gateways.hall import Hall, lane, profile

MEI, LAN = StaffId("mei"), StaffId("lan")
T1, T9 = TicketId("t1"), TicketId("t9")

Try = Callable[[Hall], Awaitable[Any]]


async def contents(redis: Redis) -> dict[str, bytes]:
    """Everything the server holds."""
    keys = sorted([key async for key in redis.scan_iter()])
    dump: Any = redis.execute_command
    return {key: await dump("DUMP", key, NEVER_DECODE=True) for key in keys}


def joining(ticket: str = "t9", where: Lane | None = None, **times: float) -> Try:
    def attempt(hall: Hall) -> Awaitable[Any]:
        given: dict[str, Any] = {"joined_at": hall.now, "now": hall.now, **times}
        return hall.line.join(TicketId(ticket), where or lane(), **given)

    return attempt


def offered(what: str, agent: StaffId, offer: str, **more: Any) -> Try:
    return lambda hall: getattr(hall.line, what)(agent, OfferId(offer), now=hall.now, **more)


BAD: list[tuple[str, Try]] = [
    ("lane_unknown", joining(where=lane(DistrictCode("110101")))),
    ("ticket_unusable", joining("")),
    ("ticket_unusable", joining("t9|x")),
    ("ticket_unusable", joining("t9}:announcements")),
    ("ticket_unusable", joining("t9\n")),
    ("ticket_unusable", joining("t" * 65)),
    ("joining_time_unusable", joining(joined_at=-1.0)),
    ("joining_time_unusable", joining(joined_at=0.0)),
    ("joining_time_unusable", joining(joined_at=nan)),
    ("joining_time_unusable", joining(joined_at=2e6)),
    ("joining_time_unusable", joining(credit_seconds=-1e9)),
    ("joining_time_unusable", joining(credit_seconds=1e9)),
    ("joining_time_unusable", joining(credit_seconds=nan)),
    ("joining_time_unusable", joining(now=-5.0)),
    ("time_unusable", joining(now=inf)),
    ("time_unusable", lambda hall: hall.line.tick(now=nan)),
    ("time_unusable", lambda hall: hall.line.tick(now=-1.0)),
    ("time_unusable", lambda hall: hall.line.beat(MEI, now=1e12)),
    ("district_unknown", lambda hall: hall.line.sign_in(profile("x", DistrictCode("1")), now=hall.now)),
    ("offer_gone", offered("accept", MEI, "t1/2")),
    ("offer_gone", offered("accept", MEI, "t1/0")),
    ("offer_gone", offered("accept", LAN, "t1/1")),
    ("offer_gone", offered("accept", MEI, "")),
    ("offer_gone", offered("accept", MEI, "../t1/1")),
    ("offer_gone", offered("decline", MEI, "t1/7", reason="other")),
    ("offer_gone", offered("decline", LAN, "t1/1", reason="other")),
    ("agent_not_signed_in", lambda hall: hall.line.set_available(StaffId("nobody"), now=hall.now)),
    ("agent_not_signed_in", lambda hall: hall.line.wrap_up(StaffId("nobody"), T1, now=hall.now)),
    ("state_forbids", lambda hall: hall.line.wrap_up(MEI, T9, now=hall.now)),
    ("state_forbids", lambda hall: hall.line.release(MEI, T1, now=hall.now)),
    ("state_forbids", lambda hall: hall.line.finish(MEI, now=hall.now, then="away")),
]


@pytest.mark.parametrize(("code", "attempt"), BAD)
async def test_what_cannot_be_used_is_refused_and_changes_nothing(
    redis: Redis, code: str, attempt: Try
) -> None:
    hall = Hall(redis)
    await hall.arrive(profile("mei"))
    await hall.line.sign_in(profile("lan"), now=hall.now)
    await hall.join("t1")
    assert await hall.offers() == [("t1", "mei")]
    before = await contents(redis)
    for _ in range(2):
        with pytest.raises(CloudWindowError) as refused:
            await attempt(hall)
        assert refused.value.code == code
    assert await contents(redis) == before


@pytest.mark.parametrize("ticket", ["t9", "", "t1/1", "t1}", "*"])
async def test_a_ticket_the_line_does_not_know_is_nowhere(redis: Redis, ticket: str) -> None:
    hall = Hall(redis)
    await hall.join("t1")
    before = await contents(redis)
    forged = TicketId(ticket)
    assert not await hall.line.leave(forged, now=hall.now)
    assert not await hall.line.detach(forged, now=hall.now)
    assert not await hall.line.attach(forged, now=hall.now)
    assert await hall.line.knows(forged) is None
    assert await hall.line.place(forged, now=hall.now) is None
    assert await contents(redis) == before
