"""
Read what was typed into the one canonical value of each field type, or refuse it by a code.

Standards: GB 11643 (identity numbers), GB 32100 (unified social
credit codes), ISO/IEC 7812 (card numbers), GB/T 2260 (regions).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from cloudwindow.domain.catalogue import Field, FieldType
from cloudwindow.domain.errors import NotFound

Value: TypeAlias = str | bool | list[str] | dict[str, str]
"""What a field can hold once it has been read; every value can be written as JSON."""


class Wrong(Exception):
    """A value is refused: ``code`` says why, ``params`` fill the sentence; ``fields.check`` tells people."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = {name: str(param) for name, param in params.items()}


def tidy(raw: object) -> object:
    """Bring typed text to NFC without outer spaces, lines ended by ``\\n``; other shapes stay as they are."""
    return unicodedata.normalize("NFC", raw).replace("\r\n", "\n").strip() if isinstance(raw, str) else raw


def _string(typed: object) -> str:
    if not isinstance(typed, str):
        raise Wrong("wrong_shape")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co") for letter in typed if letter != "\n"):
        raise Wrong("control_characters")
    return typed


def _compact(typed: object) -> str:
    """
    Return a code in half-width capitals without the spaces and hyphens people type.

    Numbers copied from a phone's contacts come wrapped in invisible marks of direction: they go too.
    """
    if not isinstance(typed, str):
        raise Wrong("wrong_shape")
    shown = "".join(letter for letter in typed if unicodedata.category(letter) != "Cf")
    return re.sub(r"[\s\-\u2010-\u2015]", "", unicodedata.normalize("NFKC", _string(shown)).upper())


def _text(question: Field, typed: object) -> str:
    return _string(typed)


