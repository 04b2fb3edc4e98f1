"""What a citizen's browser does with the pages: the wait, the device test, the call, photos, signature."""

import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.browser.citizen_hall import NAMES, Hall, open_hall, picture

pytestmark = pytest.mark.browser

TOO_WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((part) => part.getBoundingClientRect().right > innerWidth + 1)
  .filter((part) => !part.closest(".visually-hidden, .table-wrap"))
  .map((part) => part.className || part.tagName)"""
TARGETS = "button, summary, select, input:not([type=hidden]), a.button"
TOO_SMALL = """([targets, least]) => [...document.querySelectorAll(targets)]
  .map((part) => part.closest("label") ?? part)
  .filter((part) => !part.closest(".visually-hidden, .skip-link"))
  .map((part) => [part.className || part.tagName, part.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && box.height > 1 && box.height < least - 0.6)
  .map(([name, box]) => `${name} ${box.height}`)"""
# Of what browsers print, this is about us; a fake camera makes Chromium talk about itself.
IGNORED = ("Failed to load resource", "GPU", "AudioContext")


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with open_hall() as opened:
        yield opened


def complaints(hall: Hall) -> list[str]:
    """What the browser printed about our pages."""
    return [text for text in hall.complaints if not any(word in text for word in IGNORED)]


async def draw(page: Page) -> None:
    """Write something on the signature sheet."""
    pad = page.locator('[data-role="pad"]')
    await pad.scroll_into_view_if_needed()
    box: Any = await pad.bounding_box()
    x, y = box["x"] + 60, box["y"] + 60
    await page.mouse.move(x, y)
    await page.mouse.down()
    for step in range(12):
        await page.mouse.move(x + 12 * step, y + (30 if step % 2 else 0))
    await page.mouse.up()


async def test_every_page_fits_a_phone_and_every_target_a_finger(hall: Hall) -> None:
    page = await hall.enter("waiting")
    for name in NAMES:
        await page.goto(f"{hall.base}/pages/{name}")
        for text_size, least in (("standard", 44), ("large", 60)):
            await page.evaluate("(size) => (document.documentElement.dataset.textSize = size)", text_size)
            assert await page.evaluate(TOO_WIDE) == [], (name, text_size)
            assert await page.evaluate(TOO_SMALL, [TARGETS, least]) == [], (name, text_size)
    assert complaints(hall) == []


async def test_the_text_size_changes_in_place_and_is_remembered(hall: Hall) -> None:
    page = await hall.enter("waiting")
    await page.evaluate("window.stayed = true")
    await page.get_by_role("button", name="关怀版").click()
    await expect(page.locator("html")).to_have_attribute("data-text-size", "large")
    assert (await hall.got("/preferences"))["text_size"] == "large"
    assert await page.evaluate("window.stayed") is True
    await expect(page.get_by_role("button", name="标准版")).to_be_focused()


async def test_the_theme_changes_in_place(hall: Hall) -> None:
    page = await hall.enter("waiting", color_scheme="light")
    before = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.get_by_role("button", name="深色显示").click()
    after = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert before != after
    await expect(page.get_by_role("button", name="浅色显示")).to_be_visible()


async def test_the_place_in_the_line_follows_the_server(hall: Hall) -> None:
    page = await hall.enter("waiting")
    await hall.tell("place.changed", ahead=1, low_minutes=2, high_minutes=4, agents=5)
    await expect(page.locator('[data-role="ahead"]')).to_have_text("1")
    await expect(page.locator('[data-role="range"]')).to_have_text("2–4")
    await hall.tell("place.changed", ahead=0, low_minutes=None, high_minutes=None, agents=1)
    await expect(page.locator('[data-role="state"]')).to_have_text("下一位就是您")


async def test_a_place_is_held_and_taken_up_again_without_leaving_the_page(hall: Hall) -> None:
    page = await hall.enter("waiting")
    await page.evaluate("window.stayed = true")
    hall.name = "held"
    await page.get_by_role("button", name="20 分钟后").click()
    assert (await hall.got("/visit/hold"))["minutes"] == "20"
    await expect(page.locator('[data-role="state"]')).to_contain_text("起叫您")
    await hall.tell("place.changed", ahead=2, low_minutes=2, high_minutes=4, agents=5)
    await expect(page.locator('[data-role="ahead"]')).to_have_text("2")
    await expect(page.locator('[data-role="state"]')).to_contain_text("起叫您")
    hall.name = "waiting"
    await page.get_by_role("button", name="我回来了").click()
    assert (await hall.got("/visit/callback"))["wanted"] == "0"
    await expect(page.locator('[data-role="state"]')).to_have_text("正在排队，请留意本页")
    assert await page.evaluate("window.stayed") is True


async def test_a_near_turn_is_said_in_the_title_too(hall: Hall) -> None:
    page = await hall.enter("waiting")
    hall.name = "nearly"
    await hall.tell("panel.changed", panels=["ticket"])
    await expect(page).to_have_title(re.compile("马上轮到您"))
    await hall.tell("panel.changed", panels=["ticket"])
    await expect(page.locator('[data-role="nearly"]')).to_be_visible()
    assert (await page.title()).count("马上轮到您") == 1
    hall.name = "called"
    await hall.tell("stage.changed", stage="called", version=4, session="s", peer_online=True)
    await expect(page).not_to_have_title(re.compile("马上轮到您"))


async def test_the_device_test_sees_its_echo_and_reports_it(hall: Hall) -> None:
    page = await hall.enter("waiting")
    await page.get_by_role("button", name="测试摄像头和声音").click()
    report = await hall.heard("device.report")
    assert (report["camera"], report["microphone"], report["echo"]) == ("ok", "ok", True)
    await expect(page.locator('[data-role="test-words"]')).to_have_text("一切正常：看得见，也听得到您。")


async def test_the_open_devices_of_the_test_go_straight_into_the_call(hall: Hall) -> None:
    page = await hall.enter("waiting")
    await page.get_by_role("button", name="测试摄像头和声音").click()
    await hall.heard("device.report")
    hall.name = "called"
    await hall.tell("stage.changed", stage="called", version=4, session="s", peer_online=True)
    await hall.heard("call.offer", lambda message: message["purpose"] == "call")
    await expect(page.locator('[data-role="test-start"]')).to_be_hidden()


async def test_one_press_starts_the_call_and_both_pictures_are_shown(hall: Hall) -> None:
    page = await hall.enter("called")
    await page.get_by_role("button", name="开始通话").click()
    hall.name = "in_call"
    await hall.tell("stage.changed", stage="in_call", version=4, session="s", peer_online=True)
    await expect(page.locator('[data-role="self"]')).to_be_visible()
    await expect(page.locator('[data-role="remote"]')).to_be_visible()
    await expect(page.locator(".video-stage")).to_have_attribute("data-frames", re.compile("^[1-9]"))
    await page.locator('[data-role="microphone"]').click()
    await expect(page.locator('[data-role="microphone"]')).to_have_text("取消静音")
    devices = await hall.heard("call.devices", lambda message: not message["microphone"])
    assert devices["camera"] is True


async def test_an_invitation_that_comes_by_two_nodes_is_answered_once(hall: Hall) -> None:
    page = await hall.enter("in_call")
    await hall.tell("stage.changed", stage="in_call", version=4, session="s", peer_online=True)
    await expect(page.locator(".video-stage")).to_have_attribute("data-frames", re.compile("^[1-9]"))
    offer = await page.evaluate(
        """async () => {
          const connection = new RTCPeerConnection();
          connection.addTransceiver("audio", { direction: "sendonly" });
          return (await connection.createOffer()).sdp;
        }"""
    )
    for number in (7, 7):
        await hall.tell("call.receive", session="s", number=number, sdp=offer, fresh=True)
    await hall.heard("call.receiving")
    await hall.tell("call.receive", session="s", number=8, sdp=offer, fresh=True)
    await hall.heard("call.receiving", lambda message: message["number"] == 8)
    told = [message for message in hall.said if message["type"] == "call.receiving"]
    assert [message["number"] for message in told] == [7, 8]
    assert all(message["sdp"].startswith("v=0") for message in told)


async def test_hanging_up_asks_first_and_tells_the_server(hall: Hall) -> None:
    page = await hall.enter("in_call")
    await hall.tell("stage.changed", stage="in_call", version=4, session="s", peer_online=True)
    await hall.heard("call.offer")
    await page.locator('[data-role="hang-up"]').click()
    await page.get_by_role("button", name="继续通话").click()
    assert not [message for message in hall.said if message["type"] == "call.hang_up"]
    await page.locator('[data-role="hang-up"]').click()
    await page.locator('[data-role="hang-up-yes"]').click()
    await hall.heard("call.hang_up")


async def test_a_proposed_answer_counts_only_when_the_citizen_confirms_it(hall: Hall) -> None:
    page = await hall.enter("in_call")
    await page.locator('[data-field="start_date"] [data-role="confirm"]').click()
    confirmed = await hall.heard("form.confirm")
    assert (confirmed["field"], confirmed["version"]) == ("start_date", 1)


async def test_a_written_line_is_sent_and_shown_once(hall: Hall) -> None:
    page = await hall.enter("in_call")
    await page.locator("#chat-text").fill("听得到吗？")
    await page.locator("#chat-text").press("Enter")
    assert (await hall.heard("chat.say"))["text"] == "听得到吗？"
    for _ in range(2):
        await hall.tell(
            "chat.said", id=7, author="citizen", name="陈*岚", text="听得到吗？", at_ms=1_795_420_000_000
        )
    await hall.tell("chat.said", id=8, author="agent", name="林敏", text="听得到。", at_ms=1_795_420_001_000)
    await expect(page.locator(".chat__text", has_text="听得到。")).to_be_visible()
    await expect(page.locator(".chat__text", has_text="听得到吗？")).to_have_count(1)
    await expect(page.locator("#chat-text")).to_have_value("")


async def test_a_photo_is_made_smaller_and_sent_at_once(hall: Hall) -> None:
    page = await hall.enter("waiting")
    rule = page.locator('.paper:has([data-role="upload"])').first
    path = "/visit/materials/" + str(await rule.get_attribute("id")).removeprefix("field-")
    photo = {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": picture(4032, 3024)}
    await rule.locator('input[type="file"]').set_input_files(photo)  # type: ignore[arg-type]
    sent = Image.open(BytesIO((await hall.got(path))["file"]))
    assert (sent.format, sent.size) == ("JPEG", (2200, 1650))


async def test_a_photo_that_is_refused_says_why(hall: Hall) -> None:
    page = await hall.enter("waiting")
    rule = page.locator('.paper:has([data-role="upload"])').first
    path = "/visit/materials/" + str(await rule.get_attribute("id")).removeprefix("field-")
    hall.refuse[path] = "这不是照片，请重新选择。"
    await rule.locator('input[type="file"]').set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"nothing"}
    )
    await expect(rule.locator('[data-role="upload-error"]')).to_have_text("这不是照片，请重新选择。")


async def test_a_declaration_is_confirmed_at_the_tick(hall: Hall) -> None:
    page = await hall.enter("reading")
    boxes = page.locator('[data-role="declarations"] input[type="checkbox"]')
    await boxes.nth(1).check()
    message = await hall.heard("declaration.confirm")
    assert message["confirmed"] is True
    assert message["key"] == await boxes.nth(1).get_attribute("value")


async def test_a_drawn_signature_survives_a_renewed_panel_and_is_sent(hall: Hall) -> None:
    page = await hall.enter("signing")
    await page.locator("#field-code").fill("246810")
    await draw(page)
    await expect(page.locator('[data-role="signature"]')).to_have_attribute("data-signed", "")
    await page.evaluate("document.querySelector('[data-role=signing]').dataset.old = ''")
    await hall.tell("panel.changed", panels=["signature"])
    await expect(page.locator('[data-role="signing"][data-old]')).to_have_count(0)
    await expect(page.locator('[data-role="signature"]')).to_have_attribute("data-signed", "")
    await page.get_by_role("button", name="确认签名").click()
    body = await hall.got("/visit/sign")
    assert (body["code"], body["sha256"]) == ("246810", "ab" * 32)
    assert body["drawing"].startswith("data:image/png;base64,")
    assert len(body["drawing"]) > 2_000


async def test_an_empty_sheet_is_not_signed(hall: Hall) -> None:
    page = await hall.enter("signing")
    await page.locator("#field-code").fill("246810")
    await page.get_by_role("button", name="确认签名").click()
    await expect(page.locator('[data-role="sign-error"]')).to_have_text("请先在上面的框里写下您的名字。")
    assert [path for path, _ in hall.posted if path == "/visit/sign"] == []


async def test_the_secret_of_a_link_leaves_the_address_and_is_posted(hall: Hall) -> None:
    page = await hall.enter("waiting", address="/pages/resume#k3f9q2m7")
    assert (await hall.got("/resume"))["secret"] == "k3f9q2m7"
    assert "#" not in await page.evaluate("location.href")


async def test_only_the_streets_of_the_chosen_district_are_offered(hall: Hall) -> None:
    page = await hall.enter("waiting", address="/pages/start")
    await page.locator("#field-home_district").select_option("440114")
    shown = await page.locator("#field-home_street optgroup:not([hidden])").evaluate_all(
        "(groups) => groups.map((group) => group.dataset.district)"
    )
    assert shown == ["440114"]


async def test_without_a_script_every_stage_can_still_be_read_and_left(hall: Hall) -> None:
    page = await hall.enter("waiting", java_script_enabled=False)
    await expect(page.locator(".ticket-card__number")).to_have_text("H027")
    await page.locator("summary", has_text="我不想等了").click()
    await page.get_by_role("button", name="取消排队").click()
    await hall.got("/visit/leave")
