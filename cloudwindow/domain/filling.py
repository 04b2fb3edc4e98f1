"""
What a form being filled together still needs, and who acts on it. Pure questions about a case and its item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloudwindow.domain import fields
from cloudwindow.domain.application import (
    PASSING,
    Application,
    Delegate,
    Material,
    Standing,
    summary_sha256,
)
from cloudwindow.domain.catalogue import Declaration, Field, MaterialRule, ServiceItem
from cloudwindow.domain.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: ``kind`` is citizen, agent, approver or third_party, ``name`` what the other side reads."""

    kind: str
    id: str
    name: str = ""
    on_behalf_of: str | None = None

    @property
    def capacity(self) -> str:
        """In which capacity the event is signed."""
        return "on_behalf_of" if self.on_behalf_of else "own"


def canonical_values(case: Application) -> dict[str, Any]:
    """The case's values as the checks want them: field → canonical value."""
    return {name: value.value for name, value in case.values.items() if value.value is not None}


def asked(case: Application, item: ServiceItem) -> tuple[Field, ...]:
    """The questions that apply with the present answers."""
    return fields.visible_fields(item.form, canonical_values(case))


def papers_asked(case: Application, item: ServiceItem) -> tuple[MaterialRule, ...]:
    """The papers that apply with the present answers; the form itself (generated) is not among them."""
    rules = fields.materials_for(item, canonical_values(case))
    return tuple(rule for rule in rules if rule.form != "generated")


def declarations_asked(case: Application, item: ServiceItem) -> tuple[Declaration, ...]:
    """The declarations that apply with the present answers."""
    values = canonical_values(case)
    return tuple(one for one in item.declarations if fields.holds(one.when, values))


def unconfirmed(case: Application, item: ServiceItem) -> tuple[str, ...]:
    """Fields that hold a proposal the citizen has not confirmed; one that was emptied holds none."""
    return tuple(
        question.id
        for question in asked(case, item)
        if (value := case.values.get(question.id)) is not None
        and value.value is not None
        and value.standing is Standing.PROPOSED
    )


def settled(case: Application, rule: MaterialRule) -> bool:
    """Whether a paper is there and every page of it was found good."""
    pages = [paper for paper in case.materials if paper.rule == rule.id]
    return bool(pages) and all(paper.verdict in PASSING for paper in pages)


def digest(case: Application, item: ServiceItem, principal: Delegate | None) -> str:
    """What a signature given now would bind."""
    form = fields.canonical(item.form, canonical_values(case))
    versions = {one.key: one.version for one in declarations_asked(case, item)}
    return summary_sha256(case, form, versions, principal)


def material_of(case: Application, material: str) -> Material:
    """The case's page with this id. Raises NotFound("unknown_material")."""
    for paper in case.materials:
        if paper.id == material:
            return paper
    raise NotFound("unknown_material")


def missing_fields(case: Application, item: ServiceItem) -> Sequence[str]:
    """Required questions without an answer."""
    return [question.id for question in fields.missing(item.form, canonical_values(case))]


def open_papers(case: Application, item: ServiceItem) -> Sequence[str]:
    """Required papers that are missing or not found good."""
    return [rule.id for rule in papers_asked(case, item) if rule.required and not settled(case, rule)]


def ready(case: Application, item: ServiceItem) -> None:
    """Raise Conflict identity_open, form_incomplete, values_unconfirmed or materials_open."""
    if case.identity_result != "confirmed":
        raise Conflict("identity_open")
    if missing_fields(case, item):
        raise Conflict("form_incomplete", {"fields": ", ".join(missing_fields(case, item))})
    if unconfirmed(case, item):
        raise Conflict("values_unconfirmed", {"fields": ", ".join(unconfirmed(case, item))})
    if open_papers(case, item):
        raise Conflict("materials_open", {"papers": ", ".join(open_papers(case, item))})
