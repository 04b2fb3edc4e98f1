"""
What the city offers: districts with their organs, service items with their forms, papers and texts.

Everything here is a frozen value read once from the catalogue files. Legal behaviour is data (who decides,
whose clocks run, who may be sent); the code only follows it. Two languages stand side by side in ``Text``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import NewType, TypeAlias

from cloudwindow.domain.calendar import OfficeCalendar
from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.ids import DistrictCode, ItemId, StreetCode

OrganId = NewType("OrganId", str)
"""``<district code>.<department>``, e.g. ``440114.human_resources``."""

Scalar: TypeAlias = str | bool
"""What a condition can compare with: an option's value or a yes/no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One sentence or name in Simplified Chinese and English."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the English text for ``en`` and ``en-…``, the Chinese one for everything else."""
        return self.en if language.lower().startswith("en") else self.zh


class Mode(StrEnum):
    """Who decides on an application taken in by video."""

    AUTHORISED = "authorised"
    """授权办理: the receiving district decides at once, in the delegating organ's name."""
    TRANSFER = "transfer"
    """接件转办: the receiving district takes in and passes on; the home district decides."""


class Delegation(StrEnum):
    """May somebody else come for the applicant?"""

    ALLOWED = "allowed"
    LIMITED = "limited"
    """Only the people named in ``delegation_rule``."""
    FORBIDDEN = "forbidden"


class Verification(StrEnum):
    """How far the record has been checked against official sources; shown to people."""

    VERIFIED = "verified"
    PARTLY = "partly"
    PLACEHOLDER = "placeholder"

    @property
    def mark(self) -> str:
        """The sign shown beside the item: ✔ checked, ◐ partly, ○ placeholder."""
        return {"verified": "✔", "partly": "◐", "placeholder": "○"}[self.value]


class IdentityLevel(StrEnum):
    """How surely we know who somebody is, rising in this order."""

    FORMAT = "format"
    PHONE_CODE = "phone_code"
    OFFICER_COMPARED = "officer_compared"
    DIGITAL_CERTIFICATE = "digital_certificate"

    def reaches(self, wanted: "IdentityLevel") -> bool:
        """Tell whether this level is at least ``wanted``."""
        order = list(IdentityLevel)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """A subdistrict (街道), a town (镇) or another street-level unit; ``code`` has nine digits."""

    code: StreetCode
    name: Text
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Organ:
    """
    An organ of one district that can accept and decide.

    ``number_word`` opens the numbers of its documents (机关代字). ``placeholder`` is true while phone,
    address and hours are demonstration values; pages must say so.
    """

    id: OrganId
    district: DistrictCode
    department: str
    name: Text
    short_name: Text
    number_word: str
    phone: str
    address: Text
    hours: Text
    placeholder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRule:
    """How many may be served at once by appointment; no ``skill`` or ``language``: whichever it is."""

    seats: int
    skill: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentRules:
    """
    What a district gives by appointment; the first of ``seat_rules`` that fits decides.

    ``placeholder`` is true while the numbers are ours and not the district's.
    """

    days_ahead: int
    book_ahead_minutes: int
    change_ahead_minutes: int
    seat_rules: tuple[SeatRule, ...]
    placeholder: bool

    def seats(self, skill: str, language: str) -> int:
        """Return how many are served at once in one slot; 0: nobody by appointment."""
        for rule in self.seat_rules:
            if rule.skill in (None, skill) and rule.language in (None, language):
                return rule.seats
        return 0


