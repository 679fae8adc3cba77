"""Indicators as a sheet for a spreadsheet: a row a figure, with its formula, what it was divided from and its trend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal

from gateway.indicators.keeping import Standing
from gateway.indicators.wording import exact, heading, parts, title
from gateway.ledger.exports import Cell, Sheet
from gateway.locale import Say


def figures_sheet(found: Standing, say: Say) -> Sheet:
    """Every figure; ratios as they are (0,65 is 65 %), amounts in units of their currency."""
    periods = [period for period, _ in found.trend]
    heads = (
        say("Code"),
        say("Indicator"),
        say("Period"),
        say("Value"),
        say("Currency"),
        say("Numerator"),
        say("Denominator"),
        say("Formula"),
        say("Source"),
        *(str(one) for one in periods),
    )

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in found.figures or ():
            through = {period: exact(each) for period, each in found.through(one.name)}
            numerator, denominator = parts(one)
            yield (
                one.code,
                title(one, say),
                str(found.period),
                exact(one),
                one.currency or "",
                numerator,
                denominator,
                say(one.indicator.formula),
                one.indicator.source,
                *(through.get(period) for period in periods),
            )

    return Sheet(heading(found.place, found.period, say), heads, rows())


@dataclass(frozen=True)
class Plain:
    """A figure as plain numbers, for programs: amounts in units of their currency; ``trend``: periods and values."""

    code: str
    currency: str | None
    unit: str
    value: int | float | None
    numerator: int | float | None
    denominator: int | float | None
    trend: tuple[tuple[str, int | float | None], ...]


def plain_figures(found: Standing) -> list[Plain]:
    """Every figure as plain numbers."""
    return [
        Plain(
            one.code,
            one.currency,
            one.unit,
            _plain(exact(one)),
            _plain(parts(one)[0]),
            _plain(parts(one)[1]),
            tuple((str(period), _plain(exact(past))) for period, past in found.through(one.name)),
        )
        for one in found.figures or ()
    ]


def as_json(found: Standing) -> dict[str, object]:
    """The same as plain values, for programs: names in English and stable."""
    return {
        "place": found.place.code,
        "period": str(found.period),
        "counted_at": found.counted_at.isoformat() if found.counted_at else None,
        "figures": [
            {**asdict(one), "trend": [{"period": period, "value": value} for period, value in one.trend]}
            for one in plain_figures(found)
        ],
    }


def _plain(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
