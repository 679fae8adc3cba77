"""What people type finds the name that is meant, whatever the accents."""

from __future__ import annotations

import pytest

from gateway.kernel.spelling import one_slip, plain


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Séméré 2", "SEMERE 2"),
        ("Toko-Toko", "toko toko"),
        ("L’Étoile", "l'etoile"),
        ("Gũnda", "gunda"),
        ("Ɖɔkpo", "dokpo"),
        ("Ŋutɔ Ɲama", "nguto nyama"),
        ("Sœurs de l'Ørsted", "soeurs de l orsted"),
        ("e\u0301cole", "école"),
        ("  Nyanza--Lac. ", "nyanza lac"),
        ("٣ १", "3 1"),
    ],
)
def test_two_spellings_of_one_name(written: str, typed: str) -> None:
    assert plain(written) == plain(typed) != ""


@pytest.mark.parametrize("nothing", ["", " -.'", "👍🏾", "()"])
def test_signs_alone_are_nothing(nothing: str) -> None:
    assert plain(nothing) == ""


def test_two_names_stay_two() -> None:
    assert plain("Séméré Haut") != plain("Séméré Bas")
    assert plain("Itchélli") == "itchelli"


@pytest.mark.parametrize(
    "typed", ["couvertur", "ouverture", "coouverture", "couvertures", "couvertrue", "xouverture", "couverturx"]
)
def test_one_slip_is_one_letter_or_a_swap(typed: str) -> None:
    assert one_slip(typed, "couverture")


@pytest.mark.parametrize(
    "typed", ["couverture", "couvertu", "cuovertrue", "couvertures!", "", "xouverturx", "erutrevuoc"]
)
def test_none_or_two_slips_are_not_one(typed: str) -> None:
    assert not one_slip(typed, "couverture")
