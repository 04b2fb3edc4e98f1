"""
What a form field accepts, how its value is stored, shown, masked and read back.

``check`` turns what was typed into the one canonical, JSON-able value or says what is wrong by a stable code;
an error never repeats what was typed. The same rules serve the citizen's page, the agent's desk and the PDF.

Canonical values: text kinds are strings; dates ``2026-11-23``; months ``2026-11``; money ``"1234.50"``;
several choices a list in the order of the options; an address ``{"district", "street", "detail"}``; an
account ``{"bank", "account"}``; yes/no a boolean.
"""

import calendar
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from cloudwindow.domain.catalogue import Condition, Field, FieldType, Form, MaterialRule, ServiceItem
from cloudwindow.domain.errors import NotFound

Value: TypeAlias = str | bool | list[str] | dict[str, str]
Values: TypeAlias = Mapping[str, Value | None]


def N_(msgid: str) -> str:
    """Mark a message for translation; it is translated where it is shown."""
    return msgid


MESSAGES = {
    "required": N_("Please fill this in."),
    "not_asked": N_("This question does not apply to what was chosen above. Leave it empty."),
    "wrong_shape": N_("This could not be read. Please enter it again."),
    "too_short": N_("Please enter at least %(least)s characters."),
    "too_long": N_("Please shorten this to at most %(most)s characters."),
    "control_characters": N_("Please type this again; it contains characters that cannot be shown."),
    "name_characters": N_("Please enter the name as on the identity card: characters, spaces and · only."),
    "idno_format": N_(
        "An identity number has 18 characters: 17 digits and a last digit or X. Please check it."
    ),
    "idno_region": N_("The first two digits are no Chinese region. Please compare with the card."),
    "idno_date": N_("Digits 7 to 14 must be a date of birth. Please compare with the card."),
    "idno_check_digit": N_(
        "The last character does not fit the others. Please compare every digit with the card."
    ),
    "uscc_format": N_("A unified social credit code has 18 digits and capital letters. Please check it."),
    "uscc_check_character": N_(
        "The last character does not fit the others. Please compare with the licence."
    ),
    "uscc_kind": N_(
        "This code is of another kind of body. Please enter the code printed on your own licence."
    ),
    "mobile_format": N_("A mobile number has 11 digits and begins with 1. Please check it."),
    "date_format": N_("Please enter a date as year, month and day, such as 2026-05-08."),
    "month_format": N_("Please enter a year and a month, such as 2026-05."),
    "date_in_future": N_("This date is still to come. Please enter today or an earlier date."),
    "date_in_past": N_("This date has passed. Please enter today or a later date."),
    "too_recent": N_("At least %(months)s months must have passed since this date. Please check the date."),
    "under_age": N_("This is possible from the age of %(years)s. Please check the date of birth."),
    "over_age": N_("This is possible up to the age of %(years)s. Please check the date of birth."),
    "birthday_differs": N_("This differs from the date of birth in the identity number. Please check both."),
    "same_person": N_("The applicant and the delegate cannot be the same person. Please check both."),
    "money_format": N_("Please enter a sum in yuan with at most two decimals, such as 1200.50."),
    "money_not_positive": N_("The sum must be more than zero."),
    "money_too_small": N_("The sum must be at least %(least)s yuan."),
    "money_too_large": N_("The sum must be at most %(most)s yuan."),
    "not_an_option": N_("Please choose one of the answers shown."),
    "too_few_choices": N_("Please choose at least %(least)s."),
    "too_many_choices": N_("Please choose at most %(most)s."),
    "addr_district": N_("Please choose one of the districts of Guangzhou."),
    "addr_street": N_("Please choose a subdistrict or town of the district chosen."),
    "addr_detail": N_("Please add road, house number and room."),
    "bank_unknown": N_("Please choose a bank from the list."),
    "bank_account_format": N_("An account number has 12 to 19 digits. Please check it."),
    "bank_account_check_digit": N_(
        "The account number does not fit its last digit. Please compare with the card."
    ),
    "must_confirm": N_("This has to be confirmed before we can go on."),
}
"""Every code ``check`` can answer with, and its English sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    The answer of ``check``: a canonical ``value`` (``None``: left empty), or an error ``code``.

    ``message`` is the English msgid, to be filled with ``params`` after translation.
    """

    value: Value | None = None
    code: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the value can be kept."""
        return self.code is None

    @property
    def message(self) -> str:
        """The English sentence with its ``%(…)s`` places unfilled; empty when all is well."""
        return MESSAGES[self.code] if self.code else ""


class Wrong(Exception):
    """Raised inside this room by the rules below; ``check`` turns it into an answer."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = {name: str(param) for name, param in params.items()}


