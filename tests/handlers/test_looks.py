"""A look at one panel of the visit shows what a look at several shows."""

from tests.handlers.people import Browser, City, browser, newcomer, take_ticket


async def test_the_ticket_alone_is_shown_as_among_other_panels(citizen: Browser) -> None:
    alone = (await citizen.get("/visit/panels?names=ticket")).json
    among = (await citizen.get("/visit/panels?names=ticket,chat")).json
    assert alone["ticket"] == among["ticket"]
    assert "resume-link" in alone["ticket"]


async def test_who_is_rung_back_sees_so_in_the_ticket_alone(city: City) -> None:
    async with browser(city) as one:
        await take_ticket(one, newcomer())
        await one.post("/visit/callback", {"wanted": "1"})
        assert "data-aside" in (await one.get("/visit/panels?names=ticket")).json["ticket"]
