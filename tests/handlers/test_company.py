"""Somebody invited into a call over HTTP: the link, their own page and nothing else, and its form's token."""

import re

from tests.handlers.conftest import staff
from tests.handlers.people import (
    City,
    accept_offered,
    browser,
    join_without_media,
    newcomer,
    take_ticket,
)

LINK = re.compile(r"/guest/join#(\w+)")


async def test_a_guest_has_a_page_of_their_own_and_leaves_it_only_with_its_token(fresh_city: City) -> None:
    async with staff(fresh_city, "agent-huadu") as desk, browser(fresh_city) as citizen:
        socket = await desk.live("/ws/desk")
        await socket.done("agent.available")
        await take_ticket(citizen, newcomer())
        visit = await citizen.live("/ws/visit")
        await accept_offered(socket)
        await join_without_media(visit)
        await desk.page("/desk")
        await desk.post("/desk/company", {"kind": "family", "name": "李女儿", "mobile": ""})
        found = LINK.search((await desk.get("/desk")).text)
        assert found is not None
        async with browser(fresh_city) as guest:
            assert (await guest.ask("GET", "/guest")).status == 404
            await guest.post("/guest/join", {"secret": found[1]})
            page = await guest.get("/guest")
            assert "正在征求群众同意" in page.text
            assert (await guest.ask("GET", "/visit")).status == 404
            own, guest.csrf = guest.csrf, "wrong"
            assert (await guest.post("/guest/leave", {})).status == 403
            assert (await guest.upload("/guest/materials/id_card", [("file", b"x")])).status == 403
            guest.csrf = own
            scanned = await guest.upload("/guest/materials/id_card", [("file", b"x")])
            assert scanned.status == 403
            assert "not_allowed" in scanned.text
            assert (await guest.ask("GET", "/guest/documents/d1")).status == 403
            await guest.post("/guest/leave", {})
            assert "您已离开本次通话" in (await guest.get("/guest")).text
        await socket.close()
        await visit.close()
