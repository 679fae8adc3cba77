"""What an operator's SMS says of money that came: read by patterns that are data, never by guessing.

What can't be read to the last figure is :class:`Unread`, and left to a person.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Annotated
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, BadAmount, Money
from gateway.kernel.msisdn import BadMsisdn, read_caller, read_msisdn
from gateway.network.organisations import Organisation
from gateway.payments.names import operator_word

LONGEST_TEXT = 1000


class BadTexts(Fault):
    """The table of operators' SMS can't be used; the text says where and why."""


# --- the table --------------------------------------------------------------------------------------------------------

_AMOUNT = r"\d(?:[\d .,']*\d)?"
_NUMBER = r"\+?\d{8,15}"
# What the words in pointed brackets of a pattern stand for.
_GROUPS = {
    "amount": rf"(?P<amount>{_AMOUNT})",
    "balance": rf"(?P<balance>{_AMOUNT})",
    "fee": rf"(?P<fee>{_AMOUNT})",  # in the amount's currency; what came is the amount, the fee goes off the wallet
    "currency": r"(?P<currency>FCFA|CFA|XOF|XAF|GNF|FG|BIF|FBU|CDF|FC|USD|\$|RWF|FRW|KSH|KES|F)",
    "payer": rf"(?P<payer>{_NUMBER})",
    # The payer types it: whatever stands in it, the operator's own words that follow are the last of their kind.
    "reference": r"(?P<reference>.*)",
    "reference_at_end": r"(?P<reference>[^.]*)",
    "id": r"(?P<id>[A-Z0-9](?:[A-Z0-9.\-]*[A-Z0-9])?)",
    "id_capitals": r"(?P<id>(?-i:[A-Z0-9]{8,12}))",
    "id_digits": r"(?P<id>\d+)",
    "time": r"(?P<time>\d[\d/:\- ]*\d(?: at \d[\d:]*)?(?: ?[AP]M)?)",
    "name": r"[^()]*?",
    # A name, a number, or both, the number before or behind.
    "name_and_payer": rf"(?:(?P<payer>{_NUMBER})(?: [^.]*?)?|[^.]*? (?P<payer_behind>{_NUMBER})|[^.]*?)",
}
_WORD = re.compile(r"<(\w+)>")

# How currencies are written; "F" and "FCFA" are either of two, and so the mutuelle's own.
_CURRENCIES = {"FBU": "BIF", "FG": "GNF", "FC": "CDF", "$": "USD", "FRW": "RWF", "KSH": "KES"}
_FRANCS_CFA = frozenset({"F", "FCFA", "CFA"})


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    operator: Annotated[str, Field(min_length=1, max_length=20)]
    countries: Annotated[list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]], Field(min_length=1)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    assumed: bool = False
    pattern: str
    time: str | None = None
    currency: str | None = None
    sample: str
    read: dict[str, str]

    @model_validator(mode="after")
    def _together(self) -> _Row:
        words = _WORD.findall(self.pattern)
        if unknown := [word for word in words if word not in _GROUPS]:
            raise ValueError(f"<{unknown[0]}> stands for nothing")
        groups = re.compile(expanded(self.pattern)).groupindex
        if not {"amount", "id"} <= set(groups):
            raise ValueError("a pattern has <amount> and <id>")
        if ("time" in groups) != (self.time is not None):
            raise ValueError("<time> and time go together")
        if ("currency" in groups) == (self.currency is not None):
            raise ValueError("either <currency> or currency")
        return self


def expanded(pattern: str) -> str:
    """A pattern with its words as the groups they stand for."""
    return _WORD.sub(lambda word: _GROUPS[word[1]], pattern)


@dataclass(frozen=True)
class Text:
    """How one operator writes that money came."""

    operator: str
    countries: tuple[str, ...]
    language: str
    assumed: bool
    pattern: re.Pattern[str]
    time: str | None
    currency: str | None
    sample: str
    read: Mapping[str, str]


def read_texts(source: str) -> tuple[Text, ...]:
    """The table in a TOML document; raises :class:`BadTexts`."""
    try:
        rows = [(_Row.model_validate(row), place) for place, row in enumerate(tomllib.loads(source)["sms"], 1)]
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise BadTexts(f"forwarded.toml: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, KeyError) as wrong:
        raise BadTexts(f"forwarded.toml: {wrong}") from None
    return tuple(
        Text(
            row.operator,
            tuple(row.countries),
            row.language,
            row.assumed,
            re.compile(expanded(row.pattern), re.IGNORECASE),
            row.time,
            row.currency,
            row.sample,
            row.read,
        )
        for row, _ in rows
    )


@cache
def built_in() -> tuple[Text, ...]:
    """The operators' texts that we know."""
    return read_texts(resources.files(__package__).joinpath("forwarded.toml").read_text(encoding="utf-8"))


