"""The page with the phone's code: what it says when the text message does not go out, and about recording."""

import pytest

from cloudwindow.domain.errors import Unavailable
from tests.handlers.people import Browser, about, newcomer

LATE = 'data-role="code-late"'


@pytest.fixture
def gateway_away(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text gateway takes nothing."""

    async def fails(self: object, mobile: str, text: str, *, key: str, now: float) -> None:
        raise Unavailable("sms_unavailable")

    monkeypatch.setattr(type(visitor.city.journey.house.sms), "send", fails)


async def times(visitor: Browser) -> dict[str, str]:
    """The next free time of Huadu, as its button sends it."""
    bookings, house = visitor.city.journey.bookings, visitor.city.journey.house
    free = await bookings.next_free(house.item_of("HR01"), house.catalogue.district("440114"), "zh", most=1)
    return {"window": "440114", "at": f"{free[0].start:.0f}"}


@pytest.mark.usefixtures("gateway_away")
@pytest.mark.parametrize(("begins", "goes_on"), [("start", "confirm"), ("book/start", "book/confirm")])
async def test_whoever_asks_while_the_text_gateway_is_away_goes_on_and_is_told_so(
    visitor: Browser, begins: str, goes_on: str
) -> None:
    await visitor.page("/items/HR01/start")
    typed = about(visitor.city, newcomer()) | (await times(visitor) if begins != "start" else {})
    began = await visitor.post(f"/items/HR01/{begins}", typed)
    assert (began.status, began.place) == (303, f"/items/HR01/{goes_on}"), began.text
    page = await visitor.get(began.place)
    assert (page.status, LATE in page.text) == (200, True)


async def test_a_text_that_has_left_is_not_called_late(visitor: Browser) -> None:
    await visitor.page("/items/HR01/start")
    await visitor.post("/items/HR01/start", about(visitor.city, newcomer()))
    assert LATE not in (await visitor.get("/items/HR01/confirm")).text


async def test_recording_is_asked_about_only_where_calls_are_recorded_and_with_how_long(
    visitor: Browser,
) -> None:
    house = visitor.city.journey.house
    await visitor.page("/items/HR01/start")
    await visitor.post("/items/HR01/start", about(visitor.city, newcomer()))
    page = (await visitor.get("/items/HR01/confirm")).text
    assert f"保存 {house.item_of('HR01').recording.full_days} 天" in page
    recorder = house.recorder
    object.__setattr__(house, "recorder", None)
    try:
        assert "consent_recording" not in (await visitor.get("/items/HR01/confirm")).text
    finally:
        object.__setattr__(house, "recorder", recorder)
