"""
Filling the form together (帮办代办): proposals, confirmations, papers, read-back, declarations, signature.

Every function runs inside one unit of the ledger: it reads the case, moves it, writes it and its event.
Rule 1: an agent's edit is a proposal; a citizen's is confirmed; where both edit, the citizen wins.
Rule 2: a value that fails the check is not kept; the sentence goes back to who typed it.
Rule 3: nothing here lets an agent tick a declaration, confirm a value or sign.
Rule 4: an edit after the read-back takes back declarations and signature, and says so in the story.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from cloudwindow.domain import fields
from cloudwindow.domain.application import (
    FILLING,
    Application,
    Delegate,
    Event,
    Material,
    Standing,
    State,
    Value,
    Verdict,
    advance,
)
from cloudwindow.domain.catalogue import Field, ServiceItem
from cloudwindow.domain.errors import BadInput, Conflict, NotAllowed, NotFound
from cloudwindow.domain.filling import (
    Actor,
    asked,
    canonical_values,
    declarations_asked,
    digest,
    material_of,
    ready,
)
from cloudwindow.domain.ids import StaffId
from cloudwindow.records import Connection
from cloudwindow.records.cases import Cases
from cloudwindow.records.story import note

PAGES_OF_ONE_PAPER = 6
METHODS = ("face_and_card", "questions", "second_officer")
RESULTS = ("confirmed", "doubtful", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a step did: the case as it is now, the fields whose showing changed, whether a signature fell."""

    case: Application
    fields: tuple[str, ...] = ()
    voided: bool = False