def check(question: Field, raw: object, *, values: Values, today: date) -> Checked:
    """
    Check what was typed for ``question`` and return its canonical value or what is wrong.

    ``values`` are the other answers as they stand (canonical), ``today`` the day in Guangzhou.
    """
    try:
        if not visible(question, values):
            raise Wrong("not_asked")
        typed = _tidy(raw)
        if typed in ("", None, [], {}):
            return _empty(question)
        value = _READERS[question.type](question, typed)
        _keep_limits(question, value, values, today)
    except Wrong as wrong:
        return Checked(code=wrong.code, params=wrong.params)
    return Checked(value=value)


def _empty(question: Field) -> Checked:
    return Checked(code="required") if question.required else Checked()


# --- which questions are asked -------------------------------------------------------------------------


def holds(conditions: tuple[Condition, ...], values: Values) -> bool:
    """Tell whether all ``conditions`` hold for ``values``; several choices hold by any one of them."""
    return all(_holds(condition, values.get(condition.field)) for condition in conditions)


def _holds(condition: Condition, value: Value | None) -> bool:
    if isinstance(value, list):
        return any(choice in condition.values for choice in value)
    return value in condition.values


def visible(question: Field, values: Values) -> bool:
    """Tell whether ``question`` is asked when the other answers are ``values``."""
    return holds(question.when, values)


def visible_fields(form: Form, values: Values) -> tuple[Field, ...]:
    """Return the questions asked, in order; an answer to a question not asked counts for nothing."""
    known: dict[str, Value | None] = {}
    asked = []
    for question in form.fields:
        if visible(question, known):
            known[question.id] = values.get(question.id)
            asked.append(question)
    return tuple(asked)


def missing(form: Form, values: Values, *, page: int | None = None) -> tuple[Field, ...]:
    """Return the required questions without an answer, in order; of one page if ``page`` is given."""
    wanted = None if page is None else {question.id for question in form.page(page).fields}
    return tuple(
        question
        for question in visible_fields(form, values)
        if question.required
        and values.get(question.id) in ("", None, [], {})
        and (wanted is None or question.id in wanted)
    )


def materials_for(item: ServiceItem, values: Values) -> tuple[MaterialRule, ...]:
    """Return the papers ``item`` asks for when the answers are ``values``, in the catalogue's order."""
    known = {question.id: values.get(question.id) for question in visible_fields(item.form, values)}
    return tuple(rule for rule in item.materials if holds(rule.when, known))


def canonical(form: Form, values: Values) -> bytes:
    """
    Return the bytes that are hashed and signed: the answers to the questions asked, in one fixed spelling.

    JSON with sorted keys and no spaces, UTF-8, NFC. The same answers give the same bytes on any machine.
    """
    known = {question.id: values.get(question.id) for question in visible_fields(form, values)}
    answers = {name: value for name, value in known.items() if value not in ("", None, [], {})}
    whole = {"item": form.item, "version": form.version, "values": answers}
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return unicodedata.normalize("NFC", text).encode()


# --- reading each type ---------------------------------------------------------------------------------


