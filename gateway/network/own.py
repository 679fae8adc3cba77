"""What an organisation says itself and what it has from above: every setting, who says it, and how it is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import Connection, delete, exists, insert, or_, select, update

from gateway.kernel.money import EXPONENT
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.spelling import plain
from gateway.locale import NAMES, mark
from gateway.network.organisations import (
    MERCHANT_CHARACTERS,
    NAME_CHARACTERS,
    TREE_TURN,
    BadOrganisation,
    Defaults,
    Organisation,
    Plot,
    Tree,
    own_of,
)
from gateway.store.schema import (
    category,
    entry,
    household,
    membership,
    organisation,
    plan,
    reminder_rule,
    service_code,
    sms_template,
    staff,
    wallet,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

ADDRESS_CHARACTERS = 120
SEPTETS = (80, 182)  # what fits on a screen, from the narrowest aggregator to the widest
# What can be said at any organisation and is inherited by those below; and what is each one's own.
INHERITED = ("district", "country", "currency", "time_zone", "languages", "merchant_code", "quiet")
OWN = ("name", "contact_name", "contact_msisdn", "address")
SETTINGS = (*INHERITED, *OWN)
_SHORT_CODE = re.compile(r"\*[0-9]{1,4}(\*[0-9]{1,6}){0,4}#")


@dataclass(frozen=True)
class Said:
    """A setting as it counts in an organisation, and who says it; ``place`` None: the installation's settings.

    What comes from several organisations (texts, short codes) has a row for each.
    """

    name: str
    value: str
    place: Organisation | None


def all_said(connection: Connection, tree: Tree, one: Organisation) -> list[Said]:
    """Everything that counts in an organisation, what it says itself as well as what it has from above."""
    upward = tree.upward(one.id)
    chain = [own_of(connection, each.id) for each in upward]
    found = []
    for name in INHERITED:
        who = next((place for place, own in zip(upward, chain, strict=True) if getattr(own, name) is not None), None)
        found.append(Said(name, _shown(one, name), who))
    found.append(Said("books", tree.books_of(one.id).name, tree.books_of(one.id)))
    found += [
        Said("short_code", code, place) for place, own in zip(upward, chain, strict=True) for code in own.short_codes
    ]
    ids = [each.id for each in upward]
    found += _nearest("plans", connection, upward, select(plan.c.organisation_id, plan.c.name), plan, ids)
    found += _nearest(
        "categories", connection, upward, select(category.c.organisation_id, category.c.name), category, ids
    )
    account = select(wallet.c.organisation_id, wallet.c.operator)
    found += _nearest("wallets", connection, upward, account, wallet, ids)
    for role in ("treasurer", "animator", "adviser", "administrator"):
        has = select(staff.c.organisation_id, staff.c.name).where(staff.c.role == role, staff.c.ended_on.is_(None))
        found += _nearest(role, connection, upward, has, staff, ids, names=False)
    # Of texts and reminders each one is decided by itself: the nearest who says something about it.
    texts = select(sms_template.c.organisation_id, sms_template.c.event, sms_template.c.language).distinct()
    found += _each("texts", connection, upward, texts.where(sms_template.c.organisation_id.in_(ids)))
    rules = select(reminder_rule.c.organisation_id, reminder_rule.c.plan_code, reminder_rule.c.days).where(
        reminder_rule.c.ended_on.is_(None), reminder_rule.c.organisation_id.in_(ids)
    )
    return found + _each("reminders", connection, upward, rules)


def _shown(one: Organisation, name: str) -> str:
    if name == "quiet":
        return f"{one.quiet_from}-{one.quiet_until}"
    if name == "languages":
        return ", ".join(one.languages)
    return str(getattr(one, name) or "")


def _nearest(
    name: str, connection: Connection, upward: list[Organisation], query: Any, table: Any, ids: list[int],
    *, names: bool = True,
) -> list[Said]:  # fmt: skip
    rows = connection.execute(query.where(table.c.organisation_id.in_(ids))).all()
    for place in upward:
        values = sorted({str(row[1]) for row in rows if row.organisation_id == place.id})
        if values:
            return [Said(name, ", ".join(values) if names else str(len(values)), place)]
    return []


def _each(name: str, connection: Connection, upward: list[Organisation], query: Any) -> list[Said]:
    rows = connection.execute(query).all()
    decided: set[tuple[object, ...]] = set()
    found = []
    for place in upward:
        own = {tuple(row[1:]) for row in rows if row.organisation_id == place.id} - decided
        decided |= own
        if own:
            found.append(Said(name, str(len(own)), place))
    return found


# --- changing ---------------------------------------------------------------------------------------------------------


def keep_own(
    unit: Unit, defaults: Defaults, organisation_id: int, changes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep what an organisation says itself from now on; None: as above. What changed, before and after.

    ``changes`` are of :data:`SETTINGS`: ``languages`` a sequence, the first by default; ``quiet`` two hours; all else
    text. Raises :class:`BadOrganisation` for what can't be, and for another currency where money has been counted.
    """
    take_turn(unit, TREE_TURN)
    plot = Plot.read(unit.connection, defaults)
    row = next(each for each in plot.rows if each.id == organisation_id)
    country = changes.get("country") or plot.tree()[organisation_id].country
    values: dict[str, Any] = {}
    for name, given in changes.items():
        if name not in SETTINGS:
            raise BadOrganisation(mark("an organisation has no setting {name}"), name=name)
        if name == "name" and given is None:
            raise BadOrganisation(mark("a name has letters or figures, {most} at most"), most=NAME_CHARACTERS)
        if name == "quiet":
            values["quiet_from"], values["quiet_until"] = given if given is not None else (None, None)
        else:
            values[name] = _READ[name](given, country) if given is not None else None
    if "currency" in values:
        _check_currency(unit.connection, plot, organisation_id, values["currency"])
    before = {name: getattr(row, name) for name in values}
    changed = {name for name in values if values[name] != before[name]}
    if changed:
        own = organisation.c.id == organisation_id
        unit.connection.execute(update(organisation).where(own).values({name: values[name] for name in changed}))
    return {name: before[name] for name in sorted(changed)}, {name: values[name] for name in sorted(changed)}


