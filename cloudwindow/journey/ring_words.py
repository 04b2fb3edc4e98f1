"""What text messages say to somebody who waits away from the page, in both languages."""

from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey.code_words import written_for

NEARLY_TEXT = Text(
    zh="【云窗口】{number} 号快轮到您了，请准备好接听。打开链接即可：{link}",
    en="[Cloud Window] Number {number}: it is nearly your turn. Please be ready; open {link}",
)
ABSENT_TEXT = Text(
    zh="【云窗口】{number} 号快轮到您了。您已离开页面，请尽快打开链接回来，否则不会叫到您：{link}",
    en="[Cloud Window] Number {number}: it is nearly your turn. You left the page and cannot be called until "
    "you open {link}",
)
RING_TEXT = Text(
    zh="【云窗口】轮到 {number} 号了，窗口工作人员正在等您，请在 {minutes} 分钟内打开链接接听：{link}",
    en="[Cloud Window] It is your turn, number {number}. Answer within {minutes} minutes: {link}",
)


def filled(text: Text, ticket: Ticket, link: str, *, minutes: int = 0) -> str:
    """``text`` about ``ticket`` in the language its citizen chose for the call."""
    spoken = text.in_language(written_for(ticket.language))
    return spoken.format(number=ticket.number, link=link, minutes=minutes)
