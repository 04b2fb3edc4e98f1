"""
The onward way: receipt, local decision or the home district's inbox, corrections, decision, notices.

Every step runs inside one unit of the ledger.
Rule 1: receipt (收件), acceptance (受理) and decision (决定) are events of their own, by a named organ.
Rule 2: the receiving district decides only under a live delegation, in the delegating organ's name, or at
home (行政许可法 art. 24).
Rule 3: a notice gets its number in the transaction of the act it reports; printing comes after and can be
repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import time, timedelta
from typing import Any

from cloudwindow.domain import notice
from cloudwindow.domain.application import Application, Delegate, Event, State, advance
from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.catalogue import Catalogue, Mode, Organ, ServiceItem
from cloudwindow.domain.errors import BadInput, Conflict, NotAllowed
from cloudwindow.domain.filling import Actor, digest, ready
from cloudwindow.domain.handover import Event as Move
from cloudwindow.domain.handover import Handover
from cloudwindow.domain.handover import advance as move
from cloudwindow.domain.ids import DistrictCode, StaffId, with_check, word
from cloudwindow.records import Connection
from cloudwindow.records.cases import Cases, Document
from cloudwindow.records.numbers import next_number
from cloudwindow.records.story import note

ACCEPT_WITHIN_WORKING_DAYS = 5
"""行政许可法 art. 32(4): silence for five working days is acceptance."""
CORRECTION_ROUNDS = 1
"""One list; a second needs a supervisor (art. 72(4))."""

RESULT_PAPERS = {"certificate": notice.Kind.CERTIFICATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who signs a step for which organ; ``language`` is the one a notice is printed in."""

    actor: Actor
    organ: Organ
    handler: str
    language: str


