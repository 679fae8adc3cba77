"""What an organisation says itself counts for it and below, until somebody below says otherwise: five levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.kernel.faults import Fault
from gateway.membership.plans import add_plan
from gateway.network import staff
from gateway.network.organisations import Network, Organisation, Tree, add_organisation
from gateway.network.own import INHERITED, add_code, all_said, keep_own, remove_code
from gateway.sms.campaigns.letters import code_of as dialled
from gateway.store.schema import category, reminder_rule, sms_template, wallet
from gateway.store.unit import Store, Unit
from tests.conftest import DEFAULTS
from tests.payments.village import ON_SQLITE, TERMS

LEVELS = ("platform", "promoter", "union", "mutuelle", "section")
TODAY = date(2026, 11, 22)


@dataclass
class Levels:
    """One organisation of each kind below the other, each named by its kind."""

    store: Store
    network: Network

    @property
    def tree(self) -> Tree:
        self.network.forget()
        return self.network.tree()

    def keep(self, code: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        one = self.tree.named(code)
        with self.store.write() as unit:
            return keep_own(unit, DEFAULTS, one.id, changes)

    def said(self, code: str) -> dict[str, tuple[str, str]]:
        """What counts at one by name: the value, and the code of who says it."""
        tree = self.tree
        with self.store.read() as connection:
            found = all_said(connection, tree, tree.named(code))
        return {each.name: (each.value, each.place.code if each.place else "settings") for each in found}


@pytest.fixture
def levels(store: Store, network: Network) -> Levels:
    with store.write() as unit:
        above = None
        for kind in LEVELS:
            above = add_organisation(unit, above, kind=kind, code=kind, name=kind.title())
    return Levels(store, network)


# A setting, what the settings of the installation say, and two values that it can be given.
SETTINGS: list[tuple[str, str, Any, Any]] = [
    ("district", "", "Kayanza", "Gitega"),
    ("country", "BJ", "BI", "TG"),
    ("currency", "XOF", "BIF", "KES"),
    ("time_zone", "Africa/Porto-Novo", "Africa/Bujumbura", "Africa/Nairobi"),
    ("languages", "fr", ["fr", "rn"], ["en"]),
    ("merchant_code", "", "257001", "111"),
    ("quiet", "20-7", (21, 6), (0, 0)),
]


def shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "-".join(str(each) for each in value) if isinstance(value, tuple) else str(value)


def test_every_setting_that_is_inherited_is_in_the_table() -> None:
    assert [name for name, *_ in SETTINGS] == list(INHERITED)


@pytest.mark.parametrize(("name", "usual", "first", "second"), SETTINGS)
def test_a_setting_goes_down_until_somebody_says_otherwise(
    levels: Levels, name: str, usual: str, first: Any, second: Any
) -> None:
    assert {levels.said(code)[name] for code in LEVELS} == {(usual, "settings")}
    levels.keep("promoter", **{name: first})
    levels.keep("mutuelle", **{name: second})
    assert [levels.said(code)[name] for code in LEVELS] == [
        (usual, "settings"),
        (shown(first), "promoter"),
        (shown(first), "promoter"),
        (shown(second), "mutuelle"),
        (shown(second), "mutuelle"),
    ]
    # Said no more, it is as above again.
    assert levels.keep("mutuelle", **{name: None})[1] != {}
    assert levels.keep("mutuelle", **{name: None}) == ({}, {})
    assert levels.said("section")[name] == (shown(first), "promoter")


def _plan(unit: Unit, one: Organisation) -> None:
    add_plan(unit, one.id, one.code[:8], one.code, "XOF", TERMS, date(2020, 1, 1))


def _category(unit: Unit, one: Organisation) -> None:
    unit.connection.execute(insert(category).values(organisation_id=one.id, code="a", name=one.code))


def _wallet(unit: Unit, one: Organisation) -> None:
    unit.connection.execute(
        insert(wallet).values(organisation_id=one.id, operator=one.code, currency="XOF", role="wallet", delay_hours=24)
    )


def _text(unit: Unit, one: Organisation) -> None:
    unit.connection.execute(
        insert(sms_template).values(
            organisation_id=one.id, event="receipt", language="fr", version=1, text="x", written_at=unit.now,
            by_name="Awa",
        )
    )  # fmt: skip


def _reminder(unit: Unit, one: Organisation) -> None:
    unit.connection.execute(
        insert(reminder_rule).values(organisation_id=one.id, days=-3, texts={}, since=TODAY, by_name="Awa")
    )


def _role(role: str) -> Callable[[Unit, Organisation], None]:
    def give(unit: Unit, one: Organisation) -> None:
        staff.add(unit, one.id, "Awa Bio", role, f"+22901000009{len(one.code):02d}", "fr")

    return give


OWNED: list[tuple[str, Callable[[Unit, Organisation], None], bool]] = [
    ("plans", _plan, True),
    ("categories", _category, True),
    ("wallets", _wallet, True),
    ("texts", _text, False),
    ("reminders", _reminder, False),
    ("treasurer", _role("treasurer"), False),
    ("animator", _role("animator"), False),
    ("adviser", _role("adviser"), False),
    ("administrator", _role("administrator"), False),
]


@pytest.mark.parametrize(("name", "give", "named"), OWNED)
def test_what_an_organisation_has_goes_down_too(
    levels: Levels, name: str, give: Callable[[Unit, Organisation], None], named: bool
) -> None:
    assert name not in levels.said("section")
    for owner in ("promoter", "mutuelle"):
        one = levels.tree.named(owner)
        with levels.store.write() as unit:
            give(unit, one)
    who = ["promoter", "promoter", "mutuelle", "mutuelle"]
    assert name not in levels.said("platform")
    assert [levels.said(code)[name] for code in LEVELS[1:]] == [(each if named else "1", each) for each in who]


@ON_SQLITE
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"country": "XX"}, "no country"),
        ({"currency": "DOG"}, "no currency"),
        ({"time_zone": "Africa/Ouake"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"languages": ["de"]}, "language"),
        ({"languages": []}, "language"),
        ({"merchant_code": "12 3"}, "merchant code"),
        ({"name": "!!!"}, "letters or figures"),
        ({"name": None}, "letters or figures"),
        ({"contact_msisdn": "12"}, "no mobile number of BJ"),
        ({"address": "x" * 121}, "120"),
        ({"keeps_books": "yes"}, "no setting"),
    ],
)
def test_what_can_t_be_said(levels: Levels, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Fault, match=told):
        levels.keep("union", **changes)


@ON_SQLITE
@pytest.mark.parametrize(("what", "at"), [(_plan, "mutuelle"), (_wallet, "section"), (_wallet, "union")])
def test_a_currency_stays_where_money_was_counted_in_it(
    levels: Levels, what: Callable[[Unit, Organisation], None], at: str
) -> None:
    one = levels.tree.named(at)
    with levels.store.write() as unit:
        what(unit, one)
    with pytest.raises(Fault, match="in XOF already"):
        levels.keep("union", currency="BIF")
    levels.keep("union", currency="XOF")  # said out loud what counted anyway


def test_one_code_for_all_or_one_each(levels: Levels) -> None:
    tree = levels.tree
    with levels.store.write() as unit:
        add_code(unit, tree, tree.named("platform"), "*384*1#")
    with levels.store.write() as unit:
        add_code(unit, tree, tree.named("mutuelle"), "*384*2#", 182)
    assert levels.tree.codes["*384*2#"].septets == 182
    assert (dialled(levels.tree, levels.tree.named("union")), dialled(levels.tree, levels.tree.named("section"))) == (
        "*384*1#",
        "*384*2#",
    )
    for code, letters, told in (("384", None, "written like"), ("*384*1#", None, "leads somewhere already"),
                                ("*384*3#", 20, "from 80 to 182")):  # fmt: skip
        with levels.store.write() as unit, pytest.raises(Fault, match=told):
            add_code(unit, tree, tree.named("union"), code, letters)
    with levels.store.write() as unit, pytest.raises(Fault, match="isn't one of"):
        remove_code(unit, tree.named("union"), "*384*2#")
    with levels.store.write() as unit:
        remove_code(unit, tree.named("mutuelle"), "*384*2#")
    assert list(levels.tree.codes) == ["*384*1#"]
