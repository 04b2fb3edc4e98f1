"""
The form, live on both sides: what one does is stored, then the other sees it.

Edits travel as single fields (``form.changed``); everything rarer as parts of the page to fetch again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloudwindow.assist import Changed
from cloudwindow.domain.application import Application, Material, State
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import ServiceItem
from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.filling import Actor, asked, material_of
from cloudwindow.domain.ids import MaterialId, word
from cloudwindow.domain.messages import FormChanged, FormFocused, PeerDevices
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey.calls import Calls, Live, agent_topic, citizen_topic
from cloudwindow.journey.code_words import written_for
from cloudwindow.journey.house import House
from cloudwindow.journey.recordings import Recordings
from cloudwindow.journey.showing import field_view
from cloudwindow.journey.texts import Ready, Texts
from cloudwindow.journey.views import FieldView
from cloudwindow.journey.written import write_line
from cloudwindow.records import Connection
from cloudwindow.records.people import wrong_code

FOCUS_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Who is filling, from which page: ``language`` is the one their page speaks."""

    actor: Actor
    ticket: str
    language: str


class Filling:
    """The steps of filling together, each stored before anybody is told."""

    def __init__(self, house: House, calls: Calls, recordings: Recordings, texts: Texts) -> None:
        self._house = house
        self._calls = calls
        self._recordings = recordings
        self._texts = texts

    # --- fields ------------------------------------------------------------------------------------------

    async def set_value(self, filler: Filler, field: str, raw: Any, base: int | None) -> None:
        """Keep one edit and show it to both sides. Raises what ``Assist.set_value`` raises."""
        house, now = self._house, self._house.clock()
        live, item = await self._standing(filler)
        changed = await house.ledger.write(
            lambda conn: house.assist.set_value(
                conn,
                live.ticket.application,
                item,
                field,
                raw,
                base=base,
                actor=filler.actor,
                now=now,
                today=day_of(now),
            )
        )
        await self._show(live, item, changed)

    async def set_many(self, filler: Filler, typed: dict[str, Any]) -> list[BadInput]:
        """Keep a whole page of the form (without scripts); gives what could not be kept."""
        errors: list[BadInput] = []
        for field, raw in typed.items():
            try:
                await self.set_value(filler, field, raw, None)
            except BadInput as error:
                errors.append(error)
        return errors

    async def confirm(self, filler: Filler, field: str, version: int) -> None:
        """The citizen confirms a proposal."""
        now = self._house.clock()
        live, item = await self._standing(filler)
        changed = await self._house.ledger.write(
            lambda conn: self._house.assist.confirm(
                conn, live.ticket.application, field, version, actor=filler.actor, now=now
            )
        )
        await self._show(live, item, changed)

    async def focus(self, filler: Filler, field: str | None) -> None:
        """Tell the other side where the cursor is; in a sensitive field the recording pauses."""
        live, item = await self._standing(filler)
        await self._recordings.focus(live.session, item, field, filler.actor.kind)
        told = FormFocused(field=field, by=filler.actor.kind, seconds=FOCUS_SECONDS)
        await self._tell_other(live, filler, told)

    async def devices(self, filler: Filler, camera: bool, microphone: bool, reason: str) -> None:
        """Tell the other side what this one sends."""
        live, _ = await self._standing(filler)
        await self._tell_other(live, filler, PeerDevices(camera=camera, microphone=microphone, reason=reason))

    # --- chat --------------------------------------------------------------------------------------------

    async def say(self, filler: Filler, text: str) -> None:
        """One line of chat, kept with the case. Raises BadInput("chat_empty"), Conflict("no_call")."""
        live, _ = await self._standing(filler)
        if live.session is None:
            raise Conflict("no_call")
        await write_line(self._house, live.session, text, author=filler.actor.kind, actor=filler.actor)

    # --- papers ------------------------------------------------------------------------------------------

    async def add_material(self, filler: Filler, rule: str, raw: bytes) -> None:
        """Re-encode and keep a photographed page. Raises what papers and assist raise."""
        house = self._house
        live, item = await self._standing(filler)
        material = await self.photographed(item, rule, raw, by=filler.actor)
        changed = await house.ledger.write(
            lambda conn: house.assist.add_material(
                conn, live.ticket.application, item, material, actor=filler.actor
            )
        )
        await self._papers_changed(live, changed)

    async def add_still(self, filler: Filler, rule: str, sha256: str) -> None:
        """
        Keep a page photographed in the call, which has come through the call's data channel.

        Raises Conflict("no_call"), NotFound("unknown_still"), and as ``add_material``.
        """
        live, _ = await self._standing(filler)
        if live.session is None:
            raise Conflict("no_call")
        raw = await self._house.stills.take(live.session.room, "citizen", sha256)
        await self.add_material(filler, rule, raw)

    async def photographed(self, item: ServiceItem, rule: str, raw: bytes, *, by: Actor) -> Material:
        """``raw`` encoded anew and stored, not yet among a case's papers. Raises what papers raise."""
        house, now = self._house, self._house.clock()
        item.material(rule)
        paper = await house.papers.reencode(raw)
        stored = await house.store.put(paper.jpeg, "image/jpeg", now=now)
        hints = tuple(name for name in ("blurry", "dark", "small") if getattr(paper.hints, name))
        return Material(
            id=MaterialId(word(house.random(10))),
            rule=rule,
            file=stored.id,
            sha256=stored.sha256,
            width=paper.width,
            height=paper.height,
            hints=hints,
            added_by="third" if by.kind == "third_party" else by.kind,
            at=now,
        )

    async def remove_material(self, filler: Filler, material: str) -> None:
        """The citizen takes a page back."""
        now = self._house.clock()
        live, _ = await self._standing(filler)
        changed = await self._house.ledger.write(
            lambda conn: self._house.assist.remove_material(
                conn, live.ticket.application, material, actor=filler.actor, now=now
            )
        )
        await self._papers_changed(live, changed)

    async def judge(self, filler: Filler, material: str, verdict: str) -> None:
        """The agent's verdict on a page."""
        now = self._house.clock()
        live, _ = await self._standing(filler)
        changed = await self._house.ledger.write(
            lambda conn: self._house.assist.judge(
                conn, live.ticket.application, material, verdict, actor=filler.actor, now=now
            )
        )
        await self._papers_changed(live, changed)

    async def _papers_changed(self, live: Live, changed: Changed) -> None:
        more = ("read_back", "signature") if changed.voided else ("read_back",)
        await self._calls.refresh(live, "materials", *more)

    async def picture(self, application: str, material: str) -> bytes:
        """A page's JPEG. Raises NotFound("unknown_material")."""
        async with self._house.ledger.read() as conn:
            case = await self._house.cases.case(conn, application)
        _, content = await self._house.store.get(material_of(case, material).file)
        return content

    # --- identity, read-back, signature ------------------------------------------------------------------

    async def check_identity(self, filler: Filler, method: str, result: str) -> None:
        """The agent compared person and card."""
        now = self._house.clock()
        live, _ = await self._standing(filler)
        await self._house.ledger.write(
            lambda conn: self._house.assist.check_identity(
                conn, live.ticket.application, method, result, actor=filler.actor, now=now
            )
        )
        await self._calls.refresh(live, "citizen", "read_back")

    async def start_read_back(self, filler: Filler) -> None:
        """
        Show the finished form to the citizen in plain words; once more if a needed recording missed it.

        Raises what ``Assist.start_read_back`` and ``Recordings.before_read_back`` raise.
        """
        house, now = self._house, self._house.clock()
        live, item = await self._standing(filler)

        async def work(conn: Connection) -> Changed:
            case = await house.cases.case(conn, live.ticket.application, lock=True)
            anew = live.session is not None and await self._recordings.before_read_back(
                conn, case, live.session
            )
            principal = await house.cases.principal(conn, live.ticket.application)
            return await house.assist.start_read_back(
                conn, live.ticket.application, item, principal, actor=filler.actor, now=now, anew=anew
            )

        await house.ledger.write(work)
        await self._calls.refresh(live, "read_back", "signature", "form", "decision")

    async def declare(self, filler: Filler, key: str, confirmed: bool) -> None:
        """The citizen ticks or unticks a declaration."""
        now = self._house.clock()
        live, item = await self._standing(filler)
        await self._house.ledger.write(
            lambda conn: self._house.assist.declare(
                conn, live.ticket.application, item, key, confirmed, actor=filler.actor, now=now
            )
        )
        await self._calls.refresh(live, "read_back", "signature")

    async def send_sign_code(self, filler: Filler) -> None:
        """
        Send the one-time code of the signature to the citizen's own phone.

        Raises TooOften and what ``Texts.send`` raises.
        """
        house, now = self._house, self._house.clock()
        live, _ = await self._standing(filler)

        async def work(conn: Connection) -> Ready | None:
            citizen = await house.people.citizen(conn, live.ticket.citizen)
            return await self._texts.code(
                conn,
                purpose="sign",
                subject=live.ticket.application,
                mobile=citizen.mobile,
                language=written_for(live.ticket.language),
                now=now,
            )

        ready = await house.ledger.write(work)
        try:
            await self._texts.send(ready)
        finally:
            await self._calls.refresh(live, "signature", "read_back")

    async def sign(self, filler: Filler, *, code: str, sha256: str, drawing: bytes) -> None:
        """
        The citizen signs: code, drawing and digest together.

        Raises BadInput code_wrong or signature_empty, Gone code_expired, TooOften code_locked and what
        ``Assist.sign`` raises; a refused signature does not spend the code.
        """
        house, now = self._house, self._house.clock()
        live, item = await self._standing(filler)
        signature = await house.papers.signature_png(drawing)
        stored = await house.store.put(signature.png, "image/png", now=now)
        subject = live.ticket.application

        async def work(conn: Connection) -> Changed | BadInput:
            case = await house.cases.case(conn, subject)
            if case.state is State.SIGNED and case.readback_sha256 == sha256:
                return Changed(case=case)  # sent twice: the first one stands, and its code is spent
            right = await house.people.try_code(
                conn, purpose="sign", subject=subject, code=code.strip(), now=now
            )
            if not right:
                return wrong_code()  # given, not raised: the wrong attempt must be committed
            principal = await house.cases.principal(conn, subject)
            return await house.assist.sign(
                conn,
                subject,
                item,
                principal,
                sha256=sha256,
                file=stored.id,
                file_sha256=stored.sha256,
                actor=filler.actor,
                now=now,
            )

        done = await house.ledger.write(work)
        if not isinstance(done, Changed):
            raise done
        await self._calls.refresh(live, "read_back", "signature", "decision", "form")

    # --- inside ------------------------------------------------------------------------------------------

    async def _standing(self, filler: Filler) -> tuple[Live, ServiceItem]:
        async with self._house.ledger.read() as conn:
            live = await self._calls.live(conn, filler.ticket)
        return live, self._house.item_of(live.ticket.item, live.ticket.item_version)

    async def _tell_other(self, live: Live, filler: Filler, message: FormFocused | PeerDevices) -> None:
        if filler.actor.kind == "agent":
            await self._house.hub.tell(citizen_topic(live.ticket.id), message)
        elif live.session is not None:
            mine = replace(message, session=live.session.id)
            await self._house.hub.tell(agent_topic(live.session.agent), mine)

    async def _show(self, live: Live, item: ServiceItem, changed: Changed) -> None:
        await self._show_side(live.ticket, None, item, changed)
        if live.session is not None:
            await self._show_side(live.ticket, live.session, item, changed)
        panels = ["progress"]
        if len(changed.fields) > 1:
            panels.append("materials")  # other questions apply now, and with them other papers
        if changed.voided:
            panels += ["read_back", "signature", "decision"]
        await self._calls.refresh(live, *panels)

    async def _show_side(
        self, ticket: Ticket, session: Session | None, item: ServiceItem, changed: Changed
    ) -> None:
        side = "citizen" if session is None else "agent"
        topic = citizen_topic(ticket.id) if session is None else agent_topic(session.agent)
        for view in views_of(changed.case, item, changed.fields, side=side, language="zh-CN"):
            told = message_of(view)
            await self._house.hub.tell(topic, replace(told, session=session.id) if session else told)


def views_of(
    case: Application, item: ServiceItem, names: Sequence[str], *, side: str, language: str
) -> list[FieldView]:
    """The fields ``names`` as ``side`` may see them."""
    shown = {question.id for question in asked(case, item)}
    return [
        field_view(item.form.field(name), case, hidden=name not in shown, side=side, language=language)
        for name in names
    ]


def message_of(view: FieldView) -> FormChanged:
    """A field's state as a message; a masked value travels masked."""
    return FormChanged(
        field=view.field.id,
        shown=view.shown if view.masked else view.raw,
        standing=view.standing,
        author=view.author,
        version=view.version,
        error_code=None,
        error_text=None,
        hidden=view.hidden,
    )