def _check_currency(connection: Connection, plot: Plot, organisation_id: int, currency: str | None) -> None:
    before = plot.tree()
    after = plot.saying(organisation_id, currency=currency).tree()
    affected = [each for each in before.by_id if before[each].currency != after[each].currency]
    if not affected:
        return
    own = before[affected[0]].currency
    counted = or_(
        exists(select(entry.c.id).where(entry.c.organisation_id.in_(affected))),
        exists(select(wallet.c.id).where(wallet.c.organisation_id.in_(affected))),
        exists(
            select(membership.c.id)
            .join(household, household.c.id == membership.c.household_id)
            .where(household.c.section_id.in_(affected))
        ),
        *(
            exists(select(plan.c.id).where(plan.c.organisation_id == each, plan.c.currency != after[each].currency))
            for each in affected
        ),
    )
    if connection.scalar(select(counted)):
        raise BadOrganisation(mark("here and below there are plans or money in {currency} already"), currency=own)


def _name(given: str, _: str) -> str:
    name = " ".join(given.split())
    if not plain(name) or len(name) > NAME_CHARACTERS:
        raise BadOrganisation(mark("a name has letters or figures, {most} at most"), most=NAME_CHARACTERS)
    return name


def _country(given: str, _: str) -> str:
    if given not in SUPPORTED_REGIONS:
        raise BadOrganisation(mark("{country} is no country whose numbers are known here"), country=given[:10])
    return given


def _currency(given: str, _: str) -> str:
    if given not in EXPONENT:
        raise BadOrganisation(mark("{currency} is no currency that is known here"), currency=given[:10])
    return given


def _time_zone(given: str, _: str) -> str:
    if given not in available_timezones():
        raise BadOrganisation(mark("{zone} is no time zone: write it like Africa/Porto-Novo"), zone=given[:40])
    return ZoneInfo(given).key


def _languages(given: Iterable[str], _: str) -> str:
    chosen = list(dict.fromkeys(given))
    if not chosen or not set(chosen) <= NAMES.keys():
        raise BadOrganisation(mark("choose at least one language"))
    return ",".join(chosen)


def _merchant_code(given: str, _: str) -> str:
    if not re.fullmatch(rf"[0-9A-Za-z-]{{1,{MERCHANT_CHARACTERS}}}", given):
        raise BadOrganisation(
            mark("a merchant code has figures and letters, {most} at most"), most=MERCHANT_CHARACTERS
        )  # fmt: skip
    return given


def _msisdn(given: str, country: str) -> str:
    try:
        return read_msisdn(given, country)
    except BadMsisdn:
        raise BadOrganisation(mark("the office's phone is no mobile number of {country}"), country=country) from None


def _address(given: str, _: str) -> str:
    address = " ".join(given.split())
    if not address or len(address) > ADDRESS_CHARACTERS:
        raise BadOrganisation(mark("an address has {most} letters at most"), most=ADDRESS_CHARACTERS)
    return address


_READ: Mapping[str, Any] = {
    "name": _name,
    "district": _name,
    "country": _country,
    "currency": _currency,
    "time_zone": _time_zone,
    "languages": _languages,
    "merchant_code": _merchant_code,
    "contact_name": _name,
    "contact_msisdn": _msisdn,
    "address": _address,
}


# --- short codes ------------------------------------------------------------------------------------------------------


def add_code(unit: Unit, tree: Tree, one: Organisation, code: str, septets: int | None = None) -> None:
    """Let a short code lead to an organisation: whoever dials it is at home there and below.

    One code at the root serves the whole network; one at each mutuelle lands there. Raises :class:`BadOrganisation`.
    """
    if not _SHORT_CODE.fullmatch(code):
        raise BadOrganisation(mark("a short code is written like *384*229#"))
    if septets is not None and not SEPTETS[0] <= septets <= SEPTETS[1]:
        raise BadOrganisation(mark("a screen has from {least} to {most} letters"), least=SEPTETS[0], most=SEPTETS[1])
    take_turn(unit, TREE_TURN)
    whose = unit.connection.scalar(select(service_code.c.organisation_id).where(service_code.c.code == code))
    if whose is not None:
        # Whose it is isn't told: it may be somebody's of another network.
        raise BadOrganisation(mark("the short code {code} leads somewhere already"), code=code)
    unit.connection.execute(insert(service_code).values(code=code, organisation_id=one.id, septets=septets))


def remove_code(unit: Unit, one: Organisation, code: str) -> None:
    """Let a short code of an organisation lead nowhere any more; raises :class:`BadOrganisation` for another's."""
    own = (service_code.c.code == code) & (service_code.c.organisation_id == one.id)
    if not unit.connection.execute(delete(service_code).where(own)).rowcount:
        raise BadOrganisation(mark("the short code {code} isn't one of {name}"), code=code, name=one.name)
