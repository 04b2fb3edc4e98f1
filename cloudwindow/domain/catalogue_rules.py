"""
What must be true of catalogue files beyond their shape: references, languages, clocks, clear names.

Every rule yields (place, code, message) of what breaks it; ``check`` adds the file.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TypeAlias

from cloudwindow.domain.catalogue_tree import Files, Tree, block_uses

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


Found: TypeAlias = Iterator[tuple[str, str, str]]
"""(place, code, message) of each problem of one file."""


def check(files: Files) -> list[Problem]:
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


def _stem(name: str) -> str:
    """Return the file's name without folder and ending."""
    return name.rpartition("/")[2].removesuffix(".yaml")


def _check_district(name: str, tree: Tree, files: Files, departments: set[str]) -> Found:
    code = tree["code"]
    if _stem(name) != code:
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
    yield from _check_seats(tree["appointments"]["seats"], files)
    yield from _check_neighbours(tree, files)


def _check_hours(hours: list[list[str]]) -> Found:
    clocks = [clock for period in hours for clock in period]
    if clocks != sorted(set(clocks)):
        yield "hours", "hours_order", "Opening hours must follow one another and end after they begin."


def _check_seats(rows: list[Tree], files: Files) -> Found:
    """Yield rows for a skill no item needs, and rows that an earlier one leaves nothing to decide."""
    skills = {item["skill_group"] for item in files.items.values()}
    for number, row in enumerate(rows):
        place = f"appointments/seats/{number}"
        if row.get("skill") not in skills | {None}:
            yield f"{place}/skill", "unknown_skill", f"No item needs the skill {row['skill']}."
        for earlier in rows[:number]:
            if all(earlier.get(part) in (None, row.get(part)) for part in ("skill", "language")):
                yield place, "never_reached", "An earlier row decides everything this row speaks of."
                break


def _check_neighbours(tree: Tree, files: Files) -> Found:
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
    if not re.fullmatch(rf"{tree['id']}(@{tree['version']})?", _stem(name)):
        yield (
            "id",
            "file_name",
            f"The file must be called {tree['id']}.yaml or {tree['id']}@{tree['version']}.yaml.",
        )
    yield from _check_authority(tree)
    yield from _check_clocks(tree["clocks"], tree["case_speed"])
    yield from _check_recording(tree["recording"])
    yield from _repeated((text["key"] for text in tree.get("texts", ())), "texts")
    yield from _repeated((step["key"] for step in tree["checklist"]), "checklist")
    yield from _check_rates(tree, codes)
    unknown = [use for _, use in block_uses(tree) if use["block"] not in blocks]
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
    asked = {use["block"] for _, use in block_uses(tree)}
    if tree["delegation_allowed"] == "forbidden" and "delegate" in asked:
        yield "form", "delegate_forbidden", "Delegates are forbidden but the form asks for one."


def _check_recording(policy: Tree) -> Found:
    if policy.get("evidence_days", policy["full_days"]) < policy["full_days"]:
        yield (
            "recording/evidence_days",
            "evidence_too_short",
            "The evidence clips go before the recording does.",
        )


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
    for place, use in block_uses(tree):
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


def _check_delegations(tree: Tree, files: Files) -> Found:
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


_PLACE = re.compile(r"\{[a-z_]+\}")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def _check_languages(files: Files) -> Iterator[Problem]:
    """Yield texts that are not said in both languages alike."""
    trees = {"blocks.yaml": files.blocks, "texts.yaml": files.texts, **files.districts, **files.items}
    for name, tree in {**trees, **files.delegations}.items():
        for place, text in _texts_in(tree, ""):
            for code, message in _unlike(text):
                yield Problem(file=name, place=place, code=code, message=message)


def _unlike(text: Tree) -> Iterator[tuple[str, str]]:
    if not _CHINESE.search(text["zh"]):
        yield "language", "The Chinese text is not Chinese."
    if _CHINESE.search(text["en"]):
        yield "language", "The English text has Chinese in it."
    if set(_PLACE.findall(text["zh"])) != set(_PLACE.findall(text["en"])):
        yield "placeholders", "What is filled into {…} differs between the languages."


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
