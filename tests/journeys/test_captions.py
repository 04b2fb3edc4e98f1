"""Captions at the pages: who may switch them on, who is told what was understood; nothing is kept."""

import pytest

from cloudwindow.domain.errors import BadInput, Malformed
from cloudwindow.domain.messages import FROM_THIRD_PARTY, CaptionsSwitch, decode
from cloudwindow.media.plane import Caption, Captioning, CaptionState, MediaEvent, MediaEventKind
from tests.journeys.test_company import invited, let_in
from tests.journeys.town import Town

WORDS = "my number is one two three"


def understood(room: str, member: str, *readers: str) -> MediaEvent:
    caption = Caption(line=1, version=1, text=WORDS, final=True, readers=readers)
    return MediaEvent(kind=MediaEventKind.CAPTION, room=room, member=member, caption=caption)


async def test_words_are_told_to_those_who_heard_them_and_kept_nowhere(town: Town) -> None:
    visitor, desk = await town.in_call()
    party = await invited(town, desk)
    guest = await let_in(town, visitor, party)
    room = (await town.session(visitor.ticket)).room
    before = await town.story(visitor.application)
    assert visitor.page is not None
    assert desk.page is not None

    await town.made.captions.heard(understood(room, "citizen", "agent", "citizen"))

    assert visitor.page.last("captions.said")["own"] is True
    told = desk.page.last("captions.said")
    assert (told["kind"], told["own"], told["text"]) == ("citizen", False, WORDS)
    assert "captions.said" not in guest.kinds()
    assert await town.story(visitor.application) == before

    await town.made.captions.heard(understood(room, party.member, party.member, "agent"))
    assert guest.last("captions.said")["own"] is True
    assert desk.page.last("captions.said")["name"] == "陈手语"
    assert visitor.page.last("captions.said")["kind"] == "citizen"


async def test_everybody_in_the_call_is_told_that_captions_are_on_and_by_whom(town: Town) -> None:
    visitor, desk = await town.in_call()
    guest = await let_in(town, visitor, await invited(town, desk))
    room = (await town.session(visitor.ticket)).room
    assert visitor.page is not None
    assert desk.page is not None

    stands = Captioning(state=CaptionState.ON, wanted_by=("citizen",))
    event = MediaEvent(kind=MediaEventKind.CAPTIONING, room=room, member="", captioning=stands)
    await town.made.captions.heard(event)

    for page, mine in ((visitor.page, True), (desk.page, False), (guest, False)):
        told = page.last("captions.changed")
        assert (told["state"], told["mine"], told["by"]) == ("on", mine, ["citizen"])


async def test_a_call_in_a_language_without_an_engine_is_refused_captions(town: Town) -> None:
    visitor, desk = await town.in_call()
    for side in (visitor, desk):
        with pytest.raises(BadInput, match="captions_unavailable"):
            await side.say(CaptionsSwitch(on=True))
        await side.say(CaptionsSwitch(on=False))


def test_a_third_party_cannot_switch_captions() -> None:
    with pytest.raises(Malformed, match="message_unknown"):
        decode({"type": "captions.switch", "on": True}, FROM_THIRD_PARTY)
