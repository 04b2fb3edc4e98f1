"""Names of things. Every identifier is an opaque word; only people-facing numbers carry meaning."""

from typing import NewType

CitizenId = NewType("CitizenId", str)
TicketId = NewType("TicketId", str)
OfferId = NewType("OfferId", str)
"""``<ticket>/<n>``: the n-th time this ticket was offered."""
StaffId = NewType("StaffId", str)
"""Any member of staff. In the role of the person who answers calls we write ``agent``."""
SessionId = NewType("SessionId", str)
ApplicationId = NewType("ApplicationId", str)
MaterialId = NewType("MaterialId", str)
FileId = NewType("FileId", str)
DocumentId = NewType("DocumentId", str)
DistrictCode = NewType("DistrictCode", str)
"""Six digits of GB/T 2260, e.g. ``440114`` for 花都区."""
StreetCode = NewType("StreetCode", str)
"""Nine digits: district code and three more."""
ItemId = NewType("ItemId", str)
"""Catalogue identifier of a service item, e.g. ``HR01``."""

# Crockford's base 32 without I, L, O, U: can be read aloud and typed without doubt.
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

READ_AS = str.maketrans("ILO", "110", " -")


def word(random_bytes: bytes) -> str:
    """Spell ``random_bytes`` as lower-case base 32; 10 bytes give 16 characters."""
    number = int.from_bytes(random_bytes, "big")
    length = -(-len(random_bytes) * 8 // 5)
    digits = (CROCKFORD[(number >> (5 * place)) & 31] for place in range(length))
    return "".join(reversed(list(digits))).lower()


def check_character(spelled: str) -> str:
    """Luhn's check in base 32: finds every single wrong character and nearly every swapped pair."""
    total = 0
    for place, letter in enumerate(reversed(spelled)):
        addend = CROCKFORD.index(letter) * (2 if place % 2 == 0 else 1)
        total += addend // 32 + addend % 32
    return CROCKFORD[-total % 32]


def in_groups(text: str, size: int = 4) -> str:
    """``ABCDEFGH`` → ``ABCD-EFGH``."""
    return "-".join(text[start : start + size] for start in range(0, len(text), size))


def with_check(random_bytes: bytes) -> str:
    """Spell ``random_bytes`` in upper case with a check character, in groups of four."""
    spelled = word(random_bytes).upper()
    return in_groups(spelled + check_character(spelled))


def normal_code(typed: str) -> str | None:
    """
    Return the code somebody typed in its printed form, or ``None`` when its check character is wrong.

    Case, spaces and hyphens do not matter; I, L and O are read as 1, 1 and 0.
    """
    text = typed.upper().translate(READ_AS)
    if not 2 <= len(text) <= 64 or any(letter not in CROCKFORD for letter in text):
        return None
    return in_groups(text) if check_character(text[:-1]) == text[-1] else None