# The middle dot of names of national minorities is typed in many ways; GB 18030 names use U+00B7.
_MIDDLE_DOTS = str.maketrans({"•": "·", "・": "·", "‧": "·", "∙": "·", "．": "·"})
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[·'’. \-]){1,49}")


def _name(question: Field, typed: object) -> str:
    text = re.sub(r"\s+", " ", _string(typed).translate(_MIDDLE_DOTS))
    if not _NAME.fullmatch(text):
        raise Wrong("name_characters")
    return text


# GB 11643-1999: weights 2^(17-i) mod 11, and the character for each remainder.
_IDNO_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDNO_CHECK = "10X98765432"
# GB/T 2260: the provinces by the tens of their codes, and 81 to 83 for the residence permits of Hong Kong,
# Macao and Taiwan residents.
_REGIONS = frozenset(
    str(number)
    for tens in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for number in range(tens[0], tens[1] + 1)
)


def _idno(question: Field, typed: object) -> str:
    text = _compact(typed)
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        raise Wrong("idno_format")
    if text[:2] not in _REGIONS:
        raise Wrong("idno_region")
    if _birthday(text) is None:
        raise Wrong("idno_date")
    if idno_check_character(text[:17]) != text[17]:
        raise Wrong("idno_check_digit")
    return text


def idno_check_character(first17: str) -> str:
    """Return the 18th character for the first 17 digits of an identity number (GB 11643)."""
    total = sum(weight * int(digit) for weight, digit in zip(_IDNO_WEIGHTS, first17, strict=True))
    return _IDNO_CHECK[total % 11]


def _birthday(idno: str) -> date | None:
    try:
        day = date(int(idno[6:10]), int(idno[10:12]), int(idno[12:14]))
    except ValueError:
        return None
    return day if day.year >= 1880 else None


def birthday(idno: str) -> date:
    """Return the date of birth in a valid identity number. Raises ValueError when there is none."""
    day = _birthday(idno)
    if day is None:
        raise ValueError("no date of birth")
    return day


def age(born: date, on: date) -> int:
    """Return the full years of age on the day ``on``; somebody born on 29 February turns on 1 March."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


# GB 32100-2015: 31 characters without I, O, S, V, Z; weights 3^i mod 31.
_USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def _uscc(question: Field, typed: object) -> str:
    text = _compact(typed)
    if len(text) != 18 or any(letter not in _USCC_LETTERS for letter in text):
        raise Wrong("uscc_format")
    if uscc_check_character(text[:17]) != text[17]:
        raise Wrong("uscc_check_character")
    if question.limits.prefixes and not text.startswith(question.limits.prefixes):
        raise Wrong("uscc_kind")
    return text


def uscc_check_character(first17: str) -> str:
    """Return the 18th character of a unified social credit code (GB 32100)."""
    total = sum(_USCC_LETTERS.index(letter) * pow(3, place, 31) for place, letter in enumerate(first17))
    return _USCC_LETTERS[-total % 31]


def _mobile(question: Field, typed: object) -> str:
    text = re.sub(r"^(?:\+|00)86", "", _compact(typed))
    if not re.fullmatch(r"1[3-9][0-9]{9}", text):
        raise Wrong("mobile_format")
    return text


def _date(question: Field, typed: object) -> str:
    text = unicodedata.normalize("NFKC", _string(typed))
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", text, re.ASCII) or re.fullmatch(
        r"(\d{4})(\d\d)(\d\d)", text, re.ASCII
    )
    if not found:
        raise Wrong("date_format")
    year, month, day = (int(part) for part in found.groups())
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise Wrong("date_format") from None


def _month(question: Field, typed: object) -> str:
    text = unicodedata.normalize("NFKC", _string(typed))
    found = re.fullmatch(r"(\d{4})[-/.年]?(\d{1,2})月?", text, re.ASCII)
    if not found or not 1 <= int(found[2]) <= 12 or not 1880 <= int(found[1]) <= 2200:
        raise Wrong("month_format")
    return f"{int(found[1]):04}-{int(found[2]):02}"


def _money(question: Field, typed: object) -> str:
    text = re.sub(r"[,，元¥\s]", "", unicodedata.normalize("NFKC", _string(typed)))
    if not re.fullmatch(r"-?\d{1,12}(\.\d{1,2})?", text, re.ASCII):
        raise Wrong("money_format")
    amount = Decimal(text)
    if amount <= 0:
        raise Wrong("money_not_positive")
    return f"{amount:.2f}"


def _enum(question: Field, typed: object) -> str:
    if not isinstance(typed, str) or question.option(typed) is None:
        raise Wrong("not_an_option")
    return typed


def _enums(question: Field, typed: object) -> list[str]:
    chosen = [typed] if isinstance(typed, str) else typed
    if not isinstance(chosen, list):
        raise Wrong("wrong_shape")
    if any(question.option(choice) is None for choice in chosen):
        raise Wrong("not_an_option")
    return [option.value for option in question.options if option.value in chosen]


def _parts(typed: object, names: tuple[str, ...]) -> list[str]:
    """Return the named strings of a compound value, tidied; absent ones are empty."""
    if not isinstance(typed, Mapping) or not set(typed) <= set(names):
        raise Wrong("wrong_shape")
    return [_string(tidy(typed.get(name, ""))) for name in names]


def _addr(question: Field, typed: object) -> dict[str, str]:
    district_code, street_code, detail = _parts(typed, ("district", "street", "detail"))
    district = next((district for district in question.districts if district.code == district_code), None)
    if district is None:
        raise Wrong("addr_district")
    try:
        district.street(street_code)
    except NotFound:
        raise Wrong("addr_street") from None
    if len(detail) < 2:
        raise Wrong("addr_detail")
    if len(detail) > 100:
        raise Wrong("too_long", most=100)
    return {"district": district_code, "street": street_code, "detail": detail}


def _bank(question: Field, typed: object) -> dict[str, str]:
    bank, account = _parts(typed, ("bank", "account"))
    if question.option(bank) is None:
        raise Wrong("bank_unknown")
    account = _compact(account)
    if not re.fullmatch(r"[0-9]{12,19}", account):
        raise Wrong("bank_account_format")
    if _has_luhn(account) and not luhn(account):
        raise Wrong("bank_account_check_digit")
    return {"bank": bank, "account": account}


def _has_luhn(account: str) -> bool:
    """Only cards carry the check digit of ISO/IEC 7812: UnionPay's begin with 62 and have 16 to 19 digits."""
    return account.startswith("62") and len(account) >= 16


def luhn(digits: str) -> bool:
    """Tell whether the last of ``digits`` is the Luhn check digit of the others (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


_YES = ("true", "on", "yes", "1", "是")
_NO = ("false", "off", "no", "0", "否")


def _bool(question: Field, typed: object) -> bool:
    word = typed.lower() if isinstance(typed, str) else typed
    if word is True or word in _YES:
        return True
    if word is False or word in _NO:
        return False
    raise Wrong("wrong_shape")


READERS: Mapping[FieldType, Callable[[Field, object], Value]] = {
    FieldType.NAME: _name,
    FieldType.IDNO: _idno,
    FieldType.USCC: _uscc,
    FieldType.MOBILE: _mobile,
    FieldType.DATE: _date,
    FieldType.MONTH: _month,
    FieldType.MONEY: _money,
    FieldType.ENUM: _enum,
    FieldType.ENUMS: _enums,
    FieldType.ADDR: _addr,
    FieldType.BANK: _bank,
    FieldType.BOOL: _bool,
    FieldType.TEXT: _text,
}
