"""A broken catalogue is refused, and every problem is named with its file and place."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudwindow.catalogue_files import lint, load
from cloudwindow.domain.errors import BadInput

SHIPPED = Path("catalogue")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue to break."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "catalogue"))


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Plain(_Safe):  # type: ignore[misc]  # the C loader has no types
    """Reads dates as text, as the catalogue does."""


_Plain.yaml_implicit_resolvers = {
    letter: [pair for pair in pairs if not pair[0].endswith("timestamp")]
    for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def alter(folder: Path, name: str, change: Callable[[Any], object]) -> None:
    """Change the parsed file ``name`` by ``change`` and write it back."""
    path = folder / name
    tree = yaml.load(path.read_text("utf-8"), _Plain)  # noqa: S506
    change(tree)
    path.write_text(yaml.dump(tree, Dumper=_Dumper, allow_unicode=True, sort_keys=False), "utf-8")


def found(folder: Path) -> set[tuple[str, str, str]]:
    """(file, place, code) of every problem."""
    return {(problem.file, problem.place, problem.code) for problem in lint(folder)}


def test_the_shipped_catalogue_has_no_problem() -> None:
    assert lint(SHIPPED) == []


def test_writing_a_file_back_unchanged_breaks_nothing(folder: Path) -> None:
    for name in ("items/HR01.yaml", "districts/440114.yaml", "delegations/HR01.yaml", "texts.yaml"):
        alter(folder, name, lambda tree: None)
    assert lint(folder) == []


HR, CA, PS = "items/HR01.yaml", "items/CA04.yaml", "items/PS01.yaml"
HUADU, RECORDS = "districts/440114.yaml", "delegations/HR01.yaml"
WORK = "form/pages/0/sections/2/fields/0"


def _work(tree: Any) -> Any:
    return tree["form"]["pages"][0]["sections"][2]["fields"]


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (HR, lambda t: t.pop("legal_basis"), (HR, "", "schema")),
        (HR, lambda t: t.update(legal_basis=[]), (HR, "legal_basis", "schema")),
        (HR, lambda t: t.pop("version"), (HR, "", "schema")),
        (HR, lambda t: t.update(schema=2), (HR, "schema", "schema")),
        (HR, lambda t: t["name"].pop("en"), (HR, "name", "schema")),
        (HR, lambda t: t.update(mode="maybe"), (HR, "mode", "schema")),
        (HR, lambda t: t.update(mistake=1), (HR, "", "schema")),
        (HR, lambda t: _work(t)[0].pop("options"), (HR, WORK, "schema")),
        (HR, lambda t: _work(t)[1].update(options=[]), (HR, f"{WORK[:-1]}1", "schema")),
        (HR, lambda t: t.update(id="HR02"), (HR, "id", "file_name")),
        (HR, lambda t: t["name"].update(en="就业"), (HR, "name", "language")),
        (HR, lambda t: t["name"].update(zh="Job"), (HR, "name", "language")),
        (HR, lambda t: t["materials"][0]["name"].update(zh="其他材料"), (HR, "materials/0/name", "vague")),
        (HR, lambda t: t["materials"][1]["name"].update(zh="有关证明"), (HR, "materials/1/name", "vague")),
        (
            HR,
            lambda t: t["materials"][1]["name"].update(en="Other relevant documents"),
            (HR, "materials/1/name", "vague"),
        ),
        (HR, lambda t: t["materials"][1].update(id="id_card"), (HR, "materials", "repeated")),
        (
            HR,
            lambda t: t["materials"][2].update(when={"nothing": ["a"]}),
            (HR, "materials/2/when", "unknown_field"),
        ),
        (
            HR,
            lambda t: t["materials"][2].update(when={"employ_type": ["pilot"]}),
            (HR, "materials/2/when/employ_type", "unknown_answer"),
        ),
        (HR, lambda t: _work(t)[0].update(when={"trade": ["other"]}), (HR, f"{WORK}/when", "unknown_field")),
        (HR, lambda t: _work(t)[0].update(id="trade"), (HR, f"{WORK[:-1]}2", "repeated")),
        (HR, lambda t: _work(t)[0]["plain"].update(zh="就业类型"), (HR, f"{WORK}/plain/zh", "no_value")),
        (
            HR,
            lambda t: t["form"]["pages"][0]["sections"][0].update(block="nothing"),
            (HR, "form", "unknown_block"),
        ),
        (
            HR,
            lambda t: t["form"]["pages"][0]["sections"][0].update(limits={"nothing": {"min_age": 3}}),
            (HR, "form/pages/0/sections/0/limits", "unknown_field"),
        ),
        (HR, lambda t: t["form"]["pages"][0]["sections"].pop(0), (HR, "form", "missing_field")),
        (
            HR,
            lambda t: t["situations"][0]["answers"].update(employ_type="pilot"),
            (HR, "situations/0/answers/employ_type", "unknown_answer"),
        ),
        (HR, lambda t: t["declarations"].pop(0), (HR, "declarations", "missing_declaration")),
        (HR, lambda t: t.update(delegation_allowed="forbidden"), (HR, "form", "delegate_forbidden")),
        (HR, lambda t: t["clocks"].update(promised=3), (HR, "clocks/promised", "promise_speed")),
        (HR, lambda t: t["synonyms"]["zh"].append("居住证"), ("items", "synonyms", "ambiguous")),
        (PS, lambda t: t["clocks"].update(promised=16), (PS, "clocks/promised", "promise_too_long")),
        (
            PS,
            lambda t: t["recording"].update(evidence_days=179),
            (PS, "recording/evidence_days", "evidence_too_short"),
        ),
        (PS, lambda t: t.update(case_speed="instant"), (PS, "case_speed", "instant_transfer")),
        (CA, lambda t: t["rates"][1].update(from_age=81), (CA, "rates/0", "rates_gap")),
        (CA, lambda t: t.update(rates_except=["440199"]), (CA, "rates_except", "unknown_district")),
        (
            CA,
            lambda t: _work(t)[0]["limits"].update(birthday_of="nothing"),
            (CA, f"{WORK}/limits/birthday_of", "unknown_field"),
        ),
        (HUADU, lambda t: t.update(code="440199"), (HUADU, "code", "file_name")),
        (HUADU, lambda t: t["organs"].pop(0), (HUADU, "organs", "missing_organ")),
        (
            HUADU,
            lambda t: t["streets"][0].update(code="440106001"),
            (HUADU, "streets/0/code", "foreign_street"),
        ),
        (HUADU, lambda t: t["streets"].append(t["streets"][0]), (HUADU, "streets", "repeated")),
        (HUADU, lambda t: t.update(letter="A"), (HUADU, "letter", "repeated")),
        (HUADU, lambda t: t.update(closed_days=["2026-02-30"]), (HUADU, "closed_days", "date")),
        (HUADU, lambda t: t.update(hours=[["13:00", "12:00"]]), (HUADU, "hours", "hours_order")),
        (
            HUADU,
            lambda t: t["appointments"]["seats"].insert(0, {"skill": "magic", "seats": 1}),
            (HUADU, "appointments/seats/0/skill", "unknown_skill"),
        ),
        (
            HUADU,
            lambda t: t["appointments"]["seats"].append({"language": "en", "seats": 2}),
            (HUADU, "appointments/seats/2", "never_reached"),
        ),
        (
            HUADU,
            lambda t: t["appointments"]["seats"][0].update(seats=-1),
            (HUADU, "appointments/seats/0/seats", "schema"),
        ),
        (HUADU, lambda t: t.update(neighbours=["440103"]), (HUADU, "neighbours/0", "one_sided")),
        (HUADU, lambda t: t.update(neighbours=["440199"]), (HUADU, "neighbours/0", "unknown_district")),
        (
            RECORDS,
            lambda t: t["delegations"][0].update(end="2024-01-01"),
            (RECORDS, "delegations/0/end", "date_order"),
        ),
        (RECORDS, lambda t: t["delegations"][0].update(end="2026-02-30"), (RECORDS, "delegations/0", "date")),
        (
            RECORDS,
            lambda t: t["delegations"][0].update(from_organ="440103.navy"),
            (RECORDS, "delegations/0/from_organ", "unknown_organ"),
        ),
        (
            RECORDS,
            lambda t: t["delegations"][0].update(items=["XX99"]),
            (RECORDS, "delegations/0/items", "unknown_item"),
        ),
        (
            RECORDS,
            lambda t: t["delegations"][0].update(items=["CA04"]),
            (RECORDS, "delegations/0/items", "wrong_organ"),
        ),
        (
            RECORDS,
            lambda t: t["delegations"][0].update(items=["PS01"], from_organ="440103.public_security"),
            (RECORDS, "delegations/0/items", "not_authorised"),
        ),
        (
            RECORDS,
            lambda t: t["delegations"][0].update(to_districts=["440199"]),
            (RECORDS, "delegations/0/to_districts", "unknown_district"),
        ),
        (RECORDS, lambda t: t["delegations"].append(t["delegations"][0]), ("delegations", "", "repeated")),
        ("texts.yaml", lambda t: t["texts"].pop(0), ("texts.yaml", "texts", "missing_text")),
        (
            "texts.yaml",
            lambda t: t["texts"][2]["text"].update(en="Passed on to {organ}."),
            ("texts.yaml", "texts/2/text", "placeholders"),
        ),
    ],
)
def test_each_mistake_is_named_with_its_file_and_place(
    folder: Path, name: str, change: Callable[[Any], object], problem: tuple[str, str, str]
) -> None:
    alter(folder, name, change)
    assert problem in found(folder)


def test_a_key_given_twice_is_found(folder: Path) -> None:
    path = folder / "items/HR01.yaml"
    path.write_text(path.read_text("utf-8") + "\nmode: transfer\n", "utf-8")
    assert (HR, "", "unreadable") in found(folder)


def test_a_file_that_is_no_yaml_is_found(folder: Path) -> None:
    (folder / "items/HR01.yaml").write_text("{", "utf-8")
    assert (HR, "", "unreadable") in found(folder)


def test_a_file_that_asks_for_python_objects_is_refused(folder: Path) -> None:
    (folder / "items/HR01.yaml").write_text("!!python/object/apply:os.getcwd []", "utf-8")
    assert (HR, "", "unreadable") in found(folder)


def test_a_missing_file_and_an_empty_folder_are_found(folder: Path) -> None:
    (folder / "blocks.yaml").unlink()
    shutil.rmtree(folder / "delegations")
    assert {("blocks.yaml", "", "unreadable"), ("delegations", "", "empty")} <= found(folder)


def test_two_files_with_one_version_are_found(folder: Path) -> None:
    shutil.copy(folder / "items/HR01.yaml", folder / "items/HR01@1.yaml")
    assert ("items", "version", "repeated") in found(folder)


def test_an_earlier_version_stays_beside_the_current_one(folder: Path) -> None:
    shutil.copy(folder / "items/HR01.yaml", folder / "items/HR01@1.yaml")
    alter(folder, "items/HR01.yaml", lambda tree: tree.update(version=2))
    catalogue = load(folder)
    assert catalogue.item("HR01").version == 2
    assert catalogue.item("HR01", 1).form.version == 1
    assert catalogue.item("HR01", 1).digest != catalogue.item("HR01").digest


def test_an_item_is_added_by_a_file_alone(folder: Path) -> None:
    def become(tree: Any) -> None:
        tree.update(id="HR09", name={"zh": "失业登记", "en": "Registration of unemployment"})
        tree.update(synonyms={"zh": ["没有工作了"], "en": ["lost my job"]})

    shutil.copy(folder / "items/HR01.yaml", folder / "items/HR09.yaml")
    alter(folder, "items/HR09.yaml", become)
    assert load(folder).item("HR09").name.zh == "失业登记"


def test_a_catalogue_with_problems_is_not_loaded(folder: Path) -> None:
    alter(folder, "items/HR01.yaml", lambda tree: tree.update(case_speed="committed"))
    with pytest.raises(BadInput, match="catalogue_invalid") as caught:
        load(folder)
    assert "items/HR01.yaml:clocks/promised" in caught.value.values["problems"][0]


def test_the_digest_of_an_item_changes_with_a_shared_block(folder: Path) -> None:
    before = load(folder).item("HR01").digest
    alter(folder, "blocks.yaml", lambda tree: tree["blocks"]["applicant"]["title"].update(zh="申请者"))
    assert load(folder).item("HR01").digest != before