class Assist:
    """The steps of filling a form together, each one unit of the ledger."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    async def set_value(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        field_id: str,
        raw: Any,
        *,
        base: int | None,
        actor: Actor,
        now: float,
        today: date,
    ) -> Changed:
        """
        Keep what ``actor`` typed for one field.

        Raises BadInput with the check's code, NotFound("unknown_field"), Conflict("field_moved_on") when an
        agent did not see the present version, Conflict("case_closed") once submitted.
        """
        case = await self._filling(conn, application)
        question = item.form.field(field_id)
        before = case.values.get(field_id)
        if actor.kind == "agent" and before is not None and base is not None and base < before.version:
            raise Conflict("field_moved_on", field=field_id)
        value = self._checked(question, raw, case, today)
        standing = Standing.CONFIRMED if actor.kind == "citizen" else Standing.PROPOSED
        if (
            before is not None
            and before.value == value
            and (standing is Standing.PROPOSED or before.standing is standing)
        ):
            return Changed(case=case, fields=(field_id,))
        shown_before = {one.id for one in asked(case, item)}
        kept = Value(
            field=field_id,
            value=value,
            standing=standing,
            author_kind=actor.kind,
            author=actor.id,
            at=now,
            version=before.version + 1 if before else 1,
        )
        await self._cases.set_value(conn, application, kept)
        moved = replace(case, values={**case.values, field_id: kept})
        edited = await self._edited(conn, case, moved, actor, now)
        await note(
            conn,
            case.id,
            "form.set",
            actor,
            now,
            {"field": field_id, "standing": standing.value, "version": kept.version},
        )
        flipped = shown_before ^ {one.id for one in asked(moved, item)}
        return Changed(
            case=edited, fields=(field_id, *sorted(flipped)), voided=edited.state is not case.state
        )

    def _checked(self, question: Field, raw: Any, case: Application, today: date) -> Any:
        others = {name: value for name, value in canonical_values(case).items() if name != question.id}
        checked = fields.check(question, raw, values=others, today=today)
        if checked.code == "required":
            return None  # an emptied field is missing, not wrong; the read-back asks for it
        if not checked.ok:
            raise BadInput(checked.code or "required", dict(checked.params), field=question.id)
        return checked.value

    async def prefill(
        self,
        conn: Connection,
        case: Application,
        item: ServiceItem,
        known: Mapping[str, Any],
        actor: Actor,
        now: float,
        today: date,
    ) -> None:
        """
        Write what we know already (``Field.prefill``) as confirmed by the citizen who told us.

        What the form's own check refuses (an age, say) is left open, so that it is asked for and explained.
        """
        values: dict[str, Any] = {}
        kept: list[Value] = []
        for question in item.form.fields:
            told = known.get(question.prefill) if question.prefill else None
            checked = fields.check(question, told, values=values, today=today)
            if told and checked.ok and checked.value is not None:
                values[question.id] = checked.value
                value = Value(
                    field=question.id,
                    value=checked.value,
                    standing=Standing.CONFIRMED,
                    author_kind=actor.kind,
                    author=actor.id,
                    at=now,
                    version=1,
                )
                kept.append(value)
        await self._cases.add_values(conn, case.id, kept)

    async def confirm(
        self, conn: Connection, application: str, field_id: str, version: int, *, actor: Actor, now: float
    ) -> Changed:
        """
        The citizen confirms a proposal as it stands at ``version``.

        Raises Conflict("field_moved_on") if it changed meanwhile, NotFound("unknown_field") without a value.
        """
        _only_citizen(actor)
        case = await self._filling(conn, application)
        value = case.values.get(field_id)
        if value is None:
            raise NotFound("unknown_field", field=field_id)
        if value.version != version:
            raise Conflict("field_moved_on", field=field_id)
        if value.standing is Standing.CONFIRMED:
            return Changed(case=case, fields=(field_id,))
        kept = replace(value, standing=Standing.CONFIRMED, at=now)
        await self._cases.set_value(conn, application, kept)
        await note(conn, case.id, "form.confirmed", actor, now, {"field": field_id, "version": version})
        return Changed(case=replace(case, values={**case.values, field_id: kept}), fields=(field_id,))

    # --- papers ------------------------------------------------------------------------------------------

    async def add_material(
        self, conn: Connection, application: str, item: ServiceItem, material: Material, *, actor: Actor
    ) -> Changed:
        """Keep a photographed page. Raises NotFound("unknown_material"), BadInput("too_many_pages")."""
        case = await self._filling(conn, application)
        item.material(material.rule)
        if sum(paper.rule == material.rule for paper in case.materials) >= PAGES_OF_ONE_PAPER:
            raise BadInput("too_many_pages", {"most": PAGES_OF_ONE_PAPER}, field=material.rule)
        await self._cases.add_material(conn, application, material)
        moved = replace(case, materials=(*case.materials, material))
        edited = await self._edited(conn, case, moved, actor, material.at)
        payload = {"rule": material.rule, "material": material.id, "sha256": material.sha256}
        await note(conn, case.id, "material.added", actor, material.at, payload)
        return Changed(case=edited, voided=edited.state is not case.state)

    async def remove_material(
        self, conn: Connection, application: str, material: str, *, actor: Actor, now: float
    ) -> Changed:
        """The citizen takes a page back. Raises NotFound("unknown_material")."""
        case = await self._filling(conn, application)
        paper = material_of(case, material)
        await self._cases.drop_material(conn, paper.id)
        left = tuple(one for one in case.materials if one.id != paper.id)
        edited = await self._edited(conn, case, replace(case, materials=left), actor, now)
        await note(conn, case.id, "material.removed", actor, now, {"rule": paper.rule, "material": paper.id})
        return Changed(case=edited, voided=edited.state is not case.state)

    async def judge(
        self, conn: Connection, application: str, material: str, verdict: str, *, actor: Actor, now: float
    ) -> Changed:
        """The agent's verdict. Raises BadInput("unknown_verdict"), NotFound("unknown_material")."""
        if verdict not in {one.value for one in Verdict}:
            raise BadInput("unknown_verdict")
        case = await self._filling(conn, application)
        paper = replace(material_of(case, material), verdict=Verdict(verdict), verdict_by=StaffId(actor.id))
        await self._cases.change_material(conn, paper)
        payload = {"rule": paper.rule, "material": paper.id, "verdict": verdict}
        await note(conn, case.id, "material.judged", actor, now, payload)
        papers = tuple(paper if one.id == paper.id else one for one in case.materials)
        return Changed(case=replace(case, materials=papers))

    async def check_identity(
        self, conn: Connection, application: str, method: str, result: str, *, actor: Actor, now: float
    ) -> Changed:
        """The agent compared person and card. Raises BadInput("unknown_identity_check")."""
        if method not in METHODS or result not in RESULTS:
            raise BadInput("unknown_identity_check")
        case = await self._filling(conn, application)
        checked = replace(
            case,
            identity_checked_at=now if result == "confirmed" else None,
            identity_method=method,
            identity_result=result,
            version=case.version + 1,
        )
        await self._cases.save(conn, checked, seen=case.version)
        await note(conn, case.id, "identity.checked", actor, now, {"method": method, "result": result})
        return Changed(case=checked)

    # --- read-back and signature -------------------------------------------------------------------------

    async def start_read_back(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        principal: Delegate | None,
        *,
        actor: Actor,
        now: float,
    ) -> Changed:
        """
        Show the finished form to the citizen in plain words.

        Raises Conflict identity_open, form_incomplete, values_unconfirmed or materials_open: what is missing.
        """
        case = await self._filling(conn, application)
        if case.state is State.READING_BACK:
            return Changed(case=case)
        ready(case, item)
        read = replace(
            advance(case, Event.READ_BACK, now),
            readback_at=now,
            readback_sha256=digest(case, item, principal),
        )
        await self._cases.save(conn, read, seen=case.version)
        await note(conn, case.id, "read_back.started", actor, now, {"sha256": read.readback_sha256})
        return Changed(case=read)

    async def declare(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        key: str,
        confirmed: bool,
        *,
        actor: Actor,
        now: float,
    ) -> Changed:
        """The citizen ticks or unticks a declaration. Raises NotFound("unknown_declaration")."""
        _only_citizen(actor)
        case = await self._filling(conn, application)
        if case.state is not State.READING_BACK:
            raise Conflict("not_read_back")
        versions = {one.key: one.version for one in declarations_asked(case, item)}
        if key not in versions:
            raise NotFound("unknown_declaration")
        if (key in case.declared) == confirmed:
            return Changed(case=case)
        left = {name: at for name, at in case.declared.items() if name != key}
        declared = replace(case, declared={**left, key: now} if confirmed else left, version=case.version + 1)
        await self._cases.save(conn, declared, seen=case.version)
        kind = "declaration.confirmed" if confirmed else "declaration.withdrawn"
        await note(conn, case.id, kind, actor, now, {"key": key, "text_version": versions[key]})
        return Changed(case=declared)

    async def sign(
        self,
        conn: Connection,
        application: str,
        item: ServiceItem,
        principal: Delegate | None,
        *,
        sha256: str,
        file: str,
        file_sha256: str,
        actor: Actor,
        now: float,
    ) -> Changed:
        """
        The citizen signs what was read back; the one-time code has been spent in this unit.

        Raises Conflict("declarations_open"), Conflict("summary_moved_on") when anything changed since.
        """
        _only_citizen(actor)
        case = await self._filling(conn, application)
        if case.state is State.SIGNED and case.readback_sha256 == sha256:
            return Changed(case=case)
        if case.state is not State.READING_BACK:
            raise Conflict("not_read_back")
        if {one.key for one in declarations_asked(case, item)} - case.declared.keys():
            raise Conflict("declarations_open")
        if sha256 != case.readback_sha256 or sha256 != digest(case, item, principal):
            raise Conflict("summary_moved_on")
        signed = replace(advance(case, Event.SIGN, now), signature_file=file)
        await self._cases.save(conn, signed, seen=case.version)
        payload = {"sha256": sha256, "drawing_sha256": file_sha256, "method": "phone_code_and_drawing"}
        await note(conn, case.id, "signature.made", actor, now, payload)
        return Changed(case=signed)

    # --- inside ------------------------------------------------------------------------------------------

    async def _filling(self, conn: Connection, application: str) -> Application:
        case = await self._cases.case(conn, application, lock=True)
        if case.state not in FILLING:
            raise Conflict("case_closed")
        return case

    async def _edited(
        self, conn: Connection, before: Application, after: Application, actor: Actor, now: float
    ) -> Application:
        edited = advance(after, Event.EDIT, now)
        await self._cases.save(conn, edited, seen=before.version)
        if before.signed_at is not None:
            await note(conn, before.id, "signature.voided", actor, now, {"sha256": before.readback_sha256})
        return edited


def _only_citizen(actor: Actor) -> None:
    if actor.kind != "citizen":
        raise NotAllowed("only_the_citizen")
