"""HR01: decided in the call, in the competent organ's name, the certificate printed at once."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO

import pytest
from pypdf import PdfReader

from cloudwindow.domain.application import State
from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotAllowed, NotFound, TooOften
from cloudwindow.domain.messages import (
    CallHangUp,
    DeclarationConfirm,
    FormConfirm,
    FormFocus,
    FormSet,
    MaterialJudge,
    OfferAccept,
)
from cloudwindow.domain.session import Outcome
from tests.journeys.town import (
    HR01_ANSWERS,
    HUADU,
    PANYU,
    Desk,
    Town,
    Visitor,
    all_at_once,
    filled,
    id_number,
    signed,
    submitted,
)

HR01_STORY = [
    "intake.identified",
    "consent.given",
    "consent.given",
    "ticket.taken",
    "ticket.offered",
    "ticket.called",
    "session.started",
    "ticket.answered",
    "session.joined",
    "identity.checked",
    "read_back.started",
    "signature.made",
    "case.received",
    "document.issued",
    "case.accepted",
    "case.approved",
    "document.issued",
    "session.ended",
    "session.closed",
    "rating.given",
]


async def test_one_visit_goes_from_the_number_to_the_verified_certificate(real_town: Town) -> None:
    town = real_town
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await visitor.join()
    await filled(visitor, desk)
    await signed(visitor, desk)
    first = await desk.submit("press")
    assert await desk.submit("press") == first
    with pytest.raises(Conflict, match="already_submitted"):
        await desk.submit("other")
    await desk.decide()
    documents = await town.documents(visitor.application)
    assert [one.kind for one in documents] == ["receipt_slip", "certificate"]
    await visitor.leave()
    await desk.finish("submitted")
    await town.made.visits.rate(await visitor.browser(), 5, "很耐心")
    await the_certificate_verifies(town, visitor, documents[1].verification_code)
    kinds = [one for one in await town.kinds(visitor.application) if one in HR01_STORY]
    assert kinds == HR01_STORY
    following = await town.citizen()
    assert await desk.offered() == (await town.ticket(following.ticket)).number


async def the_certificate_verifies(town: Town, visitor: Visitor, code: str) -> None:
    case = (await visitor.view()).case
    assert case is not None
    shown = next(one for one in case.documents if one.kind == "certificate")
    assert shown.verification_code == code
    stored = await town.made.following.case_of(await visitor.browser(), case.receipt)
    document, pdf = await town.made.following.document(stored, shown.id)
    page = PdfReader(BytesIO(pdf)).pages[0]
    assert code in page.extract_text()
    assert len(page.images) >= 1  # the portrait
    checked = await town.made.following.verify(code.lower().replace("-", " "), address="here")
    assert checked is not None
    assert (checked.sha256, checked.kind) == (document.sha256, "certificate")
    assert visitor.about["name"] != checked.applicant
    assert checked.applicant.startswith(visitor.about["name"][0])


async def test_a_code_nobody_printed_confirms_nothing(town: Town) -> None:
    for typed in ("", "ABCD", "0000-0000-0000-0000-0", "'; drop table document"):
        assert await town.made.following.verify(typed, address="here") is None


async def test_another_district_decides_in_the_name_of_the_home_organ(town: Town) -> None:
    desk = await town.agent("panyu", PANYU)
    visitor = await town.citizen()
    await desk.accept()
    await visitor.join()
    receipt = await submitted(visitor, desk)
    await desk.decide()
    case = await town.case(visitor.application)
    assert (case.receipt, case.state) == (receipt, State.APPROVED)
    assert (case.receiving_district, case.home_district) == (PANYU, HUADU)
    assert case.organ == f"{HUADU}.human_resources"
    assert case.delegation == f"HR01-{HUADU}"
    organs = {one.kind: one.organ for one in await town.story(visitor.application) if one.organ}
    assert organs["case.received"] == f"{PANYU}.human_resources"
    assert organs["case.approved"] == f"{HUADU}.human_resources"


async def test_without_a_living_delegation_the_case_goes_to_the_home_district(town: Town) -> None:
    house = town.house
    office = house.office
    office._catalogue = replace(house.catalogue, delegations=())
    desk = await town.agent("panyu", PANYU)
    visitor = await town.citizen()
    await desk.accept()
    await visitor.join()
    await submitted(visitor, desk)
    assert (await town.case(visitor.application)).state is State.HANDED_OVER
    with pytest.raises(NotAllowed, match="no_delegation"):
        await desk.decide()


async def test_a_denial_needs_reasons_and_is_a_notice_of_its_own(town: Town) -> None:
    visitor, desk = await town.in_call()
    await submitted(visitor, desk)
    with pytest.raises(BadInput, match="reasons_required"):
        await desk.decide(approve=False, reasons=" ")
    await desk.decide(approve=False, reasons="工作地点不在广州市内。", key="again")
    case = await town.case(visitor.application)
    assert (case.state, case.reasons) == (State.DENIED, "工作地点不在广州市内。")
    assert [one.kind for one in await town.documents(visitor.application)] == ["receipt_slip", "denial"]
    assert town.printer.printed[-1].reasons[0].zh == case.reasons


async def test_ten_submissions_at_once_are_one_receipt(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    same = await all_at_once(*(desk.submit("one") for _ in range(10)))
    assert len({one.body for one in same}) == 1
    assert json.loads(same[0].body)["mode"] == "authorised"
    assert (await town.kinds(visitor.application)).count("case.received") == 1
    assert len(await town.documents(visitor.application)) == 1


async def test_a_key_used_for_another_case_is_refused(town: Town) -> None:
    visitor, desk = await town.in_call()
    await submitted(visitor, desk)
    await visitor.leave()
    await desk.finish("submitted")
    other = await town.citizen()
    await desk.accept()
    await other.join()
    await filled(other, desk)
    await signed(other, desk)
    with pytest.raises(BadInput, match="idempotency_key_reused"):
        await desk.submit("first")


async def test_the_outcome_after_a_submission_is_submitted_and_nothing_else(town: Town) -> None:
    visitor, desk = await town.in_call()
    await submitted(visitor, desk)
    await desk.say(CallHangUp())
    shown = (await desk.view()).session
    assert shown is not None
    assert list(shown.outcomes) == ["submitted"]
    with pytest.raises(Conflict, match="outcome_not_true"):
        await desk.finish("consulted")
    await desk.finish("submitted")
    assert (await town.session(visitor.ticket)).outcome is Outcome.SUBMITTED


# --- filling together ------------------------------------------------------------------------------------


async def test_an_agents_edit_is_a_proposal_on_both_pages_until_the_citizen_confirms(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.say(FormSet(field="employ_type", value="flexible", base=0))
    assert visitor.page is not None
    assert desk.page is not None
    for page in (visitor.page, desk.page):
        assert page.last("form.changed")["standing"] == "proposed"
    with pytest.raises(Conflict, match="field_moved_on"):
        await visitor.say(FormConfirm(field="employ_type", version=9))
    await visitor.say(FormConfirm(field="employ_type", version=1))
    assert desk.page.last("form.changed")["standing"] == "confirmed"
    value = (await town.case(visitor.application)).values["employ_type"]
    assert (value.standing, value.author_kind) == ("confirmed", "agent")


async def test_where_both_type_the_citizen_wins(town: Town) -> None:
    visitor, desk = await town.in_call()
    await visitor.say(FormSet(field="trade", value="leather", base=0))
    with pytest.raises(Conflict, match="field_moved_on"):
        await desk.say(FormSet(field="trade", value="retail", base=0))
    assert (await town.case(visitor.application)).values["trade"].value == "leather"
    await desk.say(FormSet(field="trade", value="retail", base=1))
    await visitor.say(FormSet(field="trade", value="catering", base=1))
    value = (await town.case(visitor.application)).values["trade"]
    assert (value.value, value.standing, value.version) == ("catering", "confirmed", 3)


async def test_a_value_that_fails_its_check_is_not_kept(town: Town) -> None:
    visitor, desk = await town.in_call()
    with pytest.raises(BadInput) as told:
        await desk.say(FormSet(field="start_date", value="2030-01-01", base=0))
    assert told.value.field == "start_date"
    assert "start_date" not in (await town.case(visitor.application)).values
    with pytest.raises(NotFound):
        await visitor.say(FormSet(field="salary", value="1", base=0))


async def test_the_cursor_of_one_side_shows_on_the_other(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.say(FormFocus(field="trade"))
    assert visitor.page is not None
    assert visitor.page.last("form.focused")["by"] == "agent"
    assert desk.page is not None
    assert "form.focused" not in desk.page.kinds()


async def test_an_agent_does_not_see_the_numbers_a_citizen_types(town: Town) -> None:
    visitor, desk = await town.in_call()
    await visitor.say(FormSet(field="applicant_mobile", value="13912345678", base=1))
    assert desk.page is not None
    assert "13912345678" not in json.dumps(desk.page.told)
    assert visitor.page is not None
    assert visitor.page.last("form.changed")["shown"] == "13912345678"


async def test_the_read_back_waits_for_identity_answers_confirmations_and_papers(town: Town) -> None:
    visitor, desk = await town.in_call()
    steps: tuple[tuple[Callable[[], Awaitable[None]], str], ...] = (
        (desk.identify, "identity_open"),
        (lambda: desk.propose(HR01_ANSWERS), "form_incomplete"),
        (visitor.confirm_all, "values_unconfirmed"),
        (lambda: visitor.photograph("id_card", "portrait"), "materials_open"),
        (lambda: desk.judge_all(visitor.application), "materials_open"),
    )
    for step, missing in steps:
        with pytest.raises(Conflict, match=missing):
            await desk.read_back()
        await step()
    await desk.read_back()
    assert (await town.case(visitor.application)).state is State.READING_BACK
    assert (await visitor.view()).read_back is not None


async def test_a_paper_that_is_not_good_keeps_the_read_back_closed(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    bad = (await town.case(visitor.application)).materials[0]
    await desk.say(MaterialJudge(material=bad.id, verdict="blurry"))
    with pytest.raises(Conflict, match="materials_open"):
        await desk.read_back()
    await town.made.filling.remove_material(await visitor.filler(), bad.id)
    await visitor.photograph(bad.rule)
    await desk.judge_all(visitor.application)
    await desk.read_back()
    with pytest.raises(BadInput, match="unknown_verdict"):
        await desk.say(MaterialJudge(material=bad.id, verdict="ugly"))


async def test_a_paper_found_bad_after_the_signature_stops_the_submission(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    await desk.judge_all(visitor.application, "mismatch")
    with pytest.raises(Conflict, match="materials_open"):
        await desk.submit()


async def test_doubts_about_the_person_after_the_signature_stop_the_submission(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    await desk.identify("doubtful")
    with pytest.raises(Conflict, match="identity_open"):
        await desk.submit()


# --- what only the citizen does --------------------------------------------------------------------------


async def test_an_agent_can_neither_confirm_nor_declare_nor_sign(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await desk.read_back()
    for message in (
        FormConfirm(field="trade", version=1),
        DeclarationConfirm(key="truth", confirmed=True),
    ):
        with pytest.raises(BadInput, match="message_unknown"):
            await desk.say(message)
    filling, filler = town.made.filling, await town.made.desks.filler(desk.staff, "zh-CN")
    with pytest.raises(NotAllowed, match="only_the_citizen"):
        await filling.confirm(filler, "trade", 1)
    with pytest.raises(NotAllowed, match="only_the_citizen"):
        await filling.declare(filler, "truth", True)
    await visitor.declare_all()
    code, shown = await visitor.ask_for_code(), (await visitor.view()).read_back
    assert shown is not None
    with pytest.raises(NotAllowed, match="only_the_citizen"):
        await filling.sign(filler, code=code, sha256=shown.sha256, drawing=b"drawn by the agent")
    assert (await town.case(visitor.application)).signed_at is None
    await visitor.sign(code)  # the agent's attempt has not spent it


async def test_each_declaration_must_be_confirmed_before_signing(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    with pytest.raises(Conflict, match="not_read_back"):
        await visitor.say(DeclarationConfirm(key="truth", confirmed=True))
    await desk.read_back()
    await visitor.say(DeclarationConfirm(key="truth", confirmed=True))
    code = await visitor.ask_for_code()
    with pytest.raises(Conflict, match="declarations_open"):
        await visitor.sign(code)
    with pytest.raises(NotFound, match="unknown_declaration"):
        await visitor.say(DeclarationConfirm(key="loyalty", confirmed=True))
    await visitor.declare_all()
    await visitor.sign(code)
    assert (await town.case(visitor.application)).state is State.SIGNED


async def test_five_wrong_codes_lock_the_signature_until_a_new_code_is_sent(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await desk.read_back()
    await visitor.declare_all()
    code = await visitor.ask_for_code()
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        with pytest.raises(BadInput, match="code_wrong"):
            await visitor.sign(wrong)
    with pytest.raises(TooOften, match="code_locked"):
        await visitor.sign(code)
    with pytest.raises(TooOften, match="code_too_often"):
        await visitor.ask_for_code()
    await town.pass_time(61)
    await visitor.sign(await visitor.ask_for_code())
    assert (await town.case(visitor.application)).state is State.SIGNED


async def test_a_signature_needs_a_drawing_a_code_and_the_summary_that_was_shown(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await desk.read_back()
    await visitor.declare_all()
    with pytest.raises(Gone, match="code_expired"):
        await visitor.sign("123456")
    code = await visitor.ask_for_code()
    with pytest.raises(BadInput, match="signature_empty"):
        await visitor.sign(code, drawing=b"")
    with pytest.raises(Conflict, match="summary_moved_on"):
        await visitor.sign(code, sha256="0" * 64)
    await visitor.sign(code)


async def test_a_signature_sent_twice_is_one_signature(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await desk.read_back()
    await visitor.declare_all()
    code = await visitor.ask_for_code()
    await visitor.sign(code)
    await visitor.sign(code)
    assert (await town.kinds(visitor.application)).count("signature.made") == 1


@pytest.mark.parametrize("who", ["citizen", "agent"])
async def test_an_edit_after_the_signature_voids_it(town: Town, who: str) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    person: Visitor | Desk = visitor if who == "citizen" else desk
    await person.say(FormSet(field="trade", value="retail", base=2))
    case = await town.case(visitor.application)
    assert (case.state, case.signed_at, case.declared) == (State.DRAFT, None, {})
    assert "signature.voided" in await town.kinds(visitor.application)
    with pytest.raises(Conflict, match="not_signed"):
        await desk.submit()
    await visitor.confirm_all()
    await town.pass_time(61)
    await signed(visitor, desk)
    await desk.submit()


async def test_a_new_photo_after_the_signature_voids_it_too(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    await visitor.photograph("portrait")
    assert (await town.case(visitor.application)).state is State.DRAFT


async def test_nothing_of_a_submitted_case_can_be_changed_in_the_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    await submitted(visitor, desk)
    for step in (
        visitor.say(FormSet(field="trade", value="retail", base=9)),
        desk.say(FormSet(field="trade", value="retail", base=9)),
        visitor.photograph("id_card"),
        desk.identify("failed"),
        desk.read_back(),
    ):
        with pytest.raises(Conflict, match="case_closed"):
            await step


async def test_an_agent_whose_citizen_went_back_into_the_line_can_no_longer_write(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await desk.say(CallHangUp())
    with pytest.raises(Conflict, match="no_call"):
        await desk.say(FormSet(field="trade", value="retail", base=0))
    with pytest.raises(Conflict, match="no_call"):
        await desk.submit()
    other = await town.agent("lan")
    await other.accept()
    await visitor.join()
    with pytest.raises(Conflict, match="no_call"):
        await desk.identify()
    with pytest.raises(Gone, match="offer_gone"):
        await desk.say(OfferAccept(offer=f"{visitor.ticket}/1"))


# --- on behalf of somebody -------------------------------------------------------------------------------


async def test_a_delegate_applies_for_the_principal_whose_name_is_on_the_certificate(town: Town) -> None:
    principal = id_number(700, "19500101")
    visitor, desk = await town.in_call(
        capacity="delegate", principal_name="李奶奶", principal_id_number=principal, name="李小红"
    )
    view = (await desk.view()).session
    assert view is not None
    assert (view.capacity, view.principal) == ("delegate", "李奶奶")
    values = (await town.case(visitor.application)).values
    assert values["applicant_name"].value == "李奶奶"
    assert values["applicant_idno"].value == principal
    assert values["delegate_name"].value == "李小红"
    await filled(
        visitor,
        desk,
        "mandate",
        "delegate_id_card",
        delegate_relation="child",
        applicant_mobile="13900000001",
    )
    await signed(visitor, desk)
    await desk.submit()
    await desk.decide()
    documents = await town.documents(visitor.application)
    certificate = town.printer.printed[-1]
    assert certificate.applicant.name == "李奶奶"
    assert certificate.delegate is not None
    assert certificate.delegate.name == "李小红"
    signature = next(one for one in await town.story(visitor.application) if one.kind == "signature.made")
    assert (signature.capacity, signature.on_behalf_of) == ("on_behalf_of", "principal")
    checked = await town.made.following.verify(documents[-1].verification_code, address="here")
    assert checked is not None
    assert checked.applicant.startswith("李")


# --- afterwards ------------------------------------------------------------------------------------------


async def test_a_visit_is_rated_once_with_one_to_five_stars(town: Town) -> None:
    visitor, desk = await town.in_call()
    await submitted(visitor, desk)
    await visitor.leave()
    for stars in (0, 6):
        with pytest.raises(BadInput, match="unknown_rating"):
            await town.made.visits.rate(await visitor.browser(), stars, "")
    await town.made.visits.rate(await visitor.browser(), 4, "")
    with pytest.raises(Conflict, match="already_rated"):
        await town.made.visits.rate(await visitor.browser(), 5, "")
    case = (await visitor.view()).case
    assert case is not None
    assert (case.rating, case.can_rate) == (4, False)


@pytest.mark.parametrize("failure", [Conflict("notice_incomplete"), RuntimeError("no paper")])
async def test_a_notice_that_could_not_be_printed_is_printed_later(town: Town, failure: Exception) -> None:
    visitor, desk = await town.in_call()
    town.printer.broken = failure
    await submitted(visitor, desk)
    assert [one.file for one in await town.documents(visitor.application)] == [""]
    case = (await visitor.view()).case
    assert case is not None
    assert (case.state, case.documents) == ("received", [])
    town.printer.broken = None
    assert await town.made.printing.print_pending() == 1
    case = (await visitor.view()).case
    assert case is not None
    assert [one.kind for one in case.documents] == ["receipt_slip"]
    assert await town.made.printing.print_pending() == 0


async def test_the_case_is_found_by_receipt_and_phone_from_any_browser(town: Town) -> None:
    visitor, desk = await town.in_call()
    receipt = await submitted(visitor, desk)
    following = town.made.following
    token, _ = await town.made.door.new_citizen()
    stranger = Visitor(town=town, token=token, item="HR01", about={})
    with pytest.raises(NotFound, match="case_not_found"):
        await following.case_of(await stranger.browser(), receipt)
    with pytest.raises(NotFound, match="case_not_found"):
        await following.find(await stranger.browser(), receipt, "13999999999", address="there")
    found = await following.find(
        await stranger.browser(), f" {receipt.lower()} ", visitor.about["mobile"], address="there"
    )
    assert found == receipt
    case = await following.case_of(await stranger.browser(), receipt)
    assert case.id == visitor.application


async def test_receipts_and_phones_cannot_be_tried_out(town: Town) -> None:
    visitor, desk = await town.in_call()
    receipt = await submitted(visitor, desk)
    with pytest.raises(TooOften, match="lookup_too_often"):
        for guess in range(11):
            with pytest.raises(NotFound, match="case_not_found"):
                await town.made.following.find(
                    await visitor.browser(), receipt, f"1390000{guess:04d}", address=f"from {guess}"
                )


async def test_a_draft_left_behind_is_taken_up_again_and_only_by_its_new_agent(town: Town) -> None:
    visitor, desk = await town.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    await visitor.leave()
    await town.pass_time(61)
    again = await town.citizen(**{name: visitor.about[name] for name in ("id_number", "mobile")})
    assert again.ticket != visitor.ticket
    assert again.application == visitor.application
    case = await town.case(again.application)
    assert (case.state, case.signed_at, case.identity_result) == (State.DRAFT, None, None)
    assert case.values["trade"].value == "leather"
    with pytest.raises(Conflict, match="no_call"):
        await desk.submit()
    with pytest.raises(Conflict, match="no_call"):
        await desk.say(FormSet(field="trade", value="retail", base=9))
    await desk.finish("draft_owned", "明天再办")
    await desk.accept()
    await again.join()
    await desk.identify()
    await town.pass_time(61)
    await signed(again, desk)
    await desk.submit()
