"""A password is long and its own; wrong ones cost the same work whoever they are for."""

from __future__ import annotations

import unicodedata

import pytest
from argon2 import PasswordHasher

from gateway.console.entry import passwords
from gateway.console.entry.passwords import BadPassword
from gateway.locale import Say

pytestmark = pytest.mark.usefixtures("usual_secrets")

NUMBER, NAME = "+2290150000002", "Awa Bio-Traoré"


@pytest.mark.parametrize(
    "typed",
    [
        "quatre mots au hasard",
        "le vieux manguier",
        "Zém!d0jan-Ouaké",
        "x7Kp2-mQ9v",
        "soleil de Parakou 1987",  # begins with a common word, and goes on
        "motdepasse de la vieille Rose",
        "ma fille Awa aime la pluie",
        "日本語のパスワードです",
        "a1b2c3d4e5f6" * 16,
    ],
)
def test_what_may_be_chosen(typed: str) -> None:
    assert passwords.read_password(typed, NUMBER, NAME) == unicodedata.normalize("NFKC", typed)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "Too short"),
        ("neuf lett", "Too short"),
        ("x" * 201, "Too long"),
        ("motdepasse", "Everybody"),
        ("Motdepasse123!", "Everybody"),
        ("MOT DE PASSE", "Everybody"),
        ("azertyuiop", "Everybody"),
        ("123azerty456", "Everybody"),
        ("1234567890", "Everybody"),
        ("0987654321", "Everybody"),
        ("abcdefghijkl", "Everybody"),
        ("password2026", "Everybody"),
        ("Bienvenue 2026", "Everybody"),
        ("Trésorier2026", "Everybody"),
        ("Jesus_Christ1", "Everybody"),
        ("aaaaaaaaaaaaaaa", "Everybody"),
        ("abababababab", "Everybody"),
        ("awa bio traore", "Your name"),
        ("AwaBioTraore2026", "Your name"),
        ("Traoré-1987!!", "Your name"),
        ("2290150000002", "Your name"),
        ("50000002abcd", "Your name"),
    ],
)
def test_what_may_not(typed: str, why: str) -> None:
    with pytest.raises(BadPassword, match=why):
        passwords.read_password(typed, NUMBER, NAME)


def test_a_fault_is_said_in_french() -> None:
    with pytest.raises(BadPassword) as fault:
        passwords.read_password("court", NUMBER, NAME)
    assert str(fault.value) == "Too short: 10 characters or more, for example four words."
    assert "10" in fault.value.said(Say("fr"))


def test_the_same_password_typed_on_another_keyboard_is_the_same() -> None:
    sealed = passwords.seal(passwords.read_password("été à Ouidah ①", NUMBER, NAME))
    assert passwords.matches(sealed, unicodedata.normalize("NFD", "été à Ouidah 1"))
    assert not passwords.matches(sealed, "ete a Ouidah 1")


def test_a_hash_is_argon2id_with_more_than_the_least_memory() -> None:
    sealed = passwords.seal("quatre mots au hasard")
    assert sealed.startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert len(sealed) <= 120
    assert not passwords.is_old(sealed)
    assert passwords.is_old(PasswordHasher(time_cost=1, memory_cost=19_456, parallelism=1).hash("x"))


def test_without_a_hash_nothing_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function of the library runs, with the same parameters."""
    worked: list[str] = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, sealed: str, typed: str) -> bool:
        worked.append(sealed[:31])
        return real(self, sealed, typed)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    sealed = passwords.seal("quatre mots au hasard")
    assert not passwords.matches(None, "nobody's")
    assert not passwords.matches(sealed, "nobody's")
    assert not passwords.matches(sealed, "x" * 100_000)
    assert worked == ["$argon2id$v=19$m=47104,t=2,p=1$"] * 3
