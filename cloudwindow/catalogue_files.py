"""
Read the catalogue from its files, and say everything that is wrong with them.

``lint`` reports every problem with its file and its place in it; ``load`` builds the frozen catalogue and
refuses files with problems. A folder holds ``schema.json``, ``blocks.yaml``, ``texts.yaml`` and the folders
``districts``, ``items`` and ``delegations``.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import yaml

from cloudwindow.domain.calendar import OfficeCalendar, Period
from cloudwindow.domain.catalogue import (
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
    Section,
    ServiceItem,
    Situation,
    Step,
    Street,
    Text,
    Verification,
    Words,
)
from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.ids import DistrictCode, ItemId, StreetCode

Tree: TypeAlias = Mapping[str, Any]
"""A parsed file that has passed the schema."""

# Rule: a material says what it is; catch-alls are what citizens are sent home for (DESIGN.md law 7).
VAGUE = re.compile(
    r"其他(有关|相关|所需)?(材料|资料|证明|文件)|有关(材料|资料|证明|文件)|相关(材料|资料|证明|文件)|等(材料|资料)"
)
VAGUE_ENGLISH = re.compile(
    r"\b(other|relevant|related|any necessary) (papers?|documents?|materials?|proofs?)\b", re.I
)
TEXTS_EVERY_CALL_NEEDS = {
    "handling_notice",
    "handling_consent",
    "disclosure_consent",
    "recording_notice",
    "recording_consent",
    "recording_spoken",
    "truth_declaration",
    "read_back_opening",
    "signature_statement",
    "mandate",
    "deferral_undertaking",
    "dropped_call",
    "wrong_district",
    "decided_here",
    "handed_over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong in a catalogue file: ``place`` is the way to it inside ``file``, parts joined by /."""

    file: str
    place: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.place or '/'}: {self.message} [{self.code}]"


def load(folder: Path) -> Catalogue:
    """Read the catalogue in ``folder``. Raises BadInput ``catalogue_invalid`` with the problems as values."""
    files = _read(folder)
    problems = files.problems or _check(files)
    if problems:
        raise BadInput("catalogue_invalid", {"problems": [str(problem) for problem in problems]})
    return _build(files)


def lint(folder: Path) -> list[Problem]:
    """Return every problem of the catalogue in ``folder``; shapes first, and the rest only when they fit."""
    files = _read(folder)
    return files.problems or _check(files)


# --- reading -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """All files as parsed, by their name relative to the folder."""

    blocks: Tree
    texts: Tree
    districts: Mapping[str, Tree]
    items: Mapping[str, Tree]
    delegations: Mapping[str, Tree]
    problems: list[Problem]


class _Loader(yaml.SafeLoader):
    """YAML with text, numbers, true, false and null only: no dates, no ``yes``, no key given twice."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] in ("int", "null")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    seen: set[Any] = set()
    for (key, _), (key_node, _) in zip(pairs, node.value, strict=True):
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
        seen.add(key)
    return {key: loader.construct_object(value, deep=True) for key, value in pairs}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read(folder: Path) -> _Files:
    problems: list[Problem] = []
    schema = json.loads((folder / "schema.json").read_text("utf-8"))

    def parsed(path: Path, kind: str) -> Tree:
        name = path.relative_to(folder).as_posix()
        try:
            # The loader is a SafeLoader with fewer tags.
            tree = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            problems.append(Problem(file=name, place="", code="unreadable", message=_one_line(error)))
            return {}
        problems.extend(_shape(schema, kind, name, tree))
        return tree if isinstance(tree, dict) else {}

    def all_in(part: str, kind: str) -> dict[str, Tree]:
        paths = sorted((folder / part).glob("*.yaml"))
        if not paths:
            problems.append(Problem(file=part, place="", code="empty", message="There is no file here."))
        return {path.relative_to(folder).as_posix(): parsed(path, kind) for path in paths}

    return _Files(
        blocks=parsed(folder / "blocks.yaml", "blocks_file"),
        texts=parsed(folder / "texts.yaml", "texts_file"),
        districts=all_in("districts", "district_file"),
        items=all_in("items", "item_file"),
        delegations=all_in("delegations", "delegations_file"),
        problems=problems,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _shape(schema: Tree, kind: str, name: str, tree: object) -> Iterator[Problem]:
    """Yield where ``tree`` differs from the part ``kind`` of the schema."""
    validator = jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})
    for error in sorted(validator.iter_errors(tree), key=lambda error: list(map(str, error.absolute_path))):
        place = "/".join(map(str, error.absolute_path))
        yield Problem(file=name, place=place, code="schema", message=error.message[:300])


# --- checking what a schema cannot ---------------------------------------------------------------------

Found: TypeAlias = Iterator[tuple[str, str, str]]
"""(place, code, message) of each problem of one file."""


def _check(files: _Files) -> list[Problem]:
    """Return the problems of files whose shapes are right."""
    problems: list[Problem] = []

    def of(name: str, found: Found) -> None:
        problems.extend(
            Problem(file=name, place=place, code=code, message=message) for place, code, message in found
        )

    departments = {tree["department"] for tree in files.items.values()}
    codes = {tree["code"] for tree in files.districts.values()}
    of("texts.yaml", _check_texts(files.texts))
    for name, tree in files.districts.items():
        of(name, _check_district(name, tree, files, departments))
    for name, tree in files.items.items():
        of(name, _check_item(name, tree, files.blocks["blocks"], codes))
    for name, tree in files.delegations.items():
        of(name, _check_delegations(tree, files))
    of("items", _check_synonyms(files.items))
    of("items", _check_versions(files.items))
    of(
        "delegations",
        _repeated((row["id"] for tree in files.delegations.values() for row in tree["delegations"]), ""),
    )
    problems.extend(_check_languages(files))
    return problems


def _repeated(values: Iterable[str], place: str) -> Found:
    """Yield one problem for each value that occurs twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            yield place, "repeated", f"{value} occurs twice."
        seen.add(value)


