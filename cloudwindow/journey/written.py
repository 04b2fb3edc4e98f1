"""
What is written in a call: kept with the case, then shown to everybody who is in it.

Rule: what is written in a private talk reaches only who is in it; who comes later is not shown earlier lines.
"""

from collections.abc import Sequence
from dataclasses import replace

from cloudwindow.domain import third_party as parties
from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.messages import ChatSaid
from cloudwindow.domain.session import Session
from cloudwindow.domain.third_party import ThirdParty
from cloudwindow.journey.calls import agent_topic, citizen_topic, third_topic
from cloudwindow.journey.house import House
from cloudwindow.records import Connection
from cloudwindow.records.story import note
from cloudwindow.records.visits import ChatLine

CHARACTERS = 2_000


async def write_line(
    house: House, session: Session, text: str, *, author: str, actor: Actor, sender: str = ""
) -> None:
    """
    Keep one line of ``session`` and show it to all sides. Raises BadInput("chat_empty").

    ``author`` is citizen, agent or third; ``sender`` the third party's id, whose page hears ``self``.
    """
    words = text.strip()
    if not words:
        raise BadInput("chat_empty")
    now = house.clock()

    async def work(conn: Connection) -> tuple[ChatLine, Sequence[ThirdParty]]:
        kept = await house.visits.say(
            conn,
            case=session.application,
            session=session.id,
            author=author,
            name="" if author == "citizen" else actor.name,
            text=words[:CHARACTERS],
            at=now,
        )
        await note(conn, session.application, "message.said", actor, now, {"line": kept.id})
        return kept, await house.third_parties.of_session(conn, session.id)

    kept, known = await house.ledger.write(work)
    told = ChatSaid(id=kept.id, author=author, name=actor.name, text=kept.text, at_ms=round(kept.at * 1000))
    await house.hub.tell(citizen_topic(session.ticket), told)
    await house.hub.tell(agent_topic(session.agent), replace(told, session=session.id))
    for one in known:
        if parties.reads(one, private=session.side_room):
            await house.hub.tell(
                third_topic(one.id), replace(told, author="self") if one.id == sender else told
            )
