"""What the columns of a register are called, in French and English, and what stands in their cells; nothing is guessed.

All words are compared in plain letters: ``prenoms`` for *Prénoms*.
"""

from __future__ import annotations

import re
from datetime import date

from gateway.kernel.numbers import in_our_digits
from gateway.kernel.spelling import plain
from gateway.locale import mark

# The columns that are read, by the names of people who keep registers.
FIELDS: dict[str, tuple[str, ...]] = {
    "family": (
        "family", "family number", "household", "household number", "famille", "no famille", "no de famille",
        "numero de famille", "menage", "no menage", "no du menage", "n menage", "numero de menage",
        "numero du menage", "code menage",
    ),
    "card": (
        "card", "card number", "old card", "old number", "old card number", "reference", "ancien numero", "ancien no",
        "carte", "no carte", "no de carte", "numero de carte",
        "numero carte", "ancienne carte", "matricule", "code adherent", "numero d adherent", "no adherent",
    ),
    "name": (
        "name", "full name", "last name", "surname", "family name", "nom", "noms", "nom complet", "nom et prenom",
        "nom et prenoms", "noms et prenoms", "nom prenom", "nom prenoms", "nom de famille", "nom du beneficiaire",
    ),
    "first_name": ("first name", "first names", "given name", "given names", "prenom", "prenoms", "prenom s"),
    "sex": ("sex", "gender", "sexe", "genre"),
    "born": (
        "birth year", "year of birth", "born", "birth date", "date of birth", "annee de naissance", "an de naissance",
        "naissance", "date de naissance", "ne e le", "ne le", "date naissance", "annee naissance",
    ),
    "age": ("age", "ages", "age ans", "age en annees", "age in years"),
    "relation": (
        "relation", "relationship", "relation to the head", "lien", "lien de parente", "lien avec le chef",
        "lien avec l adherent", "parente", "qualite", "lien de parente avec l adherent", "lien familial",
    ),
    "phone": (
        "phone", "phone number", "telephone", "telephone number", "tel", "mobile", "no telephone", "no de telephone",
        "numero de telephone", "numero telephone", "contact", "portable", "msisdn", "no tel",
    ),
    "section": (
        "section", "section code", "village", "localite", "code section", "code de la section", "quartier",
        "village quartier", "nom de la section",
    ),
    "plan": ("plan", "plan code", "formule", "code formule", "code de la formule"),
    "language": ("language", "langue"),
}  # fmt: skip
# Columns that are known and never taken over: why is told.
LEFT_OUT: dict[str, tuple[str, ...]] = {
    mark("amounts paid before and balances aren't taken over: record payments once the households are there"): (
        "paid", "amount paid", "balance", "left to pay", "montant paye", "deja paye", "paye", "solde",
        "reste a payer", "cotisation payee", "versement", "montant verse", "cotisation", "montant",
    ),
    mark("days of joining aren't taken over: everybody joins on the day on which the register is taken in"): (
        "member since", "start", "joined on", "registered on", "membre depuis", "date d adhesion", "adhesion",
        "inscrit le", "date d inscription", "debut",
    ),
    # What we write ourselves into files that come back.
    "": ("why", "pourquoi", "section name", "section nom", "village name", "covered until", "couvert jusqu au"),
}  # fmt: skip

_FIELD_OF = {name: field for field, names in FIELDS.items() for name in names}
_LEFT_OUT_OF = {name: why for why, names in LEFT_OUT.items() for name in names}

RELATIONS: dict[str, tuple[str, ...]] = {
    "head": (
        "head", "head of household", "household head", "member", "adherent", "adherente", "adherent e", "chef",
        "cheffe", "chef de menage", "cheffe de menage", "chef de famille", "cheffe de famille", "chef fe de menage",
        "titulaire", "assure principal",
    ),
    "spouse": (
        "spouse", "husband", "wife", "partner", "conjoint", "conjointe", "conjoint e", "epoux", "epouse", "mari",
        "femme",
    ),
    "child": ("child", "son", "daughter", "enfant", "fils", "fille"),
    "parent": ("parent", "father", "mother", "pere", "mere", "ascendant"),
    "other": (
        "other", "dependant", "dependent", "autre", "personne a charge", "autre personne a charge", "pac",
        "brother", "sister", "niece", "nephew", "frere", "soeur", "neveu", "cousin", "cousine", "petit fils",
        "petite fille", "petit enfant", "oncle", "tante",
    ),
}  # fmt: skip
_RELATION_OF = {name: one for one, names in RELATIONS.items() for name in names}
_SEX_OF = {
    **dict.fromkeys(("f", "femme", "feminin", "female", "woman", "fille"), "F"),
    **dict.fromkeys(("m", "h", "homme", "masculin", "male", "man", "garcon"), "M"),
}
_LANGUAGE_OF = {
    **dict.fromkeys(("fr", "francais", "french"), "fr"),
    **dict.fromkeys(("en", "anglais", "english"), "en"),
    **dict.fromkeys(("rn", "kirundi", "ikirundi"), "rn"),
    **dict.fromkeys(("sw", "swahili", "kiswahili"), "sw"),
}


def field_of(heading: str) -> str | None:
    """Which of :data:`FIELDS` a column is by its heading; ``N° ménage`` is ``family``."""
    return _FIELD_OF.get(_named(heading))


def left_out(heading: str) -> str | None:
    """Why a column that we know isn't taken over; empty where nobody needs to be told, None where it isn't known."""
    return _LEFT_OUT_OF.get(_named(heading))


def _named(heading: str) -> str:
    # "N°" falls apart as "n" and a degree sign or "no": both mean the number.
    return plain(re.sub(r"(?i)\bn\s*[°º]", "no ", heading))


def relation_of(cell: str) -> str | None:
    """A relation to the head by the word for it; None for a word that isn't known."""
    return _RELATION_OF.get(plain(cell))


def sex_of(cell: str) -> str | None:
    """F or M; None for another word."""
    return _SEX_OF.get(plain(cell))


def language_of(cell: str) -> str | None:
    """A language by its letters or its name; None for another word."""
    return _LANGUAGE_OF.get(plain(cell))


_YEAR = re.compile(r"(\d{4})(?:[.,]0+)?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T].*)?")
_DAY = re.compile(r"(\d{1,2})[./\- ](\d{1,2})[./\- ](\d{4})")


def birth_year_of(cell: str) -> int | None:
    """The year of a year or a day of birth: ``1991``, ``12/05/1991``, ``1991-05-12``; None for what is neither."""
    text = in_our_digits(cell.strip())
    if found := _YEAR.fullmatch(text):
        return int(found[1])
    if found := _ISO.fullmatch(text):
        year, month, day = int(found[1]), int(found[2]), int(found[3])
    elif found := _DAY.fullmatch(text):
        day, month, year = int(found[1]), int(found[2]), int(found[3])
    else:
        return None
    try:
        return date(year, month, day).year
    except ValueError:
        return None


def age_of(cell: str) -> int | None:
    """An age in years: ``35``, ``35 ans``; None for what is none."""
    found = re.fullmatch(r"(\d{1,3})(?:[.,]0+)?(?:\s*(?:ans?|years?))?", in_our_digits(cell.strip().lower()))
    return int(found[1]) if found else None