NO_APPOINTMENTS = AppointmentRules(
    days_ahead=0, book_ahead_minutes=0, change_ahead_minutes=0, seat_rules=(), placeholder=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """One of the city's districts."""

    code: DistrictCode
    name: Text
    letter: str
    """One capital letter, unlike that of any other district: it opens ticket numbers."""
    streets: tuple[Street, ...]
    organs: tuple[Organ, ...]
    neighbours: tuple[DistrictCode, ...]
    calendar: OfficeCalendar
    appointments: AppointmentRules = NO_APPOINTMENTS
    show_place: bool = True
    """Whether those who wait are told how many are ahead of them."""
    show_wait: bool = True
    """Whether they are told how long it may take."""

    def street(self, code: str) -> Street:
        """Return the street with this nine-digit code. Raises NotFound ``unknown_street``."""
        for street in self.streets:
            if street.code == code:
                return street
        raise NotFound("unknown_street")

    def organ(self, department: str) -> Organ:
        """Return the district's organ for ``department``. Raises NotFound ``unknown_organ``."""
        for organ in self.organs:
            if organ.department == department:
                return organ
        raise NotFound("unknown_organ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds when the value of ``field`` is one of ``values`` (for several choices: contains one)."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of an ``enum`` or ``enums`` field, or one bank: ``value`` is stored, ``label`` shown."""

    value: str
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a value must keep to beyond its type. ``None`` means no limit."""

    min_length: int | None = None
    max_length: int | None = None
    min_choices: int | None = None
    max_choices: int | None = None
    min_amount: str | None = None
    max_amount: str | None = None
    not_in_future: bool = False
    not_in_past: bool = False
    months_ago: int | None = None
    """The date must lie at least this many months back."""
    min_age: int | None = None
    """Years of age on the day of the check, of the birthday (``date``) or of the person (``idno``)."""
    max_age: int | None = None
    months_early: int = 0
    """So many months before ``min_age`` are enough."""
    birthday_of: str | None = None
    """The date must be the birthday in this ``idno`` field."""
    differs_from: str | None = None
    """Must not be the same as this field."""
    prefixes: tuple[str, ...] = ()
    must_be_true: bool = False


class FieldType(StrEnum):
    """What a field holds; ``cloudwindow.domain.fields`` knows the rules of each."""

    NAME = "name"
    IDNO = "idno"
    USCC = "uscc"
    MOBILE = "mobile"
    DATE = "date"
    MONTH = "month"
    MONEY = "money"
    ENUM = "enum"
    ENUMS = "enums"
    ADDR = "addr"
    BANK = "bank"
    BOOL = "bool"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    One question of a form.

    ``plain`` is the sentence of the read-back with ``{value}`` in it. ``prefill`` names what we know already
    (``applicant.name``, ``applicant.id_no``, ``applicant.mobile``, ``delegate.…``, ``acting_as``).
    ``districts`` is filled for addresses, ``options`` for choices and banks.
    """

    id: str
    type: FieldType
    label: Text
    plain: Text
    hint: Text | None = None
    required: bool = True
    sensitive: bool = False
    when: tuple[Condition, ...] = ()
    options: tuple[Option, ...] = ()
    districts: tuple[District, ...] = field(default=(), repr=False)
    limits: Limits = Limits()
    prefill: str | None = None
    autocomplete: str | None = None

    def option(self, value: object) -> Option | None:
        """Return the choice stored as ``value``, or ``None``."""
        return next((option for option in self.options if option.value == value), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Questions that belong together under one heading."""

    id: str
    title: Text
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a form; with ``while_waiting`` the citizen may fill it before the call."""

    number: int
    title: Text
    while_waiting: bool
    sections: tuple[Section, ...]

    @property
    def fields(self) -> Iterator[Field]:
        """All questions of the page in order."""
        return (question for section in self.sections for question in section.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of one version of one item."""

    item: ItemId
    version: int
    pages: tuple[Page, ...]

    @property
    def fields(self) -> Iterator[Field]:
        """All questions in order."""
        return (question for page in self.pages for question in page.fields)

    def field(self, field_id: str) -> Field:
        """Return the question named ``field_id``. Raises NotFound ``unknown_field``."""
        for question in self.fields:
            if question.id == field_id:
                return question
        raise NotFound("unknown_field")

    def page(self, number: int) -> Page:
        """Return the page with this number, counted from 1. Raises NotFound ``unknown_page``."""
        for page in self.pages:
            if page.number == number:
                return page
        raise NotFound("unknown_page")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialRule:
    """
    One paper an application needs.

    ``form`` is a word: ``shown`` (original held to the camera and photographed), ``scan`` (photo is enough),
    ``original`` (paper must arrive), ``generated`` (we make it from the form), ``electronic``.
    ``trust_floor`` is the lowest accepted trust level A–D (国办函〔2016〕108号).
    """

    id: str
    name: Text
    form: str
    required: bool
    when: tuple[Condition, ...]
    trust_floor: str
    deferrable: bool
    count: int
    photo: Text
    sample: Text
    issued_by: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A sentence the citizen alone can confirm; ``when`` says for whom it is asked."""

    key: str
    version: int
    text: Text
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedText:
    """A text that is read out or agreed to; what somebody agreed to is named by key and version."""

    key: str
    version: int
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the agent's checklist; ``stage`` says where in the call it belongs."""

    key: str
    stage: str
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A law or rule the item rests on, with the article if we know it."""

    title: Text
    article: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """
    How long things may take.

    ``unit`` is ``working_days`` or ``days``; ``statutory`` is ``None`` where no law sets a time. A promise of
    0 means: decided in the call. ``acknowledge_hours`` are office hours of the home district.
    """

    unit: str
    statutory: int | None
    promised: int
    acknowledge_hours: int
    correction_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """
    How long a recorded call, and what was written in it, is kept in days; whether one may say no.

    ``evidence_days``: the clips of identity check, read-back and signature; at least ``full_days``, or 0.
    """

    full_days: int
    chat_days: int
    may_decline: bool
    evidence_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the applicant gets in the end; ``kind`` chooses the paper we print."""

    name: Text
    kind: str
    delivery: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A sum by age: from ``from_age`` up to but not including ``below_age`` (``None``: no upper end)."""

    from_age: int
    below_age: int | None
    monthly_yuan: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One way the facts can lie; choosing it answers the questions in ``answers``."""

    id: str
    name: Text
    answers: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people say when they mean this item."""

    zh: tuple[str, ...]
    en: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRecord:
    """
    A published delegation: ``from_organ`` lets the windows of ``to_districts`` decide ``items`` in its name.

    In force from ``start`` to ``end``, both included (行政许可法 art. 24: published, one hop only).
    """

    id: str
    from_organ: OrganId
    to_districts: tuple[DistrictCode, ...]
    items: tuple[ItemId, ...]
    start: date
    end: date
    notice: Text
    demo: bool

    def covers(self, *, item: ItemId, organ: OrganId, district: DistrictCode, on: date) -> bool:
        """Tell whether a window in ``district`` may decide ``item`` for ``organ`` on the day ``on``."""
        return (
            organ == self.from_organ
            and item in self.items
            and district in self.to_districts
            and self.start <= on <= self.end
        )


Stays = tuple[float, float, float]


def skill_word(skill: str, level: int) -> str:
    """A skill at a level, as the line knows it; whoever has a level has those below it."""
    return skill if level == 1 else f"{skill}.{level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceItem:
    """One thing a citizen can apply for, in one version; a ticket keeps the version it began with."""

    id: ItemId
    version: int
    digest: str
    """SHA-256 (hex) of the record as read, so that a changed file with an old version is noticed."""
    name: Text
    short_name: Text
    description: Text
    audience: Text
    conditions: tuple[Text, ...]
    synonyms: Words
    item_type: str
    department: str
    home_basis: str
    home_question: Text
    mode: Mode
    acceptance_rule: str
    clocks: Clocks
    fee: Text
    case_speed: str
    video_completeness: str
    """How far video gets: ``full``, ``orig`` (originals follow by post), ``site`` (a visit), ``guide``."""
    result: Result
    delegation_allowed: Delegation
    delegation_rule: Text
    min_identity_level: IdentityLevel
    in_person: tuple[Text, ...]
    recording: Recording
    avg_minutes: int
    skill_group: str
    skill_level: int
    """What level of the skill an agent needs, 1 for everybody who has it."""
    rings: Stays | None
    """How long own district, lenders and neighbours stay alone, in seconds; the city's rule if missing."""
    languages: tuple[str, ...]
    """What an agent may speak in the call: ``zh`` (Mandarin), ``yue`` (Cantonese), ``en``."""
    legal_basis: tuple[Basis, ...]
    situations: tuple[Situation, ...]
    checklist: tuple[Step, ...]
    texts: Mapping[str, FixedText]
    form: Form
    materials: tuple[MaterialRule, ...]
    declarations: tuple[Declaration, ...]
    rates: tuple[Rate, ...]
    rates_except: tuple[DistrictCode, ...]
    """Districts with their own sums, which ``rates`` does not know."""
    verification: Verification
    verification_note: Text

    @property
    def skill(self) -> str:
        """What the line asks of an agent, in one word: ``human_resources``, ``human_resources.2``."""
        return skill_word(self.skill_group, self.skill_level)

    def text(self, key: str) -> FixedText:
        """Return the fixed text ``key``. Raises NotFound ``unknown_text``."""
        try:
            return self.texts[key]
        except KeyError:
            raise NotFound("unknown_text") from None

    def material(self, material_id: str) -> MaterialRule:
        """Return the rule for one paper. Raises NotFound ``unknown_material``."""
        for rule in self.materials:
            if rule.id == material_id:
                return rule
        raise NotFound("unknown_material")

    def rate(self, age: int, district: str) -> Rate | None:
        """Return the sum for somebody of ``age`` years whose home is ``district``, if we know it."""
        if district in self.rates_except:
            return None
        fitting = (rate for rate in self.rates if rate.from_age <= age)
        return next((rate for rate in fitting if rate.below_age is None or age < rate.below_age), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    Who decides: ``competent_organ`` in every case, itself (transfer) or through a delegation (authorised).

    ``delegation`` is there exactly when the mode is authorised.
    """

    mode: Mode
    competent_organ: Organ
    delegation: DelegationRecord | None


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All districts, the current and earlier versions of all items, and the delegations."""

    districts: tuple[District, ...]
    versions: tuple[ServiceItem, ...]
    delegations: tuple[DelegationRecord, ...]
    texts: Mapping[str, FixedText]

    @cached_property
    def items(self) -> tuple[ServiceItem, ...]:
        """The current version of every item, in the order of their ids."""
        newest: dict[str, ServiceItem] = {}
        for item in sorted(self.versions, key=lambda item: (item.id, item.version)):
            newest[item.id] = item
        return tuple(newest.values())

    @cached_property
    def _districts(self) -> Mapping[str, District]:
        return {district.code: district for district in self.districts}

    @cached_property
    def _versions(self) -> Mapping[tuple[str, int], ServiceItem]:
        return {(item.id, item.version): item for item in self.versions}

    @cached_property
    def _items(self) -> Mapping[str, ServiceItem]:
        return {item.id: item for item in self.items}

    def item(self, item_id: str, version: int | None = None) -> ServiceItem:
        """Return the item, newest version unless one is named. Raises NotFound ``unknown_item``."""
        found = self._items.get(item_id) if version is None else self._versions.get((item_id, version))
        if found is None:
            raise NotFound("unknown_item")
        return found

    def district(self, code: str) -> District:
        """Return the district. Raises NotFound ``unknown_district``."""
        try:
            return self._districts[code]
        except KeyError:
            raise NotFound("unknown_district") from None

    def street(self, code: str) -> Street:
        """Return the street with this nine-digit code. Raises NotFound ``unknown_district``/``_street``."""
        return self.district(code[:6]).street(code)

    def organ(self, organ_id: str) -> Organ:
        """Return the organ ``<district>.<department>``. Raises NotFound ``unknown_organ``."""
        code, _, department = organ_id.partition(".")
        if code not in self._districts:
            raise NotFound("unknown_organ")
        return self._districts[code].organ(department)

    def text(self, key: str) -> FixedText:
        """Return a fixed text that belongs to no single item. Raises NotFound ``unknown_text``."""
        try:
            return self.texts[key]
        except KeyError:
            raise NotFound("unknown_text") from None

    def always_open(self) -> "Catalogue":
        """Return this catalogue with every district's window open day and night, for demonstrations."""
        opened = (
            replace(district, calendar=replace(district.calendar, always_open=True))
            for district in self.districts
        )
        return replace(self, districts=tuple(opened))

    def with_rings(self, stays: Stays) -> "Catalogue":
        """Return this catalogue with ``stays`` for every item that has no rule of its own."""
        versions = (item if item.rings else replace(item, rings=stays) for item in self.versions)
        return replace(self, versions=tuple(versions))

    def decides(
        self, item: ServiceItem, *, receiving_district: str, home_district: str, on: date
    ) -> Decision:
        """
        Tell who decides an application for ``item`` taken in by ``receiving_district`` on the day ``on``.

        Authorised only where the item allows it *and* a delegation is in force that day; otherwise it falls
        back to transfer. Raises NotFound ``unknown_district`` or ``unknown_organ``.
        """
        receiving = self.district(receiving_district).code
        organ = self.district(home_district).organ(item.department)
        delegation = self._delegation(item, organ, receiving, on) if item.mode is Mode.AUTHORISED else None
        mode = Mode.AUTHORISED if delegation else Mode.TRANSFER
        return Decision(mode=mode, competent_organ=organ, delegation=delegation)

    def _delegation(
        self, item: ServiceItem, organ: Organ, receiving: DistrictCode, on: date
    ) -> DelegationRecord | None:
        for record in self.delegations:
            if record.covers(item=item.id, organ=organ.id, district=receiving, on=on):
                return record
        return None
