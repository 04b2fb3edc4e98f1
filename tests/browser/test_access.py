"""What a machine can tell about the pages' accessibility: axe-core finds nothing serious, in both themes."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.gallery import hung
from tests.browser.walk import DESKTOP, PHONE, chromium
from tests.pages.environment import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

AXE: Final = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
SERIOUS: Final = ("serious", "critical")
CITIZEN: Final = (
    *(
        "home",
        "found",
        "item-HR01",
        "start-wrong",
        "confirm",
        "confirm-several",
        "visit-several",
        "visit-several_in_call",
        "visit-several_ended",
        "visit-waiting",
        "visit-called",
        "visit-in_call",
    ),
    *(
        "visit-signing",
        "visit-ended",
        "case-to-correct",
        "verify-found",
        "error",
        "left-form-filling",
        "instead-closed",
    ),
)
STAFF: Final = (
    *("sign-in-wrong", "demo", "desk-idle", "desk-offered", "desk-in_call", "desk-received", "desk-wrap_up"),
    *("desk-several_offered", "desk-several", "desk-several_wrap_up"),
    *("inbox", "case-wrong", "case-deciding", "board", "left-forms", "left-form-mine"),
)
PAGES: Final = [
    *((f"citizen/{name}", PHONE) for name in CITIZEN),
    *((f"staff/{name}", DESKTOP) for name in STAFF),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all pages."""
    async with chromium() as running:
        yield running


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("place", "size"), PAGES, ids=[place for place, _ in PAGES])
async def test_a_page_has_no_serious_finding(
    browser: Browser, place: str, size: dict[str, int], theme: str
) -> None:
    async with hung(browser, place, size, theme=theme) as page:
        await page.evaluate(AXE)
        found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [told(one) for one in found["violations"] if one["impact"] in SERIOUS] == []


def told(violation: dict[str, Any]) -> str:
    """One finding with the places it is about."""
    places = [f"{node['html'][:160]} {node.get('failureSummary', '')}" for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}\n  " + "\n  ".join(places)
