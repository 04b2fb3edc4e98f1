"""What text messages say about a left form, in both languages."""

from collections.abc import Mapping

from cloudwindow.domain.catalogue import Text

MESSAGES: Mapping[str, Text] = {
    "left": Text(
        zh="【云窗口】已收下您留的{item}表格，编号 {number}，窗口人员最晚 {time} 查看。这还不是正式申请。"
        "查看、修改或撤回：{link}",
        en="[Cloud Window] Your form for {item} is here, number {number}. We look at it by {time}. It is not "
        "an application yet. See, change or withdraw it: {link}",
    ),
    "invited": Text(
        zh="【云窗口】您留的表格 {number}（{item}）已看过，工作人员给您留了话，请查看并取号或预约：{link}",
        en="[Cloud Window] We have looked at your form {number} ({item}) and left you a note. Please read "
        "it, then take a number or book a time: {link}",
    ),
    "expired": Text(
        zh="【云窗口】您留的表格 {number}（{item}）长时间没有继续，已经失效。"
        "仍要办理，可随时重新取号或预约。",
        en="[Cloud Window] Your form {number} ({item}) has ended, as it did not go on. You can take a number "
        "or book a time whenever you like.",
    ),
}