def _check_texts(tree: Tree) -> Found:
    keys = [text["key"] for text in tree["texts"]]
    yield from _repeated(keys, "texts")
    for key in sorted(TEXTS_EVERY_CALL_NEEDS - set(keys)):
        yield "texts", "missing_text", f"The text {key} is needed in every call."


def _check_district(name: str, tree: Tree, files: _Files, departments: set[str]) -> Found:
    code = tree["code"]
    if Path(name).stem != code:
        yield "code", "file_name", f"The file of district {code} must be called {code}.yaml."
    yield from _repeated((street["code"] for street in tree["streets"]), "streets")
    yield from _repeated((street["name"]["zh"] for street in tree["streets"]), "streets")
    for place, street in enumerate(tree["streets"]):
        if not street["code"].startswith(code):
            yield f"streets/{place}/code", "foreign_street", f"{street['code']} does not belong to {code}."
    present = [organ["department"] for organ in tree["organs"]]
    yield from _repeated(present, "organs")
    for department in sorted((departments | {"service_centre"}) - set(present)):
        yield "organs", "missing_organ", f"The district has no organ for {department}."
    yield from _check_hours(tree["hours"])
    yield from _valid_dates(tree["closed_days"], "closed_days")
    yield from _check_neighbours(tree, files)


def _check_hours(hours: list[list[str]]) -> Found:
    clocks = [clock for period in hours for clock in period]
    if clocks != sorted(set(clocks)):
        yield "hours", "hours_order", "Opening hours must follow one another and end after they begin."


def _check_neighbours(tree: Tree, files: _Files) -> Found:
    others = {other["code"]: other for other in files.districts.values()}
    for place, code in enumerate(tree["neighbours"]):
        if code not in others or code == tree["code"]:
            yield f"neighbours/{place}", "unknown_district", f"{code} is no other district."
        elif tree["code"] not in others[code]["neighbours"]:
            yield f"neighbours/{place}", "one_sided", f"{code} does not name {tree['code']} as a neighbour."
    same = [other["code"] for other in others.values() if other["letter"] == tree["letter"]]
    if len(same) > 1:
        yield "letter", "repeated", f"{tree['letter']} is the letter of {' and '.join(sorted(same))}."


def _valid_dates(dates: Iterable[str], place: str) -> Found:
    for text in dates:
        try:
            date.fromisoformat(text)
        except ValueError:
            yield place, "date", f"{text} is no date."


def _check_item(name: str, tree: Tree, blocks: Tree, codes: set[str]) -> Found:
    if not re.fullmatch(rf"{tree['id']}(@{tree['version']})?", Path(name).stem):
        yield (
            "id",
            "file_name",
            f"The file must be called {tree['id']}.yaml or {tree['id']}@{tree['version']}.yaml.",
        )
    yield from _check_authority(tree)
    yield from _check_clocks(tree["clocks"], tree["case_speed"])
    yield from _repeated((text["key"] for text in tree.get("texts", ())), "texts")
    yield from _repeated((step["key"] for step in tree["checklist"]), "checklist")
    yield from _check_rates(tree, codes)
    unknown = [use for _, use in _uses(tree) if use["block"] not in blocks]
    for use in unknown:
        yield "form", "unknown_block", f"There is no block {use['block']}."
    if not unknown:
        yield from _check_form(tree, blocks)
    yield from _check_materials(tree["materials"])


