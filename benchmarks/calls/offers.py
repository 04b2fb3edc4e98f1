"""Offers as nobody should send them."""

from random import Random

_LETTERS = "0123456789:=/ -a\r\nm\x00\u00ff"


def mutated(text: str, chance: Random) -> str:
    """Cut, repeat, swap or garble a few places of ``text``."""
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.choice((1, 1, 2, 8, 40, 300)))
        piece = text[start:end]
        garbled = "".join(chance.choice(_LETTERS) for _ in piece)
        text = text[:start] + chance.choice(("", piece * 2, piece * 30, garbled, piece[::-1])) + text[end:]
        text = text or "v"
    lines = text.split("\r\n")
    if chance.random() < 0.3:
        chance.shuffle(lines)
    return "\r\n".join(lines)
