"""
What people are told when something goes wrong: one sentence for each code, with a next step.

A test compares this table with every code raised in the house. Codes of the form's checks live in
``domain.fields.MESSAGES``.
"""

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.fields import MESSAGES
from cloudwindow.i18n import Texts


def N_(msgid: str) -> str:
    """Mark a sentence for translation; it is translated where it is told."""
    return msgid


SENTENCES: dict[str, str] = {}


def sentence(error: CloudWindowError, texts: Texts) -> str:
    """The sentence for ``error`` in the person's language."""
    msgid = SENTENCES.get(error.code) or MESSAGES.get(error.code) or UNKNOWN
    told = texts.gettext(msgid)
    try:
        return told % {name: str(value) for name, value in error.values.items()} if "%(" in told else told
    except KeyError:
        return told


UNKNOWN = N_("This did not work. Please try again; if it happens again, call 12345.")
