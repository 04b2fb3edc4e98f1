"""The first visitor of a page waits no longer than the second."""

from pathlib import Path
from types import CodeType

import pytest
from jinja2 import Environment

from cloudwindow.handlers.pages import Look, Pages


def test_after_warming_no_page_has_to_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Pages(web_dir=Path("web"), demo=True)
    pages.warm()

    def compiled(*_: object, **__: object) -> None:
        raise AssertionError("a template was compiled for a visitor")

    monkeypatch.setattr(Environment, "compile", compiled)
    for language in ("zh-CN", "en"):
        page, _ = pages.render("citizen/resume.html", Look(language=language), "/resume")
        assert "<html" in page


def test_no_language_is_given_the_words_that_were_compiled_for_another() -> None:
    """``"ok"|label(...)`` is worked out by the compiler, so what is kept of a template knows a language."""
    pages = Pages(web_dir=Path("web"), demo=True)
    pages.warm()
    written = {
        language: environment.from_string('{{ "idle"|label("agent_state") }}').render()
        for language, environment in pages._environments.items()
    }
    compiled = {
        language: repr([code.co_consts for code in codes_of(environment, "agent/panels/status.html")])
        for language, environment in pages._environments.items()
    }
    assert written["en"] != written["zh-CN"]
    assert written["en"] in compiled["en"]
    assert written["zh-CN"] in compiled["zh-CN"]
    assert written["zh-CN"] not in compiled["en"]


def codes_of(environment: Environment, name: str) -> list[CodeType]:
    """The code of a kept template and of its blocks."""
    template = environment.get_template(name)
    return [template.root_render_func.__code__, *(block.__code__ for block in template.blocks.values())]
