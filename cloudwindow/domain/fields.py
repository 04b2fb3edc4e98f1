"""
What a form asks and accepts: the one door to checking, showing, masking and reading back its values.

``check`` turns what was typed into the one canonical, JSON-able value or says what is wrong by a stable code;
an error never repeats what was typed. The same rules serve the citizen's page, the agent's desk and the PDF.

Canonical values: text kinds are strings; dates ``2026-11-23``; months ``2026-11``; money ``"1234.50"``;
several choices a list in the order of the options; an address ``{"district", "street", "detail"}``; an
account ``{"bank", "account"}``; yes/no a boolean.
"""

import calendar
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from cloudwindow.domain.catalogue import Condition, Field, FieldType, Form, MaterialRule, ServiceItem
from cloudwindow.domain.readings import (
    READERS,
    Value,
    Wrong,
    age,
    birthday,
    idno_check_character,
    luhn,
    tidy,
    uscc_check_character,
)
from cloudwindow.domain.showings import display, mask, mask_idno, mask_mobile, mask_name, plain

__all__ = [
    "MESSAGES",
    "Checked",
    "Value",
    "Values",
    "age",
    "birthday",
    "canonical",
    "check",
    "display",
    "holds",
    "idno_check_character",
    "luhn",
    "mask",
    "mask_idno",
    "mask_mobile",
    "mask_name",
    "materials_for",
    "missing",
    "months_before",
    "plain",
    "uscc_check_character",
    "visible",
    "visible_fields",
]

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


def check(question: Field, raw: object, *, values: Values, today: date) -> Checked:
    """
    Check what was typed for ``question`` and return its canonical value or what is wrong.

    ``values`` are the other answers as they stand (canonical), ``today`` the day in Guangzhou.
    """
    try:
        if not visible(question, values):
            raise Wrong("not_asked")
        typed = tidy(raw)
        if typed in ("", None, [], {}):
            return _empty(question)
        value = READERS[question.type](question, typed)
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
    if isinstance(number, str) and number and birthday(number).isoformat() != value:
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
