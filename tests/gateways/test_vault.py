"""The vault: what is sealed opens only unaltered, in its place, with its key."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.errors import Unavailable
from cloudwindow.vault import ROOT_KEY_FILE, Vault, place

KEY = bytes(range(32))
HERE = place("citizens", "id_number", "01")


@pytest.fixture
def vault() -> Vault:
    return Vault.of(KEY)


@given(text=st.text())
def test_whatever_is_sealed_opens_again(text: str) -> None:
    vault = Vault.of(KEY)
    assert vault.open(vault.seal(text, place=HERE), place=HERE) == text


def test_equal_texts_never_look_equal_when_sealed(vault: Vault) -> None:
    assert len({vault.seal("440106199001011234", place=HERE) for _ in range(50)}) == 50


def test_a_sealed_value_hides_its_text_and_is_plain_ascii(vault: Vault) -> None:
    sealed = vault.seal("440106199001011234", place=HERE)
    assert sealed.isascii()
    assert b"440106" not in base64.urlsafe_b64decode(sealed.partition(".")[2])


@pytest.mark.parametrize(
    "elsewhere",
    [
        place("citizens", "id_number", "02"),
        place("citizens", "name", "01"),
        place("agents", "id_number", "01"),
        place("citizensid_number", "", "01"),
    ],
)
def test_a_value_moved_to_another_place_does_not_open(vault: Vault, elsewhere: str) -> None:
    sealed = vault.seal("secret", place=HERE)
    with pytest.raises(Unavailable, match="sealed_value_damaged"):
        vault.open(sealed, place=elsewhere)


def test_a_value_altered_by_one_bit_does_not_open(vault: Vault) -> None:
    key_id, _, body = vault.seal("secret", place=HERE).partition(".")
    raw = base64.urlsafe_b64decode(body)
    for at in range(len(raw)):
        bent = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(Unavailable, match="sealed_value_damaged"):
            vault.open(f"{key_id}.{base64.urlsafe_b64encode(bent).decode()}", place=HERE)


@pytest.mark.parametrize("bent", ["", ".", "no key", "{key}.", "{key}.!!!!", "{key}.QUJD"])
def test_a_value_of_the_wrong_shape_is_damaged_or_of_an_unknown_key(vault: Vault, bent: str) -> None:
    key_id = vault.seal("x", place=HERE).partition(".")[0]
    with pytest.raises(Unavailable, match=r"sealed_value_damaged|root_key_unknown"):
        vault.open(bent.format(key=key_id), place=HERE)


def test_another_root_key_does_not_open_it(vault: Vault) -> None:
    sealed = vault.seal("secret", place=HERE)
    with pytest.raises(Unavailable, match="root_key_unknown"):
        Vault.of(bytes(32)).open(sealed, place=HERE)


def test_an_older_root_key_still_opens_and_no_longer_seals(vault: Vault) -> None:
    sealed = vault.seal("secret", place=HERE)
    renewed = Vault.of(bytes(32), older=[KEY])
    assert renewed.open(sealed, place=HERE) == "secret"
    assert not renewed.seal("secret", place=HERE).startswith(sealed.partition(".")[0])


def test_a_blind_index_finds_equals_of_one_kind_only(vault: Vault) -> None:
    index = vault.blind("id_number", "440106199001011234")
    assert index == Vault.of(KEY).blind("id_number", "440106199001011234")
    assert index != vault.blind("mobile", "440106199001011234")
    assert index != vault.blind("id_number", "440106199001011235")
    assert index != Vault.of(bytes(32)).blind("id_number", "440106199001011234")
    assert len(index) == 64


def test_a_token_hash_is_neither_the_token_nor_its_blind_index(vault: Vault) -> None:
    assert vault.hash_token("abc") != vault.blind("", "abc")
    assert vault.equal(vault.hash_token("abc"), Vault.of(KEY).hash_token("abc"))
    assert not vault.equal(vault.hash_token("abc"), vault.hash_token("abd"))


def test_the_keys_do_not_show_in_its_repr(vault: Vault) -> None:
    assert "bytes" not in repr(vault)
    assert str(vault._blind_key) not in repr(vault)


def test_the_first_start_makes_a_key_file_only_its_owner_reads(tmp_path: Path) -> None:
    sealed = Vault.open_at(tmp_path / "new").seal("secret", place=HERE)
    path = tmp_path / "new" / ROOT_KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [ROOT_KEY_FILE]
    assert Vault.open_at(tmp_path / "new").open(sealed, place=HERE) == "secret"


def test_a_key_handed_in_makes_no_file(tmp_path: Path) -> None:
    Vault.open_at(tmp_path, KEY)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_others_may_read_is_refused(tmp_path: Path) -> None:
    Vault.open_at(tmp_path)
    (tmp_path / ROOT_KEY_FILE).chmod(0o640)
    with pytest.raises(Unavailable, match="root_key_exposed"):
        Vault.open_at(tmp_path)


@pytest.mark.parametrize("content", ["", "zz" * 32, "00" * 31])
def test_a_damaged_key_file_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / ROOT_KEY_FILE
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Unavailable, match="root_key_damaged"):
        Vault.open_at(tmp_path)
    assert path.read_text() == content


def test_of_two_first_starts_at_once_both_hold_the_same_key(tmp_path: Path) -> None:
    """The second process makes its key between the first one's look and its link."""

    def random_while_another_starts(length: int) -> bytes:
        Vault.open_at(tmp_path, random=lambda count: b"\x07" * count)
        return b"\x08" * length

    late = Vault.open_at(tmp_path, random=random_while_another_starts)
    assert late.blind("x", "y") == Vault.of(b"\x07" * 32).blind("x", "y")
