"""PS01: taken in anywhere, decided by the home district's approver."""

import pytest

from cloudwindow.domain.application import Application, State
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.errors import BadInput, Conflict, NotAllowed, NotFound
from tests.journeys.town import (
    HUADU,
    PANYU,
    TIANHE,
    Desk,
    Town,
    Visitor,
    filled,
    id_number,
    photo_of,
    signed,
    submitted,
)


async def handed_over(town: Town) -> tuple[Visitor, Desk, str]:
    """A case taken in by Panyu, and Huadu's approver with its receipt number."""
    desk = await town.agent("panyu", PANYU)
    visitor = await town.citizen("PS01")
    await desk.accept()
    await visitor.join()
    receipt = await submitted(visitor, desk)
    await visitor.leave()
    await desk.finish("submitted")
    return visitor, await town.desk("zhou", HUADU, role="approver"), receipt


async def case_of(town: Town, visitor: Visitor) -> Application:
    return await town.case(visitor.application)


async def test_a_transferred_case_is_signed_for_accepted_and_approved_at_home(either_town: Town) -> None:
    town = either_town
    visitor, approver, receipt = await handed_over(town)
    rows = (await town.made.inboxes.view(approver.staff, "open")).rows
    assert [(one.receipt, one.state, one.from_district.code) for one in rows] == [
        (receipt, "handed_over", PANYU)
    ]
    assert rows[0].acknowledge_by is not None
    page = await approver.inbox(receipt)
    assert page.chain_intact
    assert visitor.about["id_number"] not in repr(page)
    assert await town.made.inboxes.signature(approver.staff, receipt)
    assert await town.made.inboxes.picture(approver.staff, receipt, page.materials[0].papers[0].id)
    for action, state in (
        ("acknowledge", State.ACKNOWLEDGED),
        ("accept", State.ACCEPTED),
        ("approve", State.APPROVED),
    ):
        assert action in (await approver.inbox(receipt)).actions
        await approver.act(receipt, action)
        assert (await case_of(town, visitor)).state is state
    kinds = [one.kind for one in await town.documents(visitor.application)]
    assert kinds == ["receipt_slip", "acceptance_notice", "approval"]
    shown = (await visitor.view()).case
    assert shown is not None
    assert [step.kind for step in shown.steps] == [
        "signature.made",
        "case.received",
        "case.handed_over",
        "case.acknowledged",
        "case.accepted",
        "case.approved",
    ]
    assert len(shown.documents) == 3
    assert (await approver.inbox(receipt)).actions == []
    counts = (await town.made.inboxes.view(approver.staff, "closed")).counts
    assert counts == {"open": 0, "waiting": 0, "closed": 1}


