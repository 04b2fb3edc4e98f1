"""Opening camera and microphone: every way it fails has its own word, and less is better than nothing."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Browser, async_playwright

from tests.browser.machine import CHROMIUM
from tests.browser.stage import ARGUMENTS, LIBRARY

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8"><title>devices</title>
<script type="module">import * as devices from "/lib/devices.js"; window.devices = devices;</script>"""

REFUSE = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => {
  const missing = Object.keys(wanted).find((kind) => window.refused[kind]);
  return missing ? Promise.reject(new DOMException("", window.refused[missing])) : real(wanted);
};
"""


@pytest.fixture
async def opened() -> AsyncIterator[tuple[Browser, int]]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_static("/lib", LIBRARY)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser, runner.addresses[0][1]
        await browser.close()
    await runner.cleanup()


async def test_what_can_be_opened_is_opened_and_the_reason_for_the_rest_is_told(
    opened: tuple[Browser, int],
) -> None:
    browser, port = opened
    page = await browser.new_page()
    await page.goto(f"http://127.0.0.1:{port}/")
    await page.wait_for_function("window.devices")
    await page.evaluate(f"() => {{ {REFUSE} }}")
    cases = [
        ({}, ("ok", True, True)),
        ({"video": "NotFoundError"}, ("no_camera", True, False)),
        ({"video": "NotAllowedError"}, ("permission_denied", True, False)),
        ({"video": "NotReadableError"}, ("device_busy", True, False)),
        ({"audio": "NotFoundError"}, ("no_device", False, True)),
        ({"audio": "NotFoundError", "video": "NotFoundError"}, ("no_device", False, False)),
        ({"audio": "NotAllowedError", "video": "NotAllowedError"}, ("permission_denied", False, False)),
    ]
    for refused, (reason, audio, video) in cases:
        found = await page.evaluate(
            """async (refused) => {
              window.refused = refused;
              const found = await devices.openDevices();
              const has = (kind) => Boolean(found.stream?.getTracks().some((track) => track.kind === kind));
              return [found.reason, found.audio, found.video, has("audio"), has("video")];
            }""",
            refused,
        )
        assert found == [reason, audio, video, audio, video], refused


async def test_another_camera_is_opened_by_name(opened: tuple[Browser, int]) -> None:
    browser, port = opened
    page = await browser.new_page()
    await page.goto(f"http://127.0.0.1:{port}/")
    await page.wait_for_function("window.devices")
    kind = await page.evaluate(
        """async () => {
          await devices.openDevices();
          const [camera] = (await devices.listDevices()).cameras;
          return (await devices.openCamera({ cameraId: camera.deviceId })).track?.kind;
        }"""
    )
    assert kind == "video"


async def test_a_page_without_https_is_told_so(opened: tuple[Browser, int]) -> None:
    browser, port = opened
    page = await browser.new_page()
    await page.goto(f"http://127.0.0.1:{port}/")
    await page.wait_for_function("window.devices")
    await page.evaluate("Object.defineProperty(globalThis, 'isSecureContext', { value: false })")
    found = await page.evaluate("devices.openDevices()")
    assert (found["reason"], found["stream"]) == ("insecure_origin", None)
