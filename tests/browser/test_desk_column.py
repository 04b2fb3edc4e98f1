"""The column of the call on the desk: picture and messages stay, and cover nothing of what is between."""

from typing import Final

import pytest
from playwright.async_api import Browser

from tests.browser.gallery import hung
from tests.browser.walk import DESKTOP

pytestmark = pytest.mark.browser

WITH_A_THIRD_PICTURE: Final = """() => {
  for (const more of document.querySelectorAll("#pane-call details")) more.open = true;
  const tiles = document.querySelector("#pane-call .call-tiles");
  tiles.innerHTML = "<figure class='call-tiles__tile' data-kind='interpreter'><video></video></figure>";
  tiles.hidden = false;
}"""
COVERED: Final = """() => [...document.querySelectorAll("#pane-call *")]
  .filter((part) => part.matches("button, input, select, summary, textarea"))
  .filter((part) => part.checkVisibility() && part.type !== "checkbox" && !part.disabled)
  .filter((part) => {
    part.focus();
    const { x, y, width, height } = part.getBoundingClientRect();
    const seen = document.elementFromPoint(x + width / 2, y + height / 2);
    return seen !== part && !part.contains(seen);
  })
  .map((part) => part.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("place", ["staff/desk-company-0", "staff/desk-company-1"])
@pytest.mark.parametrize("height", [900, 720])
async def test_what_takes_the_focus_beside_a_call_of_three_is_in_sight(
    browser: Browser, place: str, height: int
) -> None:
    async with hung(browser, place, DESKTOP | {"height": height}) as page:
        await page.wait_for_selector("#pane-call .call-tiles", state="attached")
        await page.wait_for_selector("dialog[open]")  # a gallery has no camera, and the desk says so
        await page.evaluate("document.querySelector('dialog[open]').close()")
        await page.evaluate(WITH_A_THIRD_PICTURE)
        assert await page.evaluate(COVERED) == []
