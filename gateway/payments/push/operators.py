"""Which operator a number most likely belongs to, and how it can be asked or paid: a table, read once and checked.

A prefix is a suggestion, for numbers can be ported to another operator: an operator that answers "no such wallet" is
right, and nothing here may be used to refuse a payer.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from gateway.kernel.faults import Fault
from gateway.kernel.msisdn import BadMsisdn, read_msisdn

SANDBOX = "sandbox"
SANDBOX_PUSH = "mtn_momo"
PUSHES = frozenset(
    {"mtn_momo", "pawapay", "mpesa_openapi", "daraja", "airtel_money", "orange_money", "gsma"}
)  # the files of providers/


class BadOperators(Fault):
    """The table of operators can't be used; the text says where and why."""


@dataclass(frozen=True)
class Push:
    """A provider that can ask an operator's wallets for money; ``environment`` is its own word for that operator."""

    provider: str
    environment: str


@dataclass(frozen=True)
class Operator:
    """An operator of one country. ``pushes``: who can ask its wallets for money, the first that is connected first."""

    country: str
    name: str
    prefixes: tuple[str, ...]
    pushes: tuple[Push, ...]
    reference: bool


class _PushRow(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    provider: str
    environment: Annotated[str, Field(min_length=1, max_length=40)]

    @field_validator("provider")
    @classmethod
    def _known(cls, provider: str) -> str:
        if provider not in PUSHES:
            raise ValueError(f"must be one of {', '.join(sorted(PUSHES))}")
        return provider


class _OperatorRow(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=20)]
    prefixes: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")]], Field(min_length=1)]
    push: list[_PushRow] = Field(default_factory=list)
    reference: bool = False


class _CountryRow(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    calling: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")]
    digits: Annotated[int, Field(ge=6, le=12)]
    operator: Annotated[list[_OperatorRow], Field(min_length=1)]


@dataclass(frozen=True)
class Operators:
    """The operators of the countries served, by the beginnings of their numbers."""

    all: tuple[Operator, ...]
    # "+" with calling code and prefix → (operator, digits of the whole number, without "+").
    _by_prefix: Mapping[str, tuple[Operator, int]]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Operators:
        """Read ``path``, or the built-in table; raises :class:`BadOperators`."""
        try:
            text = (
                Path(path).read_text(encoding="utf-8")
                if path
                else resources.files(__package__).joinpath("operators.toml").read_text(encoding="utf-8")
            )
            return cls._of(tomllib.loads(text))
        except (OSError, ValueError) as wrong:
            raise BadOperators(f"operators file {path or 'operators.toml'}: {wrong}") from None

    @classmethod
    def _of(cls, tables: Mapping[str, Any]) -> Operators:
        found: list[Operator] = []
        by_prefix: dict[str, tuple[Operator, int]] = {}
        for country, table in tables.items():
            row = _country(country, table)
            for one in row.operator:
                pushes = tuple(Push(each.provider, each.environment) for each in one.push)
                operator = Operator(country, one.name, tuple(one.prefixes), pushes, one.reference)
                found.append(operator)
                for prefix in one.prefixes:
                    other, _ = by_prefix.setdefault(
                        f"+{row.calling}{prefix}", (operator, len(row.calling) + row.digits)
                    )
                    if other is not operator:
                        raise ValueError(f"{country}: {one.name} and {other.name} both have the prefix {prefix}")
        return cls(tuple(found), by_prefix)

    def of(self, msisdn: str) -> Operator | None:
        """The operator that an E.164 number most likely belongs to, or None."""
        for length in range(len(msisdn), 1, -1):
            if found := self._by_prefix.get(msisdn[:length]):
                operator, digits = found
                return operator if len(msisdn) == digits + 1 else None
        return None

    def pushes_for(self, msisdn: str, in_sandbox: bool = False) -> tuple[Push, ...]:
        """Who can ask this E.164 number's wallet for money, the preferred one first.

        In MTN's ``sandbox`` every mobile number of any country has a wallet, its Swedish test payers (+4673312345x)
        before all, and so every mobile number is pushed there.
        """
        operator = self.of(msisdn)
        if in_sandbox and (operator is not None or _is_mobile(msisdn)):
            return (Push(SANDBOX_PUSH, SANDBOX),)
        return operator.pushes if operator is not None else ()


def _country(country: str, table: Any) -> _CountryRow:
    """Check one country's table; raises :class:`ValueError` that names the first place that is wrong."""
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise ValueError(f"{country}: a country is two capital letters")
    try:
        return _CountryRow.model_validate(table)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise ValueError(f"{_place(country, table, first['loc'])}: {first['msg']}") from None


def _place(country: str, table: Any, where: tuple[int | str, ...]) -> str:
    """``BJ operator 2 (Moov Money) prefixes 3``: counted from one, as people count."""
    words = [country]
    for depth, part in enumerate(where):
        words.append(str(part + 1) if isinstance(part, int) else part)
        if depth == 1 and isinstance(part, int):
            row = table["operator"][part]
            words += [f"({row['name']})"] if isinstance(row, dict) and isinstance(row.get("name"), str) else []
    return " ".join(words)


def _is_mobile(msisdn: str) -> bool:
    try:
        return read_msisdn(msisdn, "SE") == msisdn
    except BadMsisdn:
        return False
