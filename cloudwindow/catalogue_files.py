"""
Read the catalogue from its files.

``lint`` reports every problem with its file and its place in it; ``load`` builds the frozen catalogue and
refuses files with problems. A folder holds ``schema.json``, ``blocks.yaml``, ``texts.yaml`` and the folders
``districts``, ``items`` and ``delegations``. Run as a program it lints the folders named.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from cloudwindow.domain.catalogue import Catalogue
from cloudwindow.domain.catalogue_rules import Problem, check
from cloudwindow.domain.catalogue_tree import Files, Tree, build
from cloudwindow.domain.errors import BadInput


def load(folder: Path) -> Catalogue:
    """Read the catalogue in ``folder``. Raises BadInput ``catalogue_invalid`` with the problems as values."""
    files, problems = _read(folder)
    problems = problems or check(files)
    if problems:
        raise BadInput("catalogue_invalid", {"problems": [str(problem) for problem in problems]})
    return build(files)


def lint(folder: Path) -> list[Problem]:
    """Return every problem of the catalogue in ``folder``; shapes first, and the rest only when they fit."""
    files, problems = _read(folder)
    return problems or check(files)


# libyaml reads ten times faster; both are safe loaders.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]  # the C loader has no types
    """YAML with text, numbers, true, false and null only: no dates, no ``yes``, no key given twice."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] in ("int", "null")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in made:
            raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class _Reader:
    """Parses the files of one folder and gathers what is wrong with their shapes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schema = json.loads((folder / "schema.json").read_text("utf-8"))
        self.problems: list[Problem] = []

    def one(self, name: str, kind: str) -> Tree:
        """Return the file ``name`` parsed; ``kind`` is its part of the schema."""
        try:
            tree = yaml.load((self._folder / name).read_text("utf-8"), _Loader)  # noqa: S506 safe, see above
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            message = " ".join(str(error).split())
            self.problems.append(Problem(file=name, place="", code="unreadable", message=message))
            return {}
        self.problems.extend(_shape(self._schema, kind, name, tree))
        return tree if isinstance(tree, dict) else {}

    def all_in(self, part: str, kind: str) -> dict[str, Tree]:
        """Return every file of the folder ``part`` parsed, by name."""
        names = [f"{part}/{path.name}" for path in sorted((self._folder / part).glob("*.yaml"))]
        if not names:
            message = "There is no file here."
            self.problems.append(Problem(file=part, place="", code="empty", message=message))
        return {name: self.one(name, kind) for name in names}


def _read(folder: Path) -> tuple[Files, list[Problem]]:
    reader = _Reader(folder)
    files = Files(
        blocks=reader.one("blocks.yaml", "blocks_file"),
        texts=reader.one("texts.yaml", "texts_file"),
        districts=reader.all_in("districts", "district_file"),
        items=reader.all_in("items", "item_file"),
        delegations=reader.all_in("delegations", "delegations_file"),
    )
    return files, reader.problems


def _shape(schema: Tree, kind: str, name: str, tree: object) -> Iterator[Problem]:
    """Yield where ``tree`` differs from the part ``kind`` of the schema."""
    validator = jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})
    for error in sorted(validator.iter_errors(tree), key=lambda error: list(map(str, error.absolute_path))):
        place = "/".join(map(str, error.absolute_path))
        yield Problem(file=name, place=place, code="schema", message=error.message[:300])


def main(folders: list[str]) -> int:
    """Print the problems of each folder; 0 when there are none."""
    problems = [problem for folder in folders for problem in lint(Path(folder))]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["catalogue"]))