# --- reading one ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """What an SMS says; ``paid_at`` is None where it names no time."""

    operator: str
    operator_id: str
    amount: Money
    payer: str | None
    reference: str | None
    paid_at: datetime | None
    fee: Money | None = None


@dataclass(frozen=True)
class Unread:
    """Why a text is left to a person."""

    why: str


# A text that speaks of money going back or of nothing having happened is never read as money that came.
_NOT_CAME = re.compile(r"annul|rembours|revers|echou|refus|fail|cancel|refund|declin", re.IGNORECASE)


def read_sms(text: str, where: Organisation, texts: Sequence[Text] | None = None) -> Read | Unread:
    """What an operator's SMS says of money that came to a wallet of an organisation; every pattern must agree."""
    if len(text) > LONGEST_TEXT:
        return Unread("too long")
    plain = plain_text(text)
    if _NOT_CAME.search(plain):
        return Unread("it speaks of money that went back, or didn't come")
    fits = [
        (one, found)
        for one in (texts if texts is not None else built_in())
        if where.country in one.countries and (found := one.pattern.search(plain))
    ]
    if not fits:
        return Unread("no operator's text that is known")
    if any(one.pattern.search(plain, found.start() + 1) for one, found in fits):
        return Unread("it tells of more than one payment")
    try:
        readings = [_read(one, found, where) for one, found in fits]
    except BadAmount as wrong:
        return Unread(f"its amount can't be read: {wrong.args[0]}")
    except ValueError:
        return Unread("its time can't be read")
    if len({(operator_word(each.operator), each.operator_id, each.amount) for each in readings}) > 1:
        return Unread("it can be read in more than one way")
    return max(readings, key=lambda each: (each.reference is not None, each.payer is not None))


def plain_text(text: str) -> str:
    """The text without accents and with single spaces."""
    kept = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(kept.replace("’", "'").split())


def _read(one: Text, found: re.Match[str], where: Organisation) -> Read:
    groups = found.groupdict()
    currency = one.currency or _currency(groups["currency"], where)
    payer = groups.get("payer") or groups.get("payer_behind")
    reference = (groups.get("reference") or "").strip(" -")
    at = groups.get("time")
    return Read(
        one.operator,
        groups["id"],
        read_figure(groups["amount"], currency),
        _payer(payer, where.country) if payer else None,
        reference or None,
        _moment(at, one.time, where.time_zone) if at and one.time else None,
        _fee(groups.get("fee"), currency),
    )


def _fee(written: str | None, currency: str) -> Money | None:
    """None where the text tells of none, or of a fee of nothing."""
    if written is None or not written.strip("0 .,"):
        return None
    return read_figure(written, currency)


def _currency(written: str, where: Organisation) -> str:
    word = written.upper()
    if word in _FRANCS_CFA:
        if where.currency not in ("XOF", "XAF"):
            raise BadAmount("currency")
        return where.currency
    return _CURRENCIES.get(word, word)


_PLAIN = re.compile(r"\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:([ .,'])\d{3})(?:\1\d{3})*")
_DECIMALS = re.compile(r"(.*\d)([.,])(\d{1,2})")


def read_figure(figure: str, currency: str) -> Money:
    """An amount as operators write it; raises :class:`BadAmount` for one that could mean two things.

    One kind of separator between thousands, another before decimals. Where the currency has decimals, a single dot or
    comma before three figures may be either, and isn't guessed.
    """
    whole, cents = figure.strip(), ""
    split = _DECIMALS.fullmatch(whole)
    if split and (thousands := _THOUSANDS.fullmatch(split[1])) and thousands[1] == split[2]:
        raise BadAmount("ambiguous")
    if split and (_PLAIN.fullmatch(split[1]) or _THOUSANDS.fullmatch(split[1])):
        whole, cents = split[1], split[3]
    thousands = _THOUSANDS.fullmatch(whole)
    if not thousands and not _PLAIN.fullmatch(whole):
        raise BadAmount("ambiguous")
    if EXPONENT.get(currency) and thousands and not cents and re.fullmatch(r"\d{1,3}[.,]\d{3}", whole):
        raise BadAmount("ambiguous")
    digits = re.sub(r"\D", "", whole)
    amount = Money.from_decimal(f"{digits}.{cents}" if cents else digits, currency)
    if not amount:
        raise BadAmount("zero")
    return amount


def _payer(written: str, country: str) -> str | None:
    """The payer's number in E.164, where it can be told."""
    try:
        return read_msisdn(written, country)
    except BadMsisdn:
        pass
    calling = str(phonenumbers.country_code_for_region(country))
    national = written.removeprefix("+").removeprefix("0")
    whole = national if national.startswith(calling) and len(national) > 9 else calling + national
    try:
        return read_caller(whole)
    except BadMsisdn:
        return None


def _moment(written: str, form: str, zone: str) -> datetime:
    return datetime.strptime(written, form).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
