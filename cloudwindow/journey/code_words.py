"""What the text message with a one-time code says, in both languages."""

from cloudwindow.domain.catalogue import Text

CODE_TEXT = Text(
    zh="【云窗口】验证码 {code}，5 分钟内有效。工作人员不会向您索要验证码，请勿告诉他人。",
    en="[Cloud Window] Your code is {code}, valid for 5 minutes. Staff never ask for it; tell nobody.",
)
