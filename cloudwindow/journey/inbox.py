"""The home district's approver: sign for a package, accept, ask once for corrections, refuse, decide."""

from collections.abc import Mapping, Sequence

from cloudwindow.domain.application import Application, State, allowed_events
from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.fields import mask_idno, mask_mobile, mask_name
from cloudwindow.domain.filling import Actor, asked
from cloudwindow.domain.handover import Handover
from cloudwindow.journey import showing
from cloudwindow.journey.desk import card_of, handler_of
from cloudwindow.journey.filling import Filling
from cloudwindow.journey.follow import Following
from cloudwindow.journey.house import House
from cloudwindow.journey.printing import Printing
from cloudwindow.journey.views import InboxCaseView, InboxRow, InboxView
from cloudwindow.records import Connection, events
from cloudwindow.records.people import Staff

SHOWN: Mapping[str, tuple[State, ...]] = {
    "open": (State.HANDED_OVER, State.ACKNOWLEDGED, State.ACCEPTED),
    "waiting": (State.CORRECTION_REQUESTED,),
    "closed": (State.APPROVED, State.DENIED, State.NOT_ACCEPTED, State.WITHDRAWN),
}
ACTIONS = {
    "acknowledge": "acknowledge",
    "accept": "accept",
    "request_correction": "correction",
    "refuse_acceptance": "refuse",
    "approve": "approve",
    "deny": "deny",
}
"""Events of the case and the words of the routes."""

DUTIES = ("verify", "tell_missing", "accept", "decide", "archive", "remedy", "rating", "clock")


