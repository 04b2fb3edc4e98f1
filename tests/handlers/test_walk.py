"""The people of these tests find their way in."""

from tests.handlers.conftest import staff
from tests.handlers.people import (
    Browser,
    City,
    accept_next,
    browser,
    join_without_media,
    newcomer,
    take_ticket,
)


async def test_an_accepted_offer_brings_citizen_and_agent_into_one_call(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        told = await desk.until("stage.changed", stage="in_call", peer_online=True)
        assert told["session"]


async def test_a_desk_takes_calls_also_before_its_script_has_loaded(fresh_city: City) -> None:
    async with staff(fresh_city, "agent-huadu") as agent:
        await agent.page("/desk")
        answer = await agent.post("/desk/start")
        assert (answer.status, answer.place) == (303, "/desk")
        desk = await agent.live("/ws/desk")
        assert (await desk.until("stage.changed"))["stage"] == "idle"


async def test_everybody_lands_on_the_page_of_their_role(approver: Browser, admin: Browser) -> None:
    assert (await approver.get("/staff")).place == "/inbox"
    assert (await admin.get("/staff")).place == "/board"
