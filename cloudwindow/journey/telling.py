"""
An explanation in plain words, for the admin's page and for the operator's terminal alike.

Words come from the translations. What is unknown is said to be unknown, or left out; nothing is guessed.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import reduce
from typing import Any

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.catalogue import District
from cloudwindow.domain.explain import Ending, Rule, Verdict
from cloudwindow.domain.match import Lane
from cloudwindow.i18n import Texts
from cloudwindow.journey.explaining import Loser, OfferStory, TicketStory, lane_of
from cloudwindow.records.assignments import Colleague

RINGS = ("own", "lender", "neighbour", "city")
SHOWN_CANDIDATES = 5
"""The line keeps no more, so with these there may have been others."""


class Teller:
    """Tells in one language."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    # --- a ticket ----------------------------------------------------------------------------------------

    def lines(self, story: TicketStory) -> Iterator[str]:
        """The whole story, line by line."""
        _ = self._texts.gettext
        ticket = story.ticket
        yield " · ".join([ticket.number, self.named(story.item), self.named(story.home), ticket.id])
        yield self.clocks(story)
        if not story.offers:
            yield _("No offer to an agent has been recorded yet.")
        for offer in story.offers:
            yield ""
            yield self.who(offer)
            yield from (f"    {line}" for line in self.reasons(offer))

    def clocks(self, story: TicketStory) -> str:
        """When the ticket was taken, what moved it forward, when it was first called, where it stands."""
        _ = self._texts.gettext
        ticket = story.ticket
        said = [_("Taken %(time)s") % {"time": self.moment(ticket.joined_at)}]
        if ticket.credit_seconds:
            said.append(_("moved forward by %(length)s") % {"length": self.length(ticket.credit_seconds)})
        if story.first_called_at is not None:
            waited = self.length(story.first_called_at - ticket.joined_at)
            said.append(
                _("first called %(time)s, after %(length)s")
                % {"time": self.clock(story.first_called_at), "length": waited}
            )
        said.append(self._texts.label(ticket.state.value, "ticket_state"))
        return self.joined(said)

    # --- an offer ----------------------------------------------------------------------------------------

    def who(self, offer: OfferStory) -> str:
        """When, to whom, and in which ring."""
        to = self.agent(offer.agent, offer.row.agent)
        place = [self.named(offer.agent_district)] if offer.agent_district else []
        return f"{self.clock(offer.row.made_at)} → {to}{self.brackets([*place, self.ring(offer.row.ring)])}"

    def reasons(self, offer: OfferStory) -> Iterator[str]:
        """Why, the clock, who else, how it ended, and whether the decision was right."""
        yield self.why(offer)
        waiting = self.waiting(offer)
        if waiting:
            yield waiting
        yield self.others(offer)
        yield self.ended(offer)
        yield self.checked(offer)

    def why(self, offer: OfferStory) -> str:
        """The rule that chose, in one sentence."""
        _, why = self._texts.gettext, offer.why
        if why.rule is Rule.LONGEST_IDLE:
            return self._longest_idle(offer)
        if why.rule is Rule.PICKED:
            reason = self.code(why.reason, "pick_reason") or _("no reason was recorded")
            return _("The agent picked this ticket: %(reason)s.") % {"reason": reason}
        return {
            Rule.LONGEST_WAITING: _(
                "The agent became free; of the tickets they may serve, this one came first."
            ),
            Rule.PREFERRED: _("The agent who knows this case was free."),
            Rule.NEXT: _("The agent asked for the next ticket."),
        }.get(why.rule, _("The reason was not recorded."))

    def _longest_idle(self, offer: OfferStory) -> str:
        _, idle_ms = self._texts.gettext, offer.why.idle_ms
        same = sum(one.candidate.ring in {None, offer.row.ring} for one in offer.losers)
        if idle_ms is None:
            return _("The agent who had been free longest.")
        values = {"number": same + 1, "length": self.length(idle_ms / 1000)}
        if not same:
            return _("The only free agent in this ring, free for %(length)s.") % values
        if same >= SHOWN_CANDIDATES:
            return _("Free longest, for %(length)s, among %(number)s or more in this ring.") % values
        return _("Free longest, for %(length)s, among %(number)s in this ring.") % values

    def waiting(self, offer: OfferStory) -> str:
        """How long the ticket had waited, what moved it forward, and since when this ring was open."""
        _, why = self._texts.gettext, offer.why
        said = []
        if why.waited_ms is not None:
            said.append(_("the ticket had waited %(length)s") % {"length": self.length(why.waited_ms / 1000)})
        if why.credit_ms:
            said.append(_("moved forward by %(length)s") % {"length": self.length(why.credit_ms / 1000)})
        if why.priority:
            said.append(self._texts.label(why.priority, "priority"))
        if why.load:
            said.append(_("the agent was in other written calls, with room for this one"))
        if why.passed_on:
            said.append(_("the agent had passed it on, and nobody else at work could take it"))
        if offer.ring_opened_at is not None:
            said.append(_("this ring was open since %(time)s") % {"time": self.clock(offer.ring_opened_at)})
        return self.sentence(said)

    def others(self, offer: OfferStory) -> str:
        """Who else was considered, and why they were not chosen."""
        _ = self._texts.gettext
        if not offer.losers:
            return _("Nobody else was considered.")
        others = _("; ").join(self.loser(offer, one) for one in offer.losers)
        return _("Also considered: %(others)s.") % {"others": others}

    def loser(self, offer: OfferStory, one: Loser) -> str:
        """One of the considered with the reason why not."""
        facts = [self.named(one.home)] if one.home else []
        return f"{self.name_of(one)}{self.brackets([*facts, self.lost(offer, one)])}"

    def name_of(self, one: Loser) -> str:
        """The agent, or the ticket as far as it may be named."""
        _ = self._texts.gettext
        if one.candidate.agent is not None:
            return self.agent(one.agent, one.candidate.agent)
        return one.number or _("a ticket of another lane")

    def lost(self, offer: OfferStory, one: Loser) -> str:
        """Why one of the considered was not chosen, with the figure that says so."""
        _, mine, theirs = self._texts.gettext, offer.why, one.candidate
        if one.lost in {"later", "contradicted"} and theirs.at_ms is not None and mine.at_ms is not None:
            length = self.length(abs(theirs.at_ms - mine.at_ms) / 1000)
            earlier = theirs.at_ms < mine.at_ms
            said = _("came %(length)s earlier") if earlier else _("came %(length)s later")
            return said % {"length": length}
        if one.lost in {"passed_on", "holds_more"}:
            return self._texts.label(one.lost, "lost_because")
        if theirs.idle_ms is not None:
            free = _("free for %(length)s") % {"length": self.length(theirs.idle_ms / 1000)}
            return self.joined([self.ring(theirs.ring), free]) if one.lost == "ring_farther" else free
        return _("why not was not recorded")

    def ended(self, offer: OfferStory) -> str:
        """What became of the offer."""
        _, row = self._texts.gettext, offer.row
        if row.ended_at is None or row.ending not in set(Ending):
            return _("How this offer ended is not known yet.")
        after = self.length(row.ended_at - row.made_at)
        said = {
            Ending.ACCEPTED: _("Accepted after %(length)s"),
            Ending.DECLINED: _("Declined after %(length)s"),
            Ending.MISSED: _("Missed: nobody answered for %(length)s"),
            Ending.WITHDRAWN: _("Withdrawn after %(length)s"),
            Ending.RETURNED: _("Taken back after %(length)s"),
        }[Ending(row.ending)]
        parts = [said % {"length": after}]
        reason = self.end_reason(row.end_reason)
        if reason:
            parts.append(reason)
        if row.returned_at is not None:
            parts.append(self.returned(offer))
        return self.sentence(parts)

    def returned(self, offer: OfferStory) -> str:
        """That the ticket stood at its old place again; when, if that was after a call had begun."""
        _, row = self._texts.gettext, offer.row
        if row.ending != Ending.ACCEPTED or row.returned_at is None:
            return _("the ticket returned to its old place")
        reason = self.end_reason(row.return_reason)
        said = _("the ticket returned to its old place at %(time)s") % {"time": self.clock(row.returned_at)}
        return f"{said}{self.brackets([reason])}" if reason else said

    def end_reason(self, code: str | None) -> str:
        """The word for the reason of an end; empty when the ending says it already."""
        if not code or code in {"missed", "declined", "withdrawn"}:
            return ""
        for kind in ("decline_reason", "away_reason"):
            if self._texts.knows(f"{kind}.{code}"):
                return self._texts.label(code, kind)
        return self._texts.label(code, "end_reason")

    def checked(self, offer: OfferStory) -> str:
        """Whether the decision follows from its own figures."""
        _ = self._texts.gettext
        if offer.check.verdict is Verdict.CONTRADICTED:
            faults = self.joined([self._texts.label(one, "fault") for one in offer.check.faults])
            return _("Decision checked: contradicts its own figures (%(faults)s).") % {"faults": faults}
        return {
            Verdict.CONSISTENT: _("Decision checked: consistent."),
            Verdict.BY_CHOICE: _("Decision checked: made by choice, there is nothing to compare."),
        }.get(offer.check.verdict, _("Decision not checked: too little was recorded."))

    # --- the table of an offer ---------------------------------------------------------------------------

    def heads(self, offer: OfferStory) -> tuple[str, str, str, str]:
        """The columns: who, where from, the figure that decides, and why not."""
        _ = self._texts.gettext
        if offer.why.rule is Rule.LONGEST_IDLE:
            return _("Candidate"), _("Ring"), _("Free for"), _("Why not")
        return _("Ticket considered"), _("Lane"), _("Open to this agent since"), _("Why not")

    def chosen(self, offer: OfferStory, story: TicketStory) -> tuple[str, str, str]:
        """The winner's row, without its last column."""
        why, row = offer.why, offer.row
        if why.rule is Rule.LONGEST_IDLE:
            return self.agent(offer.agent, row.agent), self.ring(row.ring), self._idle(why.idle_ms)
        return story.ticket.number, self.lane(lane_of(row.lane), story.home), self._since(why.at_ms)

    def row(self, offer: OfferStory, one: Loser) -> tuple[str, str, str, str]:
        """The row of one who was considered."""
        lost = self._texts.label(one.lost, "lost_because")
        if offer.why.rule is Rule.LONGEST_IDLE:
            return self.name_of(one), self.ring(one.candidate.ring), self._idle(one.candidate.idle_ms), lost
        if one.lost in {"later", "contradicted"}:
            lost = self.lost(offer, one)
        return self.name_of(one), self.lane(one.lane, one.home), self._since(one.candidate.at_ms), lost

    def lane(self, lane: Lane | None, home: District | None) -> str:
        """District, language and mode of a lane."""
        if lane is None or home is None:
            return self._texts.label("unknown", "ring")
        spoken = [self._texts.label(lane.language, "call_language"), self._texts.label(lane.mode, "mode")]
        return " · ".join([self.named(home), *spoken])

    def _idle(self, idle_ms: float | None) -> str:
        return "—" if idle_ms is None else self.length(idle_ms / 1000)

    def _since(self, at_ms: float | None) -> str:
        return "—" if at_ms is None else self.clock(at_ms / 1000)

    # --- words -------------------------------------------------------------------------------------------

    def ring(self, ring: int | None) -> str:
        """The name of a ring."""
        known = ring is not None and 0 <= ring < len(RINGS)
        return self._texts.label(RINGS[ring] if known and ring is not None else "unknown", "ring")

    def clock(self, seconds: float) -> str:
        """The time of day in Guangzhou, to the second."""
        return datetime.fromtimestamp(seconds, SHANGHAI).strftime("%H:%M:%S")

    def moment(self, seconds: float) -> str:
        """The day and the time in Guangzhou, as 2026-11-25 10:31:05."""
        return datetime.fromtimestamp(seconds, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

    def agent(self, known: Colleague | None, id: str) -> str:
        """An agent's name and number; the id of one who is no longer known."""
        return f"{known.name} {known.number}" if known else id

    def named(self, thing: Any) -> str:
        """A name out of the catalogue."""
        text = getattr(thing, "name", thing)
        return str(text.in_language(self._texts.language))

    def code(self, code: str, kind: str) -> str:
        """The word for a code; the code itself when there is none."""
        return self._texts.label(code, kind) if code else ""

    def length(self, seconds: float) -> str:
        """A length of time: two units at most."""
        whole, ngettext = max(0, round(seconds)), self._texts.ngettext
        seconds_left, minutes, hours = whole % 60, whole // 60 % 60, whole // 3600
        said = []
        if hours:
            said.append(ngettext("%(num)s hour", "%(num)s hours", hours) % {"num": hours})
        if minutes:
            said.append(ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes})
        if (seconds_left and not hours) or not said:
            said.append(ngettext("%(num)s second", "%(num)s seconds", seconds_left) % {"num": seconds_left})
        return " ".join(said)

    def joined(self, parts: list[str]) -> str:
        """Several facts, with the comma of the language."""
        _ = self._texts.gettext
        return reduce(lambda said, more: _("%(said)s, %(more)s") % {"said": said, "more": more}, parts)

    def sentence(self, parts: list[str]) -> str:
        """Several facts as a sentence; empty when there are none."""
        if not parts:
            return ""
        said = self.joined(parts)
        return self._texts.gettext("%(text)s.") % {"text": f"{said[0].upper()}{said[1:]}"}

    def brackets(self, parts: list[str]) -> str:
        """Facts in the brackets of the language."""
        return self._texts.gettext(" (%(text)s)") % {"text": self.joined(parts)}


def as_json(story: TicketStory) -> dict[str, Any]:
    """The same for programs: codes instead of words, times in seconds since the epoch."""
    ticket = story.ticket
    return {
        "ticket": ticket.id,
        "number": ticket.number,
        "item": ticket.item,
        "home_district": ticket.home_district,
        "state": ticket.state.value,
        "joined_at": ticket.joined_at,
        "credit_seconds": ticket.credit_seconds,
        "first_called_at": story.first_called_at,
        "offers": [_offer_json(one) for one in story.offers],
    }


def _offer_json(offer: OfferStory) -> dict[str, Any]:
    row = asdict(offer.row)
    del row["ticket"]
    losers = [{**asdict(one.candidate), "lost": one.lost} for one in offer.losers]
    why = {**asdict(offer.why), "considered": losers}
    return {**row, "why": why, "verdict": offer.check.verdict.value, "faults": list(offer.check.faults)}
