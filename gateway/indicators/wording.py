"""How a figure is written for people: 12 500, 65,0 %, 4,9, 2 h, 0,031 F."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from babel.numbers import format_decimal

from gateway.indicators.figures import Figure
from gateway.indicators.periods import Period
from gateway.kernel.money import EXPONENT
from gateway.ledger.exports import figure as in_units
from gateway.locale import Say, mark, show_count
from gateway.network.organisations import Organisation
from gateway.sms.costs import E4

NOTHING = "–"
_PLACES = {"ratio": 4, "average": 2, "hours": 2, "days": 0, "cost": 4, "count": 0}
MONTHS = (
    mark("January"), mark("February"), mark("March"), mark("April"), mark("May"), mark("June"), mark("July"),
    mark("August"), mark("September"), mark("October"), mark("November"), mark("December"),
)  # fmt: skip
_HOURS_OF_A_DAY = 24


def exact(one: Figure) -> Decimal | None:
    """The value to as many places as its unit has: a ratio of 0.65 is 0.6500; None where there is none."""
    return None if one.value is None else rounded(one.value, _PLACES[one.unit])


def rounded(value: Fraction, places: int) -> Decimal:
    """A fraction as a decimal, rounded half to even as exactly as it was counted."""
    return Decimal(round(value * 10**places)).scaleb(-places)


def number(value: Decimal, say: Say, pattern: str = "#,##0.#") -> str:
    """A number as people write it in a language."""
    return str(format_decimal(value, pattern, say.language if say.language in ("fr", "en") else "fr"))


def shown(one: Figure, say: Say) -> str:
    """The value for people."""
    if one.value is None:
        return NOTHING
    if one.unit == "ratio":
        sign = "+" if one.code == "growth" and one.value > 0 else ""
        return f"{sign}{number(rounded(one.value * 100, 1), say, '#,##0.0')} %"
    if one.unit == "hours":
        return _time(one.value, say)
    if one.unit == "days":
        return say.many("{count} day", "{count} days", int(one.value))
    if one.unit == "cost":
        return f"{number(rounded(one.value, 4), say, '0.0###')} {one.currency}"
    if one.unit == "average":
        return number(rounded(one.value, 1), say, "#,##0.0")
    return show_count(int(one.value), say.language)


def _time(hours: Fraction, say: Say) -> str:
    if hours < 2:
        return say("{minutes} min", minutes=int(hours * 60))
    if hours < 3 * _HOURS_OF_A_DAY:
        return say("{hours} h", hours=int(hours))
    return say.many("{count} day", "{count} days", int(hours / _HOURS_OF_A_DAY))


def made_from(one: Figure, say: Say) -> str:
    """What it was divided from, for people: ``2 967 / 17 345``; amounts in units of their currency."""
    if one.numerator is None:
        return say.many("{count} measured", "{count} measured", one.denominator or 0)
    if one.denominator is None:
        return ""
    top, bottom = (_part(one, part, say) for part in (one.numerator, one.denominator))
    return f"{top} / {bottom}"


def parts(one: Figure) -> tuple[Decimal | None, Decimal | None]:
    """Numerator and denominator for a file: counts, or amounts in units of the currency."""
    top, bottom = one.numerator, one.denominator
    return (None if top is None else _amount(one, top), None if bottom is None else _amount(one, bottom))


def _amount(one: Figure, part: int) -> Decimal:
    if one.currency is None:
        return Decimal(part)
    if one.unit == "cost":
        return Decimal(part) / E4
    return in_units(part, one.currency) if one.currency in EXPONENT else Decimal(part).scaleb(-2)


def _part(one: Figure, part: int, say: Say) -> str:
    return number(_amount(one, part), say, "#,##0.####") if one.currency else show_count(part, say.language)


def title(one: Figure, say: Say) -> str:
    """What it is called, with its currency where it has one."""
    name = say(one.indicator.name)
    return f"{name} ({one.currency})" if one.currency else name


def period_name(period: Period, say: Say) -> str:
    """``2026``, ``3rd quarter 2026``, ``November 2026``."""
    if period.month is not None:
        return " ".join((say(MONTHS[period.month - 1]), str(period.year)))
    if period.quarter is not None:
        return say("Quarter {number} of {year}", number=period.quarter, year=period.year)
    return str(period.year)


def short_name(period: Period) -> str:
    """The same below a chart's column: ``2026``, ``11/26``."""
    return f"{period.month:02d}/{period.year % 100:02d}" if period.month is not None else str(period)


def heading(place: Organisation, period: Period, say: Say) -> str:
    """What a report is called."""
    return say("Indicators of {place}, {period}", place=place.name, period=period_name(period, say))
