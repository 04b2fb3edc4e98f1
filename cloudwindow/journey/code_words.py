"""What the text message with a one-time code says, and in which language texts are written."""

from cloudwindow.domain.catalogue import Text

CODE_TEXT = Text(
    zh="【云窗口】验证码 {code}，5 分钟内有效。工作人员不会向您索要验证码，请勿告诉他人。",
    en="[Cloud Window] Your code is {code}, valid for 5 minutes. Staff never ask for it; tell nobody.",
)


def written_for(call_language: str) -> str:
    """The language of texts to somebody who chose ``call_language`` for the call."""
    return "en" if call_language == "en" else "zh-CN"