class Office:
    """The steps after the signature."""

    def __init__(self, cases: Cases, catalogue: Catalogue, random: Callable[[int], bytes]) -> None:
        self._cases = cases
        self._catalogue = catalogue
        self._random = random

    # --- receipt -----------------------------------------------------------------------------------------

    async def submit(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        principal: Delegate | None,
        *,
        receiving: DistrictCode,
        actor: Actor,
        handler: str,
        language: str,
        now: float,
    ) -> Application:
        """
        Take the signed application in, and hand it over unless it may be decided here.

        Raises Conflict("not_signed"), Conflict("summary_moved_on") if the signature does not fit the form,
        and what the read-back raises if person or papers have been found wanting since.
        """
        case = await self._cases.case(conn, application, lock=True)
        if case.state is not State.SIGNED:
            raise Conflict("already_submitted" if case.submitted else "not_signed")
        if case.readback_sha256 != digest(case, item, principal):
            raise Conflict("summary_moved_on")
        ready(case, item)
        decision = self._catalogue.decides(
            item, receiving_district=receiving, home_district=case.home_district, on=day_of(now)
        )
        at_home = item.mode is Mode.AUTHORISED and receiving == case.home_district
        mode = Mode.AUTHORISED if at_home else decision.mode
        received = replace(
            advance(case, Event.SUBMIT, now),
            receipt=with_check(self._random(10)),
            receiving_district=receiving,
            mode=mode.value,
            organ=decision.competent_organ.id,
            delegation=decision.delegation.id if decision.delegation and not at_home else None,
            due_at=self._acceptance_due(case, now),
        )
        receiver = self._catalogue.district(receiving).organ(item.department)
        signing = Signing(actor=actor, organ=receiver, handler=handler, language=language)
        payload = {"receipt": received.receipt, "mode": mode.value, "sha256": case.readback_sha256}
        await self._note(conn, received, "case.received", signing, now, payload)
        await self._issue(conn, received, notice.Kind.RECEIPT_SLIP, signing, now)
        if mode is Mode.TRANSFER:
            received = await self._hand_over(conn, received, item, signing, now)
        await self._cases.save(conn, replace(received, version=case.version + 1), seen=case.version)
        return replace(received, version=case.version + 1)

    async def _hand_over(
        self, conn: Connection, case: Application, item: ServiceItem, signing: Signing, now: float
    ) -> Application:
        home = self._catalogue.district(case.home_district)
        package = Handover(
            application=case.id,
            from_district=case.receiving_district or case.home_district,
            to_district=case.home_district,
            organ=case.organ or "",
            sent_at=now,
            acknowledge_by=home.calendar.add_working_seconds(now, item.clocks.acknowledge_hours * 3600),
            due_at=case.due_at or now,
        )
        await self._cases.add_handover(conn, package)
        payload = {"to": package.to_district, "acknowledge_by": package.acknowledge_by}
        await self._note(conn, case, "case.handed_over", signing, now, payload)
        return advance(case, Event.HAND_OVER, now)

    # --- decision ----------------------------------------------------------------------------------------

    async def decide_here(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        *,
        approve: bool,
        reasons: str,
        actor: Actor,
        handler: str,
        receiving: DistrictCode,
        language: str,
        now: float,
    ) -> Application:
        """
        Accept and decide in the call, in the competent organ's name.

        Raises NotAllowed("no_delegation") without a live delegation, BadInput("reasons_required") to deny.
        """
        case = await self._cases.case(conn, application, lock=True)
        if case.mode != Mode.AUTHORISED.value or case.receiving_district != receiving:
            raise NotAllowed("no_delegation")
        self._delegation_lives(case, item, now)
        signing = self._in_organs_name(case, actor, handler, language)
        accepted = await self._accepted(conn, case, item, signing, now, notify=False)
        decided = await self._decided(conn, accepted, item, approve, reasons, signing, now)
        return await self._saved(conn, case, decided)

    def _delegation_lives(self, case: Application, item: ServiceItem, now: float) -> None:
        if case.receiving_district == case.home_district:
            return
        decision = self._catalogue.decides(
            item,
            receiving_district=case.receiving_district or "",
            home_district=case.home_district,
            on=day_of(now),
        )
        if decision.delegation is None:
            raise NotAllowed("no_delegation")

    async def acknowledge(
        self, conn: Connection, application: str, *, version: int, actor: Actor, handler: str, now: float
    ) -> Application:
        """The home district signs for the package. Raises Conflict("version_stale")."""
        case = await self._before(conn, application, version)
        package = await self._cases.handover(conn, application)
        if package is not None:
            signed = move(package, Move.ACKNOWLEDGE, now, approver=StaffId(actor.id))
            await self._cases.save_handover(conn, signed, seen=package.version)
        signing = self._in_organs_name(case, actor, handler, "zh-CN")
        await self._note(conn, case, "case.acknowledged", signing, now, {})
        return await self._saved(conn, case, advance(case, Event.ACKNOWLEDGE, now))

    async def accept(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        *,
        version: int,
        actor: Actor,
        handler: str,
        language: str,
        now: float,
    ) -> Application:
        """受理: the decision's clock starts. Raises Conflict("version_stale"), Conflict("state_forbids")."""
        case = await self._before(conn, application, version)
        signing = self._in_organs_name(case, actor, handler, language)
        return await self._saved(
            conn, case, await self._accepted(conn, case, item, signing, now, notify=True)
        )

    async def request_correction(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        wanted: Sequence[Mapping[str, str]],
        *,
        version: int,
        actor: Actor,
        handler: str,
        language: str,
        now: float,
    ) -> Application:
        """
        一次性告知: the whole list, once. ``wanted`` rows are {target, note}.

        Raises BadInput("correction_empty"), BadInput("correction_note_required") (field is the target),
        NotFound for an unknown target, NotAllowed("second_correction") for a second list.
        """
        case = await self._before(conn, application, version)
        if case.correction_rounds >= CORRECTION_ROUNDS:
            raise NotAllowed("second_correction")
        listed = _correctable(item, wanted)
        signing = self._in_organs_name(case, actor, handler, language)
        asked = replace(
            advance(case, Event.REQUEST_CORRECTION, now),
            corrections=listed,
            correction_rounds=case.correction_rounds + 1,
        )
        payload = {"targets": [one["target"] for one in wanted]}
        await self._note(conn, case, "case.correction_requested", signing, now, payload)
        await self._issue(conn, asked, notice.Kind.CORRECTION_NOTICE, signing, now)
        return await self._saved(conn, case, asked)

    async def correct(
        self, conn: Connection, application: str, done: frozenset[str], *, actor: Actor, now: float
    ) -> Application:
        """
        The citizen put things right; when every listed target is done, the case goes back to the approver.

        The new values and papers were written in this unit. Raises Conflict("state_forbids").
        """
        case = await self._cases.case(conn, application, lock=True)
        marked = tuple(
            {**one, "done": "yes" if one["target"] in done else one["done"]} for one in case.corrections
        )
        if case.state is not State.CORRECTION_REQUESTED:
            raise Conflict("case_closed")
        corrected = replace(case, corrections=marked, version=case.version + 1)
        if all(one["done"] for one in marked):
            corrected = replace(advance(corrected, Event.CORRECT, now), version=case.version + 1)
            payload = {"targets": [one["target"] for one in marked]}
            await note(conn, case.id, "case.corrected", actor, now, payload)
        await self._cases.save(conn, corrected, seen=case.version)
        return corrected

    async def refuse(
        self,
        conn: Connection,
        application: str,
        reasons: str,
        *,
        version: int,
        actor: Actor,
        handler: str,
        language: str,
        now: float,
    ) -> Application:
        """不予受理 with reasons. Raises BadInput("reasons_required"), Conflict("version_stale")."""
        case = await self._before(conn, application, version)
        if not reasons.strip():
            raise BadInput("reasons_required", field="reasons")
        signing = self._in_organs_name(case, actor, handler, language)
        refused = replace(advance(case, Event.REFUSE_ACCEPTANCE, now), reasons=reasons.strip(), due_at=None)
        await self._note(conn, case, "case.not_accepted", signing, now, {})
        await self._issue(conn, refused, notice.Kind.NON_ACCEPTANCE_NOTICE, signing, now)
        await self._close_package(conn, case, now)
        return await self._saved(conn, case, refused)

    async def decide(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        *,
        approve: bool,
        reasons: str,
        version: int,
        actor: Actor,
        handler: str,
        language: str,
        now: float,
    ) -> Application:
        """The home organ decides. Raises BadInput("reasons_required"), Conflict("version_stale")."""
        case = await self._before(conn, application, version)
        signing = self._in_organs_name(case, actor, handler, language)
        decided = await self._decided(conn, case, item, approve, reasons, signing, now)
        await self._close_package(conn, case, now)
        return await self._saved(conn, case, decided)

    # --- inside ------------------------------------------------------------------------------------------

    async def _accepted(
        self,
        conn: Connection,
        case: Application,
        item: ServiceItem,
        signing: Signing,
        now: float,
        *,
        notify: bool,
    ) -> Application:
        accepted = replace(advance(case, Event.ACCEPT, now), due_at=self._decision_due(case, item, now))
        await self._note(conn, case, "case.accepted", signing, now, {"due_at": accepted.due_at})
        if notify:
            await self._issue(conn, accepted, notice.Kind.ACCEPTANCE_NOTICE, signing, now)
        return accepted

    async def _decided(
        self,
        conn: Connection,
        case: Application,
        item: ServiceItem,
        approve: bool,
        reasons: str,
        signing: Signing,
        now: float,
    ) -> Application:
        if not approve and not reasons.strip():
            raise BadInput("reasons_required", field="reasons")
        event = Event.APPROVE if approve else Event.DENY
        decided = replace(advance(case, event, now), reasons=reasons.strip(), due_at=None)
        payload = {"delegation": case.delegation}
        await self._note(conn, case, f"case.{decided.state.value}", signing, now, payload)
        for kind in _papers_of(decided, item):
            await self._issue(conn, decided, kind, signing, now)
        return decided

    async def _before(self, conn: Connection, application: str, version: int) -> Application:
        case = await self._cases.case(conn, application, lock=True)
        if case.version != version:
            raise Conflict("version_stale")
        return case

    async def _saved(self, conn: Connection, before: Application, after: Application) -> Application:
        saved = replace(after, version=before.version + 1)
        await self._cases.save(conn, saved, seen=before.version)
        return saved

    async def _close_package(self, conn: Connection, case: Application, now: float) -> None:
        package = await self._cases.handover(conn, case.id)
        if package is not None:
            await self._cases.save_handover(conn, move(package, Move.CLOSE, now), seen=package.version)

    def _in_organs_name(self, case: Application, actor: Actor, handler: str, language: str) -> Signing:
        organ = self._catalogue.organ(case.organ or "")
        return Signing(actor=actor, organ=organ, handler=handler, language=language)

    def _acceptance_due(self, case: Application, now: float) -> float:
        calendar = self._catalogue.district(case.home_district).calendar
        return calendar.due_at(now, working_days=ACCEPT_WITHIN_WORKING_DAYS)

    def _decision_due(self, case: Application, item: ServiceItem, now: float) -> float:
        """The promise: working days by the home district's calendar, or plain days (居住证: 15)."""
        if item.clocks.unit == "working_days":
            calendar = self._catalogue.district(case.home_district).calendar
            return calendar.due_at(now, working_days=item.clocks.promised)
        last = day_of(now) + timedelta(days=item.clocks.promised + 1)
        return moment(last, time())

    async def _issue(
        self, conn: Connection, case: Application, kind: notice.Kind, signing: Signing, now: float
    ) -> None:
        year = day_of(now).year
        serial = await next_number(conn, signing.organ.id, year, kind.value)
        document = Document(
            id=word(self._random(10)),
            application=case.id,
            kind=kind.value,
            number=notice.number(signing.organ.number_word, kind, year=year, serial=serial),
            organ=signing.organ.id,
            verification_code=with_check(self._random(10)),
            handler=signing.handler,
            language=signing.language,
            issued_at=now,
        )
        await self._cases.add_document(conn, document)
        payload = {"document": document.id, "document_kind": kind.value, "number": document.number}
        await self._note(conn, case, "document.issued", signing, now, payload)

    async def _note(
        self,
        conn: Connection,
        case: Application,
        kind: str,
        signing: Signing,
        now: float,
        payload: Mapping[str, Any],
    ) -> None:
        await note(conn, case.id, kind, signing.actor, now, payload, organ=signing.organ.id)


def _papers_of(case: Application, item: ServiceItem) -> tuple[notice.Kind, ...]:
    if case.state is State.DENIED:
        return (notice.Kind.DENIAL,)
    if case.mode == Mode.AUTHORISED.value:
        return (RESULT_PAPERS.get(item.result.kind, notice.Kind.CONFIRMATION_RESULT),)
    return (notice.Kind.APPROVAL,)


def _correctable(item: ServiceItem, wanted: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], ...]:
    """The list as it is kept: {target, kind, note, done}, with ``kind`` field or material."""
    if not wanted:
        raise BadInput("correction_empty", field="target")
    questions = {question.id for question in item.form.fields}
    listed = []
    for one in wanted:
        target, words = one["target"], one["note"].strip()
        kind = "field" if target in questions else "material"
        if kind == "material":
            item.material(target)
        if not words:
            raise BadInput("correction_note_required", field=f"note.{target}")
        listed.append({"target": target, "kind": kind, "note": words, "done": ""})
    return tuple(listed)
