"""The indicators of a place and a period: what it reports of itself, with what each figure was divided from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.api.call import Call
from gateway.api.doors import Area
from gateway.api.problems import Problem
from gateway.api.shapes import Asked, Code, Given
from gateway.indicators.keeping import look
from gateway.indicators.periods import Period
from gateway.indicators.sheets import Plain, plain_figures
from gateway.locale import mark
from gateway.network.api_keys import Scope

API = Area("indicators", "What a network reports of itself, for any tier and period.")


class IndicatorsAsked(Asked):
    """Of which organisation, and of which year, quarter or month."""

    place: Annotated[Code | None, Field(description="The organisation's code; else the key's own.")] = None
    period: Annotated[
        str | None,
        Field(
            pattern=r"^(19|20)\d{2}(Q[1-4]|-(0[1-9]|1[0-2]))?$",
            description="A year, a quarter or a month; else this year.",
            examples=["2026Q3"],
        ),
    ] = None


class PastGiven(Given):
    """What a figure was in an earlier period."""

    period: str
    value: float | None


class FigureGiven(Given):
    """A figure. ``unit``: count, ratio (0.65 is 65 %), average, hours, days or cost; amounts are in whole units."""

    code: str
    currency: str | None
    unit: str
    value: float | None
    numerator: float | None
    denominator: float | None
    trend: list[PastGiven]


class IndicatorsGiven(Given):
    """Every figure of a place and a period. ``counted_at``: when, where that wasn't just now."""

    place: str
    period: str
    counted_at: datetime | None
    figures: list[FigureGiven]


@API.get("/indicators", Scope.INDICATORS_READ, answers=IndicatorsGiven, asks=IndicatorsAsked, also=("not-there",))
def indicators(call: Call, asked: IndicatorsAsked) -> IndicatorsGiven:
    """The figures of everything at or below an organisation, with their trends.

    Each currency has figures of its own: they are never added. Of a large network they were counted within the last
    day.
    """
    place = call.place(asked.place) if asked.place is not None else call.root
    period = Period.read(asked.period) if asked.period is not None else Period(call.today(place.id).year)
    found = look(call.store, call.tree, place, period)
    if found.figures is None:
        counted = mark("They are being counted for the first time: look again in a few minutes.")
        raise Problem("unavailable", counted, headers={"Retry-After": "120"})
    return IndicatorsGiven(
        place=place.code,
        period=str(period),
        counted_at=found.counted_at,
        figures=[_given(one) for one in plain_figures(found)],
    )


def _given(one: Plain) -> FigureGiven:
    return FigureGiven(
        code=one.code,
        currency=one.currency,
        unit=one.unit,
        value=one.value,
        numerator=one.numerator,
        denominator=one.denominator,
        trend=[PastGiven(period=period, value=value) for period, value in one.trend],
    )