def _check_authority(tree: Tree) -> Found:
    if tree["mode"] == "transfer" and tree["case_speed"] == "instant":
        yield "case_speed", "instant_transfer", "What is transferred cannot be decided in the call."
    if not any(declaration["key"] == "truth" for declaration in tree["declarations"]):
        yield "declarations", "missing_declaration", "The declaration of truth is missing."
    yield from _repeated((declaration["key"] for declaration in tree["declarations"]), "declarations")
    asked = {use["block"] for _, use in _uses(tree)}
    if tree["delegation_allowed"] == "forbidden" and "delegate" in asked:
        yield "form", "delegate_forbidden", "Delegates are forbidden but the form asks for one."


def _check_clocks(clocks: Tree, speed: str) -> Found:
    if clocks["statutory"] is not None and clocks["promised"] > clocks["statutory"]:
        yield "clocks/promised", "promise_too_long", "The promised time is longer than the statutory one."
    if (clocks["promised"] == 0) != (speed == "instant"):
        yield "clocks/promised", "promise_speed", "A promise of 0 and instant handling belong together."


def _check_rates(tree: Tree, codes: set[str]) -> Found:
    rates = tree.get("rates", [])
    for place, (rate, following) in enumerate(pairwise(rates)):
        if rate["below_age"] != following["from_age"]:
            yield f"rates/{place}", "rates_gap", "The ages of one row must end where the next begins."
    for code in tree.get("rates_except", ()):
        if code not in codes:
            yield "rates_except", "unknown_district", f"{code} is no district."


