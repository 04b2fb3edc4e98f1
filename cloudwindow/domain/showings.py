"""How values are shown to people: in full, masked for staff, and as the sentences of the read-back."""

import calendar
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from cloudwindow.domain.catalogue import Field, FieldType
from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.readings import Value


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
