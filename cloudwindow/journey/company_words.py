"""What a text message says to somebody who is invited into a call, in both languages."""

from collections.abc import Mapping

from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.third_party import Kind

INVITED_AS: Mapping[Kind, Text] = {
    Kind.INTERPRETER: Text(zh="翻译", en="interpreter"),
    Kind.FAMILY: Text(zh="家属", en="family member"),
    Kind.PRINCIPAL: Text(zh="委托人", en="principal"),
    Kind.EXPERT: Text(zh="专家", en="expert"),
    Kind.LOCAL_COUNTER: Text(zh="属地窗口", en="local counter"),
}
INVITATION = Text(
    zh="【云窗口】窗口工作人员{agent}邀请您以{kind}身份加入视频通话，请在 {minutes} 分钟内打开链接：{link}",
    en="[Cloud Window] {agent} invites you to a video call as {kind}. Open within {minutes} minutes: {link}",
)