async def test_receipt_acceptance_and_decision_are_told_by_the_organs_that_did_them(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    for action in ("acknowledge", "accept", "approve"):
        await approver.act(receipt, action)
    told = {one.kind: (one.organ, one.actor) for one in await town.story(visitor.application)}
    home = (f"{HUADU}.public_security", "zhou")
    assert told["case.received"] == (f"{PANYU}.public_security", "panyu")
    assert told["case.handed_over"] == (f"{PANYU}.public_security", "panyu")
    assert told["case.acknowledged"] == told["case.accepted"] == told["case.approved"] == home


async def test_the_clocks_run_from_the_receipt_and_then_from_the_acceptance(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    received = await case_of(town, visitor)
    assert received.due_at is not None
    assert day_of(received.due_at - 1).isoformat() == "2026-05-27"  # five working days: 20 + 21 22 25 26 27
    package = (await town.made.inboxes.view(approver.staff, "open")).rows[0]
    assert package.acknowledge_by is not None
    assert received.received_at is not None
    assert package.acknowledge_by - received.received_at == 5 * 3600  # four office hours and lunch
    await approver.act(receipt, "acknowledge")
    await approver.act(receipt, "accept")
    accepted = await case_of(town, visitor)
    assert accepted.due_at is not None
    assert day_of(accepted.due_at - 1).isoformat() == "2026-06-04"  # fifteen days


async def test_what_is_late_shows_in_the_inbox(town: Town) -> None:
    _, approver, receipt = await handed_over(town)
    town.now += 24 * 3600
    assert (await town.made.inboxes.view(approver.staff, "open")).rows[0].late == "acknowledge"
    await approver.act(receipt, "acknowledge")
    assert (await town.made.inboxes.view(approver.staff, "open")).rows[0].late is None
    town.now += 10 * 24 * 3600
    assert (await town.made.inboxes.view(approver.staff, "open")).rows[0].late == "decide"


async def test_one_list_of_corrections_goes_to_the_citizen_and_back(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    await approver.act(receipt, "acknowledge")
    wanted = [
        {"target": "employer", "note": "请填写营业执照上的全称"},
        {"target": "job_proof", "note": "请补拍盖章页"},
    ]
    await approver.act(receipt, "correction", wanted=wanted)
    case = await case_of(town, visitor)
    assert case.state is State.CORRECTION_REQUESTED
    await town.documents(visitor.application)
    assert [one.standard.zh for one in town.printer.printed[-1].papers if one.standard] == [
        "请填写营业执照上的全称",
        "请补拍盖章页",
    ]
    shown = (await visitor.view()).case
    assert shown is not None
    assert [(one.target, one.kind, one.done) for one in shown.corrections] == [
        ("employer", "field", False),
        ("job_proof", "material", False),
    ]
    following = town.made.following
    assert await following.correct(case, {"employer": "花都皮具有限公司", "basis": "home"}, {}) == []
    half = await case_of(town, visitor)
    assert half.state is State.CORRECTION_REQUESTED
    assert half.values["basis"].value == "work"  # only what was listed
    assert await following.correct(half, {}, {"job_proof": [photo_of("sealed page")]}) == []
    done = await case_of(town, visitor)
    assert done.state is State.ACKNOWLEDGED
    assert done.values["employer"].value == "花都皮具有限公司"
    assert [one.added_by for one in done.materials if one.rule == "job_proof"] == ["citizen"]
    with pytest.raises(Conflict, match="case_closed"):
        await following.correct(done, {"employer": "别的"}, {})
    with pytest.raises(NotAllowed, match="second_correction"):
        await approver.act(receipt, "correction", wanted=wanted)
    await approver.act(receipt, "accept")
    await approver.act(receipt, "approve")
    assert "case.corrected" in await town.kinds(visitor.application)


async def test_a_correction_that_fails_its_check_is_told_and_the_rest_is_kept(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    await approver.act(receipt, "acknowledge")
    wanted = [{"target": "employer", "note": "全称"}, {"target": "job_since", "note": "与合同一致"}]
    await approver.act(receipt, "correction", wanted=wanted)
    case = await case_of(town, visitor)
    told = await town.made.following.correct(
        case, {"employer": "花都皮具有限公司", "job_since": "2030-01-01"}, {}
    )
    assert [one.field for one in told] == ["job_since"]
    shown = (await visitor.view()).case
    assert shown is not None
    assert [one.done for one in shown.corrections] == [True, False]
    nothing = await town.made.following.correct(await case_of(town, visitor), {}, {})
    assert [one.code for one in nothing] == ["correction_nothing_given"]


async def test_a_list_of_corrections_names_something_and_says_why(town: Town) -> None:
    _, approver, receipt = await handed_over(town)
    await approver.act(receipt, "acknowledge")
    with pytest.raises(BadInput, match="correction_empty"):
        await approver.act(receipt, "correction")
    with pytest.raises(BadInput, match="correction_note_required"):
        await approver.act(receipt, "correction", wanted=[{"target": "employer", "note": " "}])
    with pytest.raises(NotFound):
        await approver.act(receipt, "correction", wanted=[{"target": "passport", "note": "护照"}])


async def test_a_case_is_refused_only_with_reasons(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    await approver.act(receipt, "acknowledge")
    with pytest.raises(BadInput, match="reasons_required"):
        await approver.act(receipt, "refuse", reasons="")
    await approver.act(receipt, "refuse", reasons="居住未满六个月。")
    case = await case_of(town, visitor)
    assert (case.state, case.reasons, case.due_at) == (State.NOT_ACCEPTED, "居住未满六个月。", None)
    assert (await town.documents(visitor.application))[-1].kind == "non_acceptance_notice"
    shown = (await visitor.view()).case
    assert shown is not None
    assert shown.reasons == "居住未满六个月。"
    async with town.house.ledger.read() as conn:
        package = await town.house.cases.handover(conn, visitor.application)
    assert package is not None
    assert package.state.value == "closed"


async def test_an_accepted_case_is_denied_only_with_reasons(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    await approver.act(receipt, "acknowledge")
    await approver.act(receipt, "accept")
    with pytest.raises(BadInput, match="reasons_required"):
        await approver.act(receipt, "deny")
    await approver.act(receipt, "deny", reasons="就业证明不实。")
    assert (await case_of(town, visitor)).state is State.DENIED


async def test_steps_out_of_order_are_refused(town: Town) -> None:
    _, approver, receipt = await handed_over(town)
    for action in ("accept", "approve", "deny"):
        with pytest.raises(Conflict, match="state_forbids"):
            await approver.act(receipt, action, reasons="x")
    with pytest.raises(NotFound, match="unknown_action"):
        await approver.act(receipt, "lose")
    await approver.act(receipt, "acknowledge")
    with pytest.raises(Conflict, match="state_forbids"):
        await approver.act(receipt, "acknowledge")


async def test_a_page_that_is_not_up_to_date_changes_nothing(town: Town) -> None:
    visitor, approver, receipt = await handed_over(town)
    seen = (await approver.inbox(receipt)).version
    await approver.act(receipt, "acknowledge")
    with pytest.raises(Conflict, match="version_stale"):
        await approver.act(receipt, "accept", version=seen)
    assert (await case_of(town, visitor)).state is State.ACKNOWLEDGED


async def test_another_districts_case_is_as_good_as_none(town: Town) -> None:
    _, approver, receipt = await handed_over(town)
    stranger = await town.desk("wu", TIANHE, role="approver")
    page = await approver.inbox(receipt)
    assert (await town.made.inboxes.view(stranger.staff, "open")).rows == []
    for attempt in (
        stranger.inbox(receipt),
        stranger.act(receipt, "acknowledge", version=page.version),
        town.made.inboxes.signature(stranger.staff, receipt),
        town.made.inboxes.picture(stranger.staff, receipt, page.materials[0].papers[0].id),
        approver.inbox("0000-0000-0000-0000-0"),
    ):
        with pytest.raises(NotFound, match="case_not_found"):
            await attempt


async def test_the_inbox_names_the_principal_of_a_delegated_case(town: Town) -> None:
    desk = await town.agent("panyu", PANYU)
    visitor = await town.citizen(
        "PS01",
        capacity="delegate",
        name="李小红",
        principal_name="欧阳奶奶",
        principal_id_number=id_number(2, "19500101"),
    )
    await desk.accept()
    await visitor.join()
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
    approver = await town.desk("zhou", HUADU, role="approver")
    row = (await town.made.inboxes.view(approver.staff, "open")).rows[0]
    assert row.applicant[0] == "欧"
