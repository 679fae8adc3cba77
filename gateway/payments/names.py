"""One word for each operator and one spelling of its numbers, whoever brings them: a provider, an SMS, a statement.

An operator's word is its name as the plan of operators has it, in small letters with low lines (``MTN MoMo`` is
``mtn_momo``), which is also the name of the provider that asks it directly. Where a provider has another name, or
carries several operators (pawaPay writes the operator before the number: ``MTN_MOMO_BEN:123``), the tables here say so.
"""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import ColumnElement, bindparam, case, func

from gateway.kernel.spelling import plain
from gateway.store.schema import collection

# Providers that have another name than the wallet that they ask.
_PROVIDERS = {"daraja": "mpesa", "mpesa_openapi": "mpesa"}
# Other names of the same wallet.
_SAME = _PROVIDERS | {
    "m_pesa": "mpesa",
    "momo": "mtn_momo",
    "mtn": "mtn_momo",
    "mtn_mobile_money": "mtn_momo",
    "orange": "orange_money",
    "airtel": "airtel_money",
    "moov": "moov_money",
    "flooz": "moov_money",
    "leo": "ecocash",
    "lumitel": "lumicash",
}
# How pawaPay's codes of operators begin (docs.pawapay.io, "providers"); the country's three letters follow.
PAWAPAY_CODES = {
    "MTN_MOMO_": "mtn_momo",
    "VODACOM_MPESA_": "mpesa",
    "MPESA_": "mpesa",
    "ORANGE_": "orange_money",
    "AIRTEL_": "airtel_money",
    "MOOV_": "moov_money",
}
THREE_LETTERS = {
    "BF": "BFA", "BI": "BDI", "BJ": "BEN", "CD": "COD", "CI": "CIV", "CM": "CMR", "GN": "GIN", "KE": "KEN", "ML": "MLI",
    "NE": "NER", "RW": "RWA", "SN": "SEN", "TG": "TGO",
}  # fmt: skip
WORD_CHARACTERS = 20  # as many as the database keeps of a provider
SHORTEST, LONGEST = 6, 30  # characters of an operator's number, separators not counted
_APART = re.compile(r"[\s.\-/_:#]")
# How Orange and Airtel write theirs: MP260709.1341.A00073.
_DOTTED = re.compile(r"([A-Z]{2}\d{6})(\d{4})([A-Z]\d{4,6})")


def operator_word(name: str) -> str:
    """The one word for an operator, from its name in any spelling or from a provider's."""
    word = plain(name).replace(" ", "_")[:WORD_CHARACTERS]
    return _SAME.get(word, word)


def operator_number(given: str) -> str:
    """An operator's number of a transaction as two of them are compared: capitals and figures, no separators."""
    return _APART.sub("", unicodedata.normalize("NFKC", given)).upper()


def read_number(typed: str) -> str | None:
    """The number that somebody typed, as it is compared; None for what can't be one."""
    number = operator_number(typed)
    fits = SHORTEST <= len(number) <= LONGEST and number.isascii() and number.isalnum()
    return number if fits and any(letter.isdigit() for letter in number) else None


def carried(operator_id: str) -> tuple[str | None, str]:
    """The operator's word (None: the provider's own) and number in what a provider gave as the operator's number."""
    code, colon, rest = operator_id.partition(":")
    word = next((word for begins, word in PAWAPAY_CODES.items() if code.startswith(begins)), None) if colon else None
    return (word, operator_number(rest)) if word else (None, operator_number(operator_id))


def provider_names(word: str) -> list[str]:
    """The names under which payments of one wallet stand: its operator's word, and the providers that ask it."""
    return [word, *(name for name, same in _SAME.items() if same == word)]


def as_providers_wrote(word: str, given: str, country: str) -> tuple[list[str], list[str]]:
    """Where a transaction stands that a provider posted: the names of providers, and how each may write its number."""
    providers = [*provider_names(word), "pawapay"]
    three = THREE_LETTERS.get(country, country)
    number = operator_number(given)
    spelled = {given.strip(), given.strip().upper(), number}
    if (parts := _DOTTED.fullmatch(number)) is not None:  # a statement is read without separators
        spelled.add(".".join(parts.groups()))
    codes = [f"{begins}{three}" for begins, same in PAWAPAY_CODES.items() if same == word]
    return providers, sorted(spelled | {f"{code}:{one}" for code in codes for one in spelled})


def as_written_by(provider: str, environment: str | None, number: str) -> str:
    """A number as a provider gives it: pawaPay writes the operator, its name of an environment, before it."""
    return f"{environment}:{number}" if provider == "pawapay" and environment else number


def word_of_collection() -> ColumnElement[str]:
    """The operator's word of a collection's row; the value ``carried`` is what :func:`carried` found, or NULL."""
    # Few names: the statement has this twice, and psycopg reads one of more than fifty values anew each time.
    own = ((collection.c.provider == name, word) for name, word in _PROVIDERS.items())
    same = case(*own, else_=collection.c.provider)
    return func.coalesce(bindparam("carried", type_=collection.c.provider.type), same)
