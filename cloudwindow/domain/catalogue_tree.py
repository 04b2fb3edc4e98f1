"""
Build the frozen catalogue from parsed files whose shapes and references are right.

A ``Tree`` is what a YAML file holds; ``catalogue/schema.json`` describes its shape.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, TypeAlias

from cloudwindow.domain.calendar import OfficeCalendar, Period
from cloudwindow.domain.catalogue import (
    AppointmentRules,
    Basis,
    Catalogue,
    Clocks,
    Condition,
    Declaration,
    Delegation,
    DelegationRecord,
    District,
    Field,
    FieldType,
    FixedText,
    Form,
    IdentityLevel,
    Limits,
    MaterialRule,
    Mode,
    Option,
    Organ,
    OrganId,
    Page,
    Rate,
    Recording,
    Result,
    SeatRule,
    Section,
    ServiceItem,
    Situation,
    Stays,
    Step,
    Street,
    Text,
    Verification,
    Words,
)
from cloudwindow.domain.ids import DistrictCode, ItemId, StreetCode
from cloudwindow.domain.match import CLOSED

Tree: TypeAlias = Mapping[str, Any]
"""A parsed file, or part of one, that has passed the schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """All files as parsed, by their name relative to the folder."""

    blocks: Tree
    texts: Tree
    districts: Mapping[str, Tree]
    items: Mapping[str, Tree]
    delegations: Mapping[str, Tree]


def build(files: Files) -> Catalogue:
    """Return the catalogue that ``files`` describe."""
    districts = tuple(
        sorted((_district(tree) for tree in files.districts.values()), key=lambda one: one.code)
    )
    texts = {text["key"]: _fixed_text(text) for text in files.texts["texts"]}
    return Catalogue(
        districts=districts,
        versions=tuple(
            _item(tree, files.blocks["blocks"], texts, districts) for tree in files.items.values()
        ),
        delegations=tuple(
            _delegation(row) for tree in files.delegations.values() for row in tree["delegations"]
        ),
        texts=texts,
    )


def _text(tree: Tree) -> Text:
    return Text(zh=tree["zh"], en=tree["en"])


def _maybe(tree: Tree | None) -> Text | None:
    return None if tree is None else _text(tree)


def _fixed_text(tree: Tree) -> FixedText:
    return FixedText(key=tree["key"], version=tree["version"], text=_text(tree["text"]))


def _district(tree: Tree) -> District:
    code = DistrictCode(tree["code"])
    return District(
        code=code,
        name=_text(tree["name"]),
        letter=tree["letter"],
        streets=tuple(
            Street(code=StreetCode(street["code"]), name=_text(street["name"]), kind=street["kind"])
            for street in tree["streets"]
        ),
        organs=tuple(_organ(code, organ) for organ in tree["organs"]),
        neighbours=tuple(map(DistrictCode, tree["neighbours"])),
        calendar=OfficeCalendar(
            periods=tuple(
                Period(start=time.fromisoformat(start), end=time.fromisoformat(end))
                for start, end in tree["hours"]
            ),
            closed_days=frozenset(map(date.fromisoformat, tree["closed_days"])),
        ),
        appointments=_appointments(tree["appointments"]),
        show_place=tree.get("show_place", True),
        show_wait=tree.get("show_wait", True),
    )


def _appointments(tree: Tree) -> AppointmentRules:
    return AppointmentRules(
        days_ahead=tree["days_ahead"],
        book_ahead_minutes=tree["book_ahead_minutes"],
        change_ahead_minutes=tree["change_ahead_minutes"],
        seat_rules=tuple(
            SeatRule(seats=rule["seats"], skill=rule.get("skill"), language=rule.get("language"))
            for rule in tree["seats"]
        ),
        placeholder=tree["placeholder"],
    )


def _organ(district: DistrictCode, tree: Tree) -> Organ:
    return Organ(
        id=OrganId(f"{district}.{tree['department']}"),
        district=district,
        department=tree["department"],
        name=_text(tree["name"]),
        short_name=_text(tree["short_name"]),
        number_word=tree["number_word"],
        phone=tree["phone"],
        address=_text(tree["address"]),
        hours=_text(tree["hours"]),
        placeholder=tree["placeholder"],
    )


def _delegation(tree: Tree) -> DelegationRecord:
    return DelegationRecord(
        id=tree["id"],
        from_organ=OrganId(tree["from_organ"]),
        to_districts=tuple(map(DistrictCode, tree["to_districts"])),
        items=tuple(map(ItemId, tree["items"])),
        start=date.fromisoformat(tree["start"]),
        end=date.fromisoformat(tree["end"]),
        notice=_text(tree["notice"]),
        demo=tree["demo"],
    )


def _digest(tree: Tree) -> str:
    whole = json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


