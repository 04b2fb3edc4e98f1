"""The demo gateway keeps messages for the staff and tells them to nobody else."""

from cloudwindow.sms import DemoSms, SmsGateway


async def test_messages_are_kept_newest_first() -> None:
    sms = DemoSms()
    await sms.send("13800000001", "first", key="a", now=1.0)
    await sms.send("13800000002", "second", key="b", now=2.0)
    assert [(each.mobile, each.text, each.sent_at) for each in sms.sent()] == [
        ("13800000002", "second", 2.0),
        ("13800000001", "first", 1.0),
    ]


async def test_only_the_last_messages_are_kept() -> None:
    sms = DemoSms(keep=3)
    for place in range(5):
        await sms.send("13800000001", str(place), key=str(place), now=float(place))
    assert [each.text for each in sms.sent()] == ["4", "3", "2"]


async def test_what_comes_again_under_its_key_is_dropped() -> None:
    sms = DemoSms()
    await sms.send("13800000001", "first", key="a", now=1.0)
    await sms.send("13800000001", "first, told again", key="a", now=2.0)
    assert [(each.text, each.sent_at) for each in sms.sent()] == [("first", 1.0)]


async def test_a_kept_message_shows_neither_number_nor_text_when_printed() -> None:
    sms = DemoSms()
    await sms.send("13800000001", "code 482913", key="a", now=1.0)
    assert "138" not in repr(sms.sent())
    assert "482913" not in repr(sms.sent())


def test_the_demo_gateway_is_a_gateway() -> None:
    gateway: SmsGateway = DemoSms()
    assert gateway is not None