def _uses(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield the place and content of every use of a shared block in the form."""
    for number, page in enumerate(tree["form"]["pages"]):
        for place, section in enumerate(page["sections"]):
            if "block" in section:
                yield f"form/pages/{number}/sections/{place}", section


def _fields(tree: Tree, blocks: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield the place and content of every field in order, shared blocks included."""
    for number, page in enumerate(tree["form"]["pages"]):
        for place, section in enumerate(page["sections"]):
            whole = blocks[section["block"]] if "block" in section else section
            for row, question in enumerate(whole["fields"]):
                yield f"form/pages/{number}/sections/{place}/fields/{row}", question


def _check_form(tree: Tree, blocks: Tree) -> Found:
    earlier: dict[str, Tree] = {}
    for place, question in _fields(tree, blocks):
        if question["id"] in earlier:
            yield place, "repeated", f"{question['id']} occurs twice."
        yield from _check_field(place, question, earlier)
        earlier[question["id"]] = question
    if not {"applicant_name", "applicant_idno", "applicant_mobile"} <= set(earlier):
        yield "form", "missing_field", "The form does not ask who the applicant is."
    for place, use in _uses(tree):
        own = {question["id"] for question in blocks[use["block"]]["fields"]}
        for stranger in sorted(set(use.get("limits", ())) - own):
            yield f"{place}/limits", "unknown_field", f"The block {use['block']} has no field {stranger}."
    yield from _check_uses_of_answers(tree, earlier)


def _check_field(place: str, question: Tree, earlier: Tree) -> Found:
    yield from _check_conditions(f"{place}/when", question.get("when", {}), earlier)
    for language, sentence in question["plain"].items():
        if sentence.count("{value}") != 1:
            yield f"{place}/plain/{language}", "no_value", "The read-back needs {value} exactly once."
    yield from _repeated((option["value"] for option in question.get("options", ())), f"{place}/options")
    limits = question.get("limits", {})
    for name, kinds in (("birthday_of", ("idno",)), ("differs_from", (question["type"],))):
        other = earlier.get(limits.get(name))
        if name in limits and (other is None or other["type"] not in kinds):
            yield (
                f"{place}/limits/{name}",
                "unknown_field",
                f"{limits[name]} is no earlier field of the right type.",
            )


def _check_conditions(place: str, conditions: Tree, known: Tree) -> Found:
    """Yield conditions that speak of a field not asked before, or of an answer it cannot have."""
    for name, values in conditions.items():
        question = known.get(name)
        if question is None:
            yield place, "unknown_field", f"{name} is no earlier field."
            continue
        possible = [option["value"] for option in question.get("options", ())] or [True, False]
        for value in values:
            if value not in possible or question["type"] not in ("enum", "enums", "bool"):
                yield f"{place}/{name}", "unknown_answer", f"{value} is no answer to {name}."


def _check_uses_of_answers(tree: Tree, known: Tree) -> Found:
    for part in ("materials", "declarations"):
        for place, row in enumerate(tree[part]):
            yield from _check_conditions(f"{part}/{place}/when", row.get("when", {}), known)
    for place, situation in enumerate(tree.get("situations", ())):
        answers = {name: [answer] for name, answer in situation["answers"].items()}
        yield from _check_conditions(f"situations/{place}/answers", answers, known)


def _check_materials(materials: list[Tree]) -> Found:
    yield from _repeated((material["id"] for material in materials), "materials")
    for place, material in enumerate(materials):
        for part in ("name", "sample"):
            text = material[part]
            if VAGUE.search(text["zh"]) or VAGUE_ENGLISH.search(text["en"]):
                yield f"materials/{place}/{part}", "vague", "Name the paper; a catch-all cannot be prepared."


def _check_delegations(tree: Tree, files: _Files) -> Found:
    organs = {
        f"{district['code']}.{organ['department']}"
        for district in files.districts.values()
        for organ in district["organs"]
    }
    codes = {district["code"] for district in files.districts.values()}
    items = {item["id"]: item for item in files.items.values()}
    for number, row in enumerate(tree["delegations"]):
        place = f"delegations/{number}"
        if row["from_organ"] not in organs:
            yield f"{place}/from_organ", "unknown_organ", f"{row['from_organ']} is no organ."
        for code in sorted(set(row["to_districts"]) - codes):
            yield f"{place}/to_districts", "unknown_district", f"{code} is no district."
        yield from _check_delegated_items(f"{place}/items", row, items)
        dates = list(_valid_dates((row["start"], row["end"]), place))
        yield from dates
        if not dates and row["end"] < row["start"]:
            yield f"{place}/end", "date_order", "The delegation ends before it begins."


def _check_delegated_items(place: str, row: Tree, items: Mapping[str, Tree]) -> Found:
    department = row["from_organ"].partition(".")[2]
    for item_id in row["items"]:
        if item_id not in items:
            yield place, "unknown_item", f"{item_id} is no item."
        elif items[item_id]["department"] != department:
            yield place, "wrong_organ", f"{item_id} is not decided by {row['from_organ']}."
        elif items[item_id]["mode"] != "authorised":
            yield place, "not_authorised", f"{item_id} is transferred; a delegation has no effect."


def _check_synonyms(items: Mapping[str, Tree]) -> Found:
    """Yield words that mean more than one item."""
    meant: dict[str, set[str]] = defaultdict(set)
    for tree in items.values():
        for word in (*tree["synonyms"]["zh"], *tree["synonyms"]["en"], *tree["name"].values()):
            meant[word.casefold()].add(tree["id"])
    for word, ids in sorted(meant.items()):
        if len(ids) > 1:
            yield "synonyms", "ambiguous", f"{word} stands for {' and '.join(sorted(ids))}."


def _check_versions(items: Mapping[str, Tree]) -> Found:
    yield from _repeated((f"{tree['id']} version {tree['version']}" for tree in items.values()), "version")


_CHINESE = re.compile(r"[\u3400-\u9fff]")


def _check_languages(files: _Files) -> Iterator[Problem]:
    """Yield texts whose Chinese has no Chinese or whose English has some."""
    trees = {"blocks.yaml": files.blocks, "texts.yaml": files.texts, **files.districts, **files.items}
    for name, tree in {**trees, **files.delegations}.items():
        for place, text in _texts_in(tree, ""):
            if not _CHINESE.search(text["zh"]):
                yield Problem(
                    file=name, place=place, code="language", message="The Chinese text is not Chinese."
                )
            if _CHINESE.search(text["en"]):
                yield Problem(
                    file=name, place=place, code="language", message="The English text has Chinese in it."
                )


def _texts_in(tree: object, place: str) -> Iterator[tuple[str, Tree]]:
    if isinstance(tree, dict):
        if set(tree) == {"zh", "en"} and isinstance(tree["zh"], str):
            yield place, tree
            return
        rows: Iterable[tuple[object, object]] = tree.items()
    elif isinstance(tree, list):
        rows = enumerate(tree)
    else:
        return
    for name, part in rows:
        yield from _texts_in(part, f"{place}/{name}".lstrip("/"))


# --- building ------------------------------------------------------------------------------------------


def _build(files: _Files) -> Catalogue:
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
    used = {use["block"]: blocks[use["block"]] for _, use in _uses(tree)}
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