def _item(
    tree: Tree, blocks: Tree, texts: Mapping[str, FixedText], districts: tuple[District, ...]
) -> ServiceItem:
    used = {use["block"]: blocks[use["block"]] for _, use in block_uses(tree)}
    return ServiceItem(
        id=ItemId(tree["id"]),
        version=tree["version"],
        digest=_digest({"item": tree, "blocks": used}),
        name=_text(tree["name"]),
        short_name=_text(tree["short_name"]),
        description=_text(tree["description"]),
        audience=_text(tree["audience"]),
        conditions=tuple(map(_text, tree["conditions"])),
        synonyms=Words(zh=tuple(tree["synonyms"]["zh"]), en=tuple(tree["synonyms"]["en"])),
        item_type=tree["item_type"],
        department=tree["department"],
        home_basis=tree["home_basis"],
        home_question=_text(tree["home_question"]),
        mode=Mode(tree["mode"]),
        acceptance_rule=tree["acceptance_rule"],
        clocks=Clocks(**tree["clocks"]),
        fee=_text(tree["fee"]),
        case_speed=tree["case_speed"],
        video_completeness=tree["video_completeness"],
        result=Result(
            name=_text(tree["result"]["name"]),
            kind=tree["result"]["kind"],
            delivery=tuple(tree["result"]["delivery"]),
        ),
        delegation_allowed=Delegation(tree["delegation_allowed"]),
        delegation_rule=_text(tree["delegation_rule"]),
        min_identity_level=IdentityLevel(tree["min_identity_level"]),
        in_person=tuple(map(_text, tree["in_person"])),
        recording=Recording(**tree["recording"]),
        avg_minutes=tree["avg_minutes"],
        skill_group=tree["skill_group"],
        skill_level=tree.get("skill_level", 1),
        rings=_rings(tree.get("rings")),
        languages=tuple(tree["languages"]),
        legal_basis=tuple(
            Basis(title=_text(basis["title"]), article=_maybe(basis.get("article")))
            for basis in tree["legal_basis"]
        ),
        situations=tuple(
            Situation(id=row["id"], name=_text(row["name"]), answers=row["answers"])
            for row in tree.get("situations", ())
        ),
        checklist=tuple(
            Step(key=step["key"], stage=step["stage"], text=_text(step["text"])) for step in tree["checklist"]
        ),
        texts={**texts, **{text["key"]: _fixed_text(text) for text in tree.get("texts", ())}},
        form=_form(tree, blocks, districts),
        materials=tuple(map(_material, tree["materials"])),
        declarations=tuple(map(_declaration, tree["declarations"])),
        rates=tuple(Rate(**rate) for rate in tree.get("rates", ())),
        rates_except=tuple(map(DistrictCode, tree.get("rates_except", ()))),
        verification=Verification(tree["verification"]["status"]),
        verification_note=_text(tree["verification"]["note"]),
    )


def _rings(stays: Tree | None) -> Stays | None:
    """The stays of an item, in seconds; ``null`` in the file is a ring after which no other opens."""
    if stays is None:
        return None
    own, lenders, neighbours = (
        CLOSED if stays[name] is None else float(stays[name]) for name in ("own", "lenders", "neighbours")
    )
    return own, lenders, neighbours


def _form(tree: Tree, blocks: Tree, districts: tuple[District, ...]) -> Form:
    def section(part: Tree) -> Section:
        whole = blocks[part["block"]] if "block" in part else part
        tighter = part.get("limits", {})
        return Section(
            id=whole["id"],
            title=_text(whole["title"]),
            fields=tuple(_field(row, tighter.get(row["id"], {}), districts) for row in whole["fields"]),
        )

    return Form(
        item=ItemId(tree["id"]),
        version=tree["version"],
        pages=tuple(
            Page(
                number=number,
                title=_text(page["title"]),
                while_waiting=page["while_waiting"],
                sections=tuple(map(section, page["sections"])),
            )
            for number, page in enumerate(tree["form"]["pages"], start=1)
        ),
    )


def _field(tree: Tree, tighter: Tree, districts: tuple[District, ...]) -> Field:
    kind = FieldType(tree["type"])
    limits = {**tree.get("limits", {}), **tighter}
    return Field(
        id=tree["id"],
        type=kind,
        label=_text(tree["label"]),
        plain=_text(tree["plain"]),
        hint=_maybe(tree.get("hint")),
        required=tree.get("required", True),
        sensitive=tree.get("sensitive", False),
        when=_conditions(tree),
        options=tuple(
            Option(value=option["value"], label=_text(option["label"])) for option in tree.get("options", ())
        ),
        districts=districts if kind is FieldType.ADDR else (),
        limits=Limits(**{**limits, "prefixes": tuple(limits.get("prefixes", ()))}),
        prefill=tree.get("prefill"),
        autocomplete=tree.get("autocomplete"),
    )


def _conditions(tree: Tree) -> tuple[Condition, ...]:
    return tuple(Condition(field=name, values=tuple(values)) for name, values in tree.get("when", {}).items())


def _material(tree: Tree) -> MaterialRule:
    return MaterialRule(
        id=tree["id"],
        form=tree["form"],
        required=tree["required"],
        when=_conditions(tree),
        trust_floor=tree["trust_floor"],
        deferrable=tree["deferrable"],
        count=tree["count"],
        name=_text(tree["name"]),
        photo=_text(tree["photo"]),
        sample=_text(tree["sample"]),
        issued_by=_text(tree["issued_by"]),
    )


def _declaration(tree: Tree) -> Declaration:
    return Declaration(
        key=tree["key"], version=tree["version"], text=_text(tree["text"]), when=_conditions(tree)
    )


def block_uses(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield the place and content of every use of a shared block in the form."""
    for number, page in enumerate(tree["form"]["pages"]):
        for place, section in enumerate(page["sections"]):
            if "block" in section:
                yield f"form/pages/{number}/sections/{place}", section
