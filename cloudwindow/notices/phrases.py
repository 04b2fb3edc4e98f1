"""What each kind of notice says, as English sentences; their Chinese stands in ``notices.po``."""

from typing import Final

from cloudwindow.domain.application import Verdict
from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.notice import Holder, Kind, Notice, PaperForm
from cloudwindow.notices.words import day_words, moment_words, words


def _(msgid: str) -> str:
    """Mark a sentence for the translation catalogue; it is looked up when the notice is printed."""
    return msgid


TITLES: Final = {
    Kind.RECEIPT_SLIP: _("Receipt for Papers"),
    Kind.CERTIFICATE: _("Certificate"),
    Kind.CONFIRMATION_RESULT: _("Confirmation Result"),
    Kind.ACCEPTANCE_NOTICE: _("Notice of Acceptance"),
    Kind.CORRECTION_NOTICE: _("Notice of Papers to Supply"),
    Kind.NON_ACCEPTANCE_NOTICE: _("Notice of Non-acceptance"),
    Kind.APPROVAL: _("Decision to Approve"),
    Kind.DENIAL: _("Decision to Deny"),
}

OPENINGS: Final = {
    Kind.RECEIPT_SLIP: _(
        'On %(received)s we received the papers listed below for "%(item)s". This receipt confirms only that '
        "they have arrived; it does not yet mean that the application is accepted."
    ),
    Kind.CERTIFICATE: _('This is to certify the following particulars, registered under "%(item)s".'),
    Kind.CONFIRMATION_RESULT: _(
        'The particulars for "%(item)s" have been checked and confirmed. The result is as follows.'
    ),
    Kind.ACCEPTANCE_NOTICE: _(
        'Your application for "%(item)s" is complete and in the required form. We accepted it on '
        "%(accepted)s and will decide no later than %(due)s."
    ),
    Kind.CORRECTION_NOTICE: _(
        'We have examined your application for "%(item)s". What is listed below still needs to be '
        "supplied. This is the whole list, told to you once. Please send it by %(reply)s (that day "
        "included); your case number stays the same."
    ),
    Kind.NON_ACCEPTANCE_NOTICE: _(
        'We have examined your application for "%(item)s" and cannot accept it, for the reasons given below.'
    ),
    Kind.APPROVAL: _(
        'We have examined your application for "%(item)s". It meets the conditions and standards laid down, '
        "and we decide to approve it."
    ),
    Kind.DENIAL: _(
        'We have examined your application for "%(item)s". It does not meet the conditions and standards '
        "laid down, and we decide not to approve it, for the reasons given below."
    ),
}

PAPER_HEADINGS: Final = {
    Kind.CORRECTION_NOTICE: _("To be supplied"),
    Kind.ACCEPTANCE_NOTICE: _("Papers accepted"),
}

FORMS: Final = {
    PaperForm.SHOWN: _("Original shown, photographed"),
    PaperForm.SCAN: _("Photograph or scan"),
    PaperForm.ORIGINAL: _("Paper original"),
    PaperForm.GENERATED: _("Made from the form"),
    PaperForm.ELECTRONIC: _("Electronic certificate"),
}

HOLDERS: Final = {
    Holder.APPLICANT: _("Applicant"),
    Holder.WINDOW: _("Receiving window"),
    Holder.ORGAN: _("Deciding organ"),
    Holder.SYSTEM: _("Electronic case file"),
}

VERDICTS: Final = {
    Verdict.PENDING: _("Not yet checked"),
    Verdict.OK: _("In order"),
    Verdict.BLURRY: _("Blurred"),
    Verdict.CROPPED: _("Incomplete"),
    Verdict.EXPIRED: _("Expired"),
    Verdict.WRONG_DOC: _("Not the paper needed"),
    Verdict.MISMATCH: _("Differs from the form"),
    Verdict.UNSIGNED: _("Not signed"),
    Verdict.NEED_ORIGINAL: _("Original to be sent"),
    Verdict.DEFERRED: _("May follow later"),
}


def title(notice: Notice) -> Text:
    """Return the title of the paper itself."""
    return notice.title or words(TITLES[notice.kind])


def opening(notice: Notice) -> Text:
    """Return the sentence that carries the act."""
    values: dict[str, Text | str] = {"item": notice.item}
    if notice.received_at is not None:
        values["received"] = moment_words(notice.received_at)
    if notice.accepted_at is not None:
        values["accepted"] = moment_words(notice.accepted_at)
    if notice.due_on is not None:
        values["due"] = day_words(notice.due_on)
    if notice.reply_by is not None:
        values["reply"] = day_words(notice.reply_by)
    return words(OPENINGS[notice.kind], **values)
