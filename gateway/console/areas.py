"""Every area of the office, in the order of the menu."""

from __future__ import annotations

from gateway.console.doors import Area
from gateway.console.pages import account, api_keys, basics, between, books, care, enter, events, indicators, today
from gateway.console.pages.households import (
    categories,
    changes,
    duplicates,
    families,
    imports,
    people,
    printing,
    profile,
    registering,
    search,
)
from gateway.console.pages.money import cases, cash, collections, day, deductions, groups, refunds, suspense
from gateway.console.pages.network import exchange, facilities, moves, operators, plans, staff, tree, webhooks
from gateway.console.pages.privacy import household as own_data
from gateway.console.pages.privacy import requests as data_requests
from gateway.console.pages.reconciliation import overview
from gateway.console.pages.reminders import campaigns, compose, delivery, rules, texts

AREAS: tuple[Area, ...] = (
    today.AREA,
    basics.AREA,
    search.AREA,
    profile.AREA,
    people.AREA,
    changes.AREA,
    families.AREA,
    own_data.AREA,
    duplicates.AREA,
    registering.AREA,
    imports.AREA,
    printing.AREA,
    categories.AREA,
    cash.AREA,
    collections.AREA,
    refunds.AREA,
    suspense.AREA,
    cases.AREA,
    day.AREA,
    groups.AREA,
    deductions.AREA,
    campaigns.AREA,
    compose.AREA,
    rules.AREA,
    texts.AREA,
    delivery.AREA,
    overview.AREA,
    books.AREA,
    indicators.AREA,
    tree.AREA,
    moves.AREA,
    operators.AREA,
    plans.AREA,
    facilities.AREA,
    exchange.AREA,
    api_keys.AREA,
    webhooks.AREA,
    staff.AREA,
    care.AREA,
    between.AREA,
    data_requests.AREA,
    events.AREA,
    enter.AREA,
    account.AREA,
)
