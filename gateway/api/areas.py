"""Every area of the API, in the order of its document."""

from __future__ import annotations

from gateway.api import basics, care, collections, cover, fhir, households, indicators, network, registering
from gateway.api.doors import Area

AREAS: tuple[Area, ...] = (
    basics.API,
    cover.API,
    households.API,
    registering.API,
    collections.API,
    care.API,
    network.API,
    indicators.API,
    fhir.API,
)