def _tidy(raw: object) -> object:
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
    try:
        return date(*(int(part) for part in found.groups())).isoformat() if found else _no_date()
    except ValueError:
        raise Wrong("date_format") from None


def _no_date() -> str:
    raise Wrong("date_format")


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
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Wrong("money_format") from None
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
    return [_string(_tidy(typed.get(name, ""))) for name in names]


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


_READERS: Mapping[FieldType, Callable[[Field, object], Value]] = {
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


# --- limits --------------------------------------------------------------------------------------------


def _keep_limits(question: Field, value: Value, values: Values, today: date) -> None:
    """Raise Wrong for the first limit of ``question`` that ``value`` breaks."""
    _keep_length(question, value)
    _keep_amount(question, value)
    _keep_relations(question, value, values)
    if question.limits.must_be_true and value is not True:
        raise Wrong("must_confirm")
    if isinstance(value, str):
        _keep_days(question, value, today)


def _keep_length(question: Field, value: Value) -> None:
    limits = question.limits
    if isinstance(value, str) and question.type is FieldType.TEXT:
        if limits.min_length is not None and len(value) < limits.min_length:
            raise Wrong("too_short", least=limits.min_length)
        if len(value) > (limits.max_length or 200):
            raise Wrong("too_long", most=limits.max_length or 200)
    if isinstance(value, list):
        if limits.min_choices is not None and len(value) < limits.min_choices:
            raise Wrong("too_few_choices", least=limits.min_choices)
        if limits.max_choices is not None and len(value) > limits.max_choices:
            raise Wrong("too_many_choices", most=limits.max_choices)


def _keep_amount(question: Field, value: Value) -> None:
    limits = question.limits
    if question.type is not FieldType.MONEY or not isinstance(value, str):
        return
    if limits.min_amount is not None and Decimal(value) < Decimal(limits.min_amount):
        raise Wrong("money_too_small", least=limits.min_amount)
    if limits.max_amount is not None and Decimal(value) > Decimal(limits.max_amount):
        raise Wrong("money_too_large", most=limits.max_amount)


def _keep_relations(question: Field, value: Value, values: Values) -> None:
    limits = question.limits
    if limits.differs_from is not None and value == values.get(limits.differs_from):
        raise Wrong("same_person")
    number = values.get(limits.birthday_of) if limits.birthday_of else None
    if isinstance(number, str) and birthday(number).isoformat() != value:
        raise Wrong("birthday_differs")


def _keep_days(question: Field, value: str, today: date) -> None:
    day = _day_meant(question, value)
    if day is None:
        return
    limits = question.limits
    if day > today and (limits.not_in_future or question.type is FieldType.IDNO):
        raise Wrong("idno_date" if question.type is FieldType.IDNO else "date_in_future")
    if limits.not_in_past and day < _first_day(question, today):
        raise Wrong("date_in_past")
    if limits.months_ago is not None and day > months_before(today, limits.months_ago):
        raise Wrong("too_recent", months=limits.months_ago)
    if limits.min_age is not None and day > months_before(today, 12 * limits.min_age - limits.months_early):
        raise Wrong("under_age", years=limits.min_age)
    if limits.max_age is not None and age(day, today) > limits.max_age:
        raise Wrong("over_age", years=limits.max_age)


def _day_meant(question: Field, value: str) -> date | None:
    """Return the day a value stands for: a date itself, the first of a month, a person's birthday."""
    match question.type:
        case FieldType.DATE:
            return date.fromisoformat(value)
        case FieldType.MONTH:
            return date.fromisoformat(f"{value}-01")
        case FieldType.IDNO:
            return birthday(value)
        case _:
            return None


def _first_day(question: Field, today: date) -> date:
    return today.replace(day=1) if question.type is FieldType.MONTH else today


def months_before(day: date, months: int) -> date:
    """Return the same day so many months earlier, or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


# --- showing -------------------------------------------------------------------------------------------


def display(question: Field, value: Value, language: str) -> str:
    """Return ``value`` as people read it, e.g. an option's label, ``2026年11月23日``, ``1,234.50 元``."""
    chinese = not language.lower().startswith("en")
    match value:
        case bool():
            return ("是" if value else "否") if chinese else ("yes" if value else "no")
        case list():
            labels = [_label(question, choice, language) for choice in value]
            return ("、" if chinese else ", ").join(labels)
        case dict():
            return _compound(question, value, language)
    match question.type:
        case FieldType.ENUM:
            return _label(question, value, language)
        case FieldType.DATE:
            return _long_date(date.fromisoformat(value), chinese)
        case FieldType.MONTH:
            year, month = value.split("-")
            return f"{year}年{int(month)}月" if chinese else f"{calendar.month_name[int(month)]} {year}"
        case FieldType.MONEY:
            return f"{Decimal(value):,.2f} 元" if chinese else f"CNY {Decimal(value):,.2f}"
        case _:
            return value


def _label(question: Field, value: str, language: str) -> str:
    option = question.option(value)
    return option.label.in_language(language) if option else value


def _long_date(day: date, chinese: bool) -> str:
    if chinese:
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def _compound(question: Field, value: Mapping[str, str], language: str) -> str:
    if question.type is FieldType.BANK:
        return f"{_label(question, value.get('bank', ''), language)} {_grouped(value.get('account', ''))}"
    district, street = _place(question, value, language)
    if language.lower().startswith("en"):
        return f"{value.get('detail', '')}, {street}, {district}"
    return f"广州市{district}{street}{value.get('detail', '')}"


def _place(question: Field, value: Mapping[str, str], language: str) -> tuple[str, str]:
    """Return the names of district and street, or what is stored when they are no longer known."""
    code, street_code = value.get("district", ""), value.get("street", "")
    for district in question.districts:
        if district.code == code:
            try:
                street = district.street(street_code).name.in_language(language)
            except NotFound:
                street = street_code
            return district.name.in_language(language), street
    return code, street_code


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def mask(question: Field, value: Value, language: str) -> str:
    """
    Return ``value`` with what is private hidden, as the screens of staff show it.

    Names, identity numbers, phones and accounts are always masked; other kinds if the field is sensitive.
    """
    if isinstance(value, str) and question.type in _MASKS:
        return _MASKS[question.type](value)
    if isinstance(value, dict) and question.type is FieldType.BANK:
        return f"{_label(question, value.get('bank', ''), language)} **** {value.get('account', '')[-4:]}"
    if not question.sensitive:
        return display(question, value, language)
    if isinstance(value, dict):
        district, street = _place(question, value, language)
        return (
            f"{street}, {district}, ****" if language.lower().startswith("en") else f"{district}{street}****"
        )
    if question.type is FieldType.DATE and isinstance(value, str):
        return f"{value[:4]}-**-**"
    return "****"


def mask_name(name: str) -> str:
    """Return a name with all but its first character hidden: ``王**``; a Latin one as ``M***``."""
    return name[0] + "*" * (3 if name.isascii() else len(name) - 1)


def mask_idno(idno: str) -> str:
    """Return an identity number with its birthday and more hidden: ``4401**********1234``."""
    return idno[:4] + "*" * 10 + idno[-4:]


def mask_mobile(mobile: str) -> str:
    """Return a mobile number as ``138****1234``."""
    return mobile[:3] + "****" + mobile[-4:]


_MASKS: Mapping[FieldType, Callable[[str], str]] = {
    FieldType.NAME: mask_name,
    FieldType.IDNO: mask_idno,
    FieldType.MOBILE: mask_mobile,
}


def plain(question: Field, value: Value, language: str, *, masked: bool = False) -> str:
    """Return the sentence of the read-back, e.g. 「您的就业类型是：灵活就业」."""
    shown = mask(question, value, language) if masked else display(question, value, language)
    return question.plain.in_language(language).replace("{value}", shown)
