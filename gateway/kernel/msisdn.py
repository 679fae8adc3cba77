"""Phone numbers: E.164 in the database and between modules; what people type is read here and nowhere else."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class BadMsisdn(ValueError):
    """What was given isn't a mobile number of a country that we know."""


def _benin(digits: str) -> str:
    """Benin put ``01`` before every number on 30 November 2024; habits and statements keep the old eight digits."""
    return "+22901" + digits[4:] if re.fullmatch(r"\+229\d{8}", digits) else digits


@lru_cache(maxsize=4096)
def read_msisdn(typed: str, country: str) -> str:
    """The E.164 form of a mobile number typed in ``country`` (ISO alpha-2); raises :class:`BadMsisdn`.

    Takes ``+229…``, ``00229…``, the national form with or without its trunk 0, and Benin's old eight digits.
    """
    if len(typed) > 40:
        raise BadMsisdn("length")
    # Only telephone punctuation may stand between digits: "1*2" is a menu path and never a number.
    text = re.sub(r"[\s().\-/]", "", typed)
    if not re.fullmatch(r"\+?\d{6,15}", text):
        raise BadMsisdn("not-a-number")
    text = "".join(str(int(c)) if c.isdigit() else c for c in text)
    if text.startswith("00"):
        text = "+" + text[2:]
    if country == "BJ" and re.fullmatch(r"(229)?\d{8}", text):
        text = "+229" + text[-8:]
    try:
        number = phonenumbers.parse(_benin(text), country)
    except phonenumbers.NumberParseException:
        raise BadMsisdn("not-a-number") from None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE:
        raise BadMsisdn("not-a-mobile-number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=4096)
def read_caller(given: str) -> str:
    """The E.164 form of a number that an aggregator hands us; lenient on its plan, strict on its shape."""
    text = given.strip()
    if re.fullmatch(r"\d{8,15}", text):
        text = "+" + text
    if not re.fullmatch(r"\+[1-9][0-9]{7,14}", text):
        raise BadMsisdn("not-a-number")
    return _benin(text)


@lru_cache(maxsize=4096)
def country_of(msisdn: str) -> str | None:
    """The ISO alpha-2 country of an E.164 number, or None."""
    try:
        number = phonenumbers.parse(msisdn, None)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )


@lru_cache(maxsize=4096)
def show_national(msisdn: str) -> str:
    """The number as people of its country write it; one of no country that we know stays as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(msisdn, None), phonenumbers.PhoneNumberFormat.NATIONAL)
    except phonenumbers.NumberParseException:
        return msisdn