class Inboxes:
    """What an approver does; every lookup starts from their own district."""

    def __init__(self, house: House, filling: Filling, following: Following, printing: Printing) -> None:
        self._house = house
        self._filling = filling
        self._following = following
        self._printing = printing

    async def view(self, staff: Staff, show: str) -> InboxView:
        """The list; an unknown ``show`` means open."""
        show = show if show in SHOWN else "open"
        async with self._house.ledger.read() as conn:
            found = await self._house.cases.of_district(conn, staff.district, SHOWN[show])
            counts = await self._house.cases.counts(conn, staff.district)
            rows = [
                await self._row(conn, case, package) for case, package in found if case.mode == "transfer"
            ]
        return InboxView(
            staff=card_of(self._house, staff),
            show=show,
            rows=rows,
            counts={name: sum(counts.get(state, 0) for state in states) for name, states in SHOWN.items()},
        )

    async def _row(self, conn: Connection, case: Application, package: Handover | None) -> InboxRow:
        now = self._house.clock()
        citizen = await self._house.people.citizen(conn, case.citizen)
        principal = await self._house.cases.principal(conn, case.id)
        by = package.acknowledge_by if package and case.state is State.HANDED_OVER else None
        late = "acknowledge" if by and by < now else "decide" if case.due_at and case.due_at < now else None
        return InboxRow(
            receipt=case.receipt or "",
            item=self._house.item_of(case.item, case.item_version),
            applicant=mask_name(principal.name if principal else citizen.name),
            state=case.state.value,
            from_district=self._house.catalogue.district(case.receiving_district or case.home_district),
            received_at=case.received_at or 0.0,
            acknowledge_by=by,
            due_at=showing.last_moment(case.due_at),
            late=late,
        )

    async def case_of(self, staff: Staff, receipt: str) -> Application:
        """A transferred case of this approver's district. Raises NotFound("case_not_found")."""
        async with self._house.ledger.read() as conn:
            try:
                case = await self._house.cases.by_receipt(conn, receipt)
            except NotFound as error:
                raise NotFound("case_not_found") from error
        if case.home_district != staff.district or case.mode != "transfer":
            raise NotFound("case_not_found")
        return case

    async def page(self, staff: Staff, receipt: str, language: str) -> InboxCaseView:
        """One case with everything an approver needs."""
        house = self._house
        case = await self.case_of(staff, receipt)
        async with house.ledger.read() as conn:
            citizen = await house.people.citizen(conn, case.citizen)
            principal = await house.cases.principal(conn, case.id)
            consents = await house.cases.consents(conn, case.id)
            broken = await events.verify(conn, case.id)
        item = house.item_of(case.item, case.item_version)
        here = f"/inbox/{receipt}"
        return InboxCaseView(
            staff=card_of(house, staff),
            case=await self._following.view(case, language, document_url=f"{here}/documents"),
            id_number=mask_idno(citizen.id_number),
            mobile=mask_mobile(citizen.mobile),
            capacity=case.capacity,
            principal=principal.name if principal else None,
            lines=showing.form_rows(case, item, language=language),
            materials=showing.materials(case, item, url=f"{here}/materials"),
            correctable=[
                *(("field", one.id, one.label) for one in asked(case, item) if one.prefill is None),
                *(("material", one.rule.id, one.rule.name) for one in showing.materials(case, item, url="")),
            ],
            consents=[(one.kind, one.at) for one in consents if one.given],
            identity_method=case.identity_method or "",
            signed_at=case.signed_at,
            signature_url=f"{here}/signature",
            sha256=case.readback_sha256 or "",
            duties=[(duty, "receiving" if duty in {"verify", "rating"} else "home") for duty in DUTIES],
            chain_intact=broken is None,
            actions=[
                ACTIONS[one.value] for one in sorted(allowed_events(case.state)) if one.value in ACTIONS
            ],
            version=case.version,
        )

    async def act(
        self,
        staff: Staff,
        receipt: str,
        action: str,
        *,
        version: int,
        reasons: str,
        wanted: Sequence[Mapping[str, str]],
        language: str,
    ) -> None:
        """
        Carry out one action of the page. Raises NotFound("unknown_action"), and what the office raises.

        A page that is not up to date is refused with Conflict("version_stale"); nothing is lost by that.
        """
        house, now = self._house, self._house.clock()
        case = await self.case_of(staff, receipt)
        item = house.item_of(case.item, case.item_version)
        actor = Actor(kind="approver", id=staff.id, name=staff.name)
        handler = handler_of(staff)
        office = house.office

        async def work(conn: Connection) -> Application:
            match action:
                case "acknowledge":
                    return await office.acknowledge(
                        conn, case.id, version=version, actor=actor, handler=handler, now=now
                    )
                case "accept":
                    return await office.accept(
                        conn,
                        case.id,
                        item,
                        version=version,
                        actor=actor,
                        handler=handler,
                        language=language,
                        now=now,
                    )
                case "correction":
                    return await office.request_correction(
                        conn,
                        case.id,
                        item,
                        wanted,
                        version=version,
                        actor=actor,
                        handler=handler,
                        language=language,
                        now=now,
                    )
                case "refuse":
                    return await office.refuse(
                        conn,
                        case.id,
                        reasons,
                        version=version,
                        actor=actor,
                        handler=handler,
                        language=language,
                        now=now,
                    )
                case "approve" | "deny":
                    return await office.decide(
                        conn,
                        case.id,
                        item,
                        approve=action == "approve",
                        reasons=reasons,
                        version=version,
                        actor=actor,
                        handler=handler,
                        language=language,
                        now=now,
                    )
            raise NotFound("unknown_action")

        await house.ledger.write(work)
        self._printing.soon()

    async def picture(self, staff: Staff, receipt: str, material: str) -> bytes:
        """A page of a case of this district."""
        case = await self.case_of(staff, receipt)
        return await self._filling.picture(case.id, material)

    async def signature(self, staff: Staff, receipt: str) -> bytes:
        """The drawn signature of a case of this district. Raises NotFound("unknown_file")."""
        case = await self.case_of(staff, receipt)
        _, content = await self._house.store.get(case.signature_file or "")
        return content
