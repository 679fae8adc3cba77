"""A group's statement agrees with the ledger; its list is edited; the commands do what the office does."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from gateway.kernel.faults import Fault
from gateway.ledger.exports import write
from gateway.locale import Say
from gateway.membership.categories import add_category
from gateway.membership.paper import register_pdf
from gateway.payments.payers import group_account, group_lists
from gateway.payments.payers.group_statements import (
    SHARES,
    GroupStatement,
    balance_of_group,
    statement_of_group,
    statement_sheet,
)
from gateway.payments.payers.groups import BadGroup, Listed, add_group
from gateway.payments.payers.shares import members_of
from gateway.payments.statements.plain_tables import tables
from gateway.store.schema import account, collection, entry, line
from tests.payments.commands import on_database_of
from tests.payments.deeds import PAYS, on_suspense, three_families
from tests.payments.harvest import Harvest
from tests.payments.village import ON_SQLITE, Village, francs

FROM, UNTIL = date(2026, 11, 1), date(2026, 11, 30)


def stated(harvest: Harvest) -> GroupStatement:
    with harvest.office.store.read() as connection:
        return statement_of_group(connection, harvest.tree, harvest.group, FROM, UNTIL)


def test_a_statement_agrees_with_the_ledger(harvest: Harvest, tmp_path: Path) -> None:
    office = harvest.office
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(office, 4_000, PAYS))
    harvest.divide(one, rest_to_group=True)
    harvest.write(
        group_account.record_group_cash, harvest.tree, office.chart, effect_key="c", group=harvest.group,
        who=office.treasurer, amount=francs(250),
    )  # fmt: skip
    found = stated(harvest)
    assert (found.came, found.divided, found.closing) == (francs(4_250), francs(3_500), francs(750))
    assert found.came.minor == found.divided.minor + found.closing.minor - found.opening.minor
    with office.store.read() as connection:
        of_shares = (
            select(func.sum(-line.c.amount_minor))
            .join(entry, entry.c.id == line.c.entry_id)
            .join(collection, entry.c.key == "collection:" + collection.c.key)
            .where(collection.c.effect_key.like("share:%"), line.c.household_id.is_not(None))
        )
        assert connection.scalar(of_shares) == found.divided.minor
        own = select(func.sum(-line.c.amount_minor)).join(account, account.c.id == line.c.account_id)
        assert connection.scalar(own.where(account.c.role == "groups")) == found.closing.minor
        stands = balance_of_group(connection, harvest.tree, harvest.group)
    assert (stands.asked, stands.paid, stands.suspense, stands.account) == (
        francs(0), francs(4_250), francs(0), francs(750),
    )  # fmt: skip
    say = Say("fr")
    assert write(statement_sheet(found, harvest.group, say), tmp_path / "a.csv", "csv") == 9
    assert register_pdf(statement_sheet(found, harvest.group, say), SHARES, "Ouaké", UNTIL, say)[:5] == b"%PDF-"


def homes_on(harvest: Harvest) -> list[int]:
    with harvest.office.store.read() as connection:
        return [one.id for one, _ in members_of(connection, harvest.tree, harvest.group)]


@ON_SQLITE
def test_a_list_is_edited_and_says_who_stands_on_another(harvest: Harvest) -> None:
    office = harvest.office
    first = office.family(harvest.homes[0])
    with office.store.write() as unit:
        group_lists.remove_member(unit, harvest.group, first.id)
        group_lists.remove_member(unit, harvest.group, harvest.homes[1])
        with pytest.raises(Fault, match="one household at least"):
            group_lists.remove_member(unit, harvest.group, harvest.homes[2])
    assert homes_on(harvest) == harvest.homes[2:]
    with office.store.write() as unit:
        add_group(unit, harvest.tree, office.place.books.id, "women", "Femmes de Wai", "due", None,
                  [Listed(1, first.card, None)])  # fmt: skip
        family, others = group_lists.add_member(unit, harvest.tree, harvest.group, first.card, None)
        assert (family.id, others) == (first.id, ("Femmes de Wai",))
        with pytest.raises(Fault, match="on the list already"):
            group_lists.add_member(unit, harvest.tree, harvest.group, first.card, None)
    content = "carte\n" + "\n".join(office.family(home).card for home in harvest.homes[:2])
    rows = group_lists.list_in(tables(content.encode(), 10**5))
    with office.store.read() as connection:
        looked = group_lists.look_at(connection, harvest.tree, harvest.group, rows)
        assert [one.id for one in looked.comes] == [harvest.homes[1]]
        assert [one.id for one in looked.goes] == [harvest.homes[2]]
        assert [(one.id, names) for one, names in looked.elsewhere] == [(first.id, ("Femmes de Wai",))]
        with pytest.raises(BadGroup, match="row 9"):
            group_lists.look_at(connection, harvest.tree, harvest.group, [Listed(9, "123456782", None)])
    with office.store.write() as unit:
        group_lists.replace_list(unit, harvest.tree, harvest.group, rows)
    assert homes_on(harvest) == harvest.homes[:2]


@ON_SQLITE
def test_the_commands(harvest: Harvest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = on_database_of(harvest.office, monkeypatch)
    file = tmp_path / "retenues.csv"
    file.write_bytes(harvest.file(1_000, 2_000, 500, more="x;1\n"))
    by = ("--by", "Bio Sarre")
    with pytest.raises(Fault, match="1 row can't be taken"):
        run("groups", "deductions", "hand-in", "coop", str(file), "--label", "Café", *by)
    file.write_bytes(harvest.file(1_000, 2_000, 500))
    handed = ("groups", "deductions", "hand-in", "coop", str(file), "--label", "Café", *by)
    assert "nothing was kept" in run(*handed, "--dry-run")
    run(*handed)
    [one] = json.loads(run("groups", "deductions", "list", "--json"))
    number = one["number"]
    assert one["state"] == "read"
    run("groups", "deductions", "accept", number, *by)
    on_suspense(harvest.office, 3_600, PAYS)
    shown = json.loads(run("groups", "deductions", "show", number, "--json"))
    assert (shown["missing_minor"], len(shown["rows"])) == (3_500, 3)
    run("groups", "deductions", "pay", number, "--incoming", shown["may_pay"][0], *by)
    assert "too much: 100 F" in run("groups", "deductions", "show", number)
    done = run("groups", "deductions", "divide", number, *by, "--reason", "bank slip", "--rest-to-group")
    assert "divided" in done
    told = json.loads(run("groups", "statement", "coop", "--from", "2026-11-01", "--to", "2026-11-30", "--json"))
    assert (told["paid_minor"], told["divided_minor"], told["account_minor"]) == (3_600, 3_500, 100)
    for kind in ("csv", "xlsx", "pdf"):
        out = tmp_path / f"statement.{kind}"
        run("groups", "statement", "coop", "--from", "2026-11-01", "--to", "2026-11-30", "--file", str(out))
        assert out.stat().st_size > 200


@ON_SQLITE
def test_the_commands_of_categories(office: Village, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    homes = three_families(office)
    today = datetime.now(ZoneInfo("Africa/Porto-Novo")).date().isoformat()
    with office.store.write() as unit:
        add_category(unit, office.place.books.id, "indigent", "Indigent")
    run = on_database_of(office, monkeypatch)
    file, paper = tmp_path / "list.csv", tmp_path / "list.pdf"
    cards = [office.family(home).card for home in homes]
    file.write_text("carte;categorie;motif\n" + "".join(f"{card};Indigent;veuve\n" for card in cards), encoding="utf-8")
    by = ("--by", "Bio Sarre")
    assert run("categories", "propose", "m", "Awanla", "--file", str(file), *by) == "list 1: 3 households\n"
    run("categories", "print", "1", "--pdf", str(paper), *by)
    assert paper.read_bytes()[:5] == b"%PDF-"
    witnesses = ("--witness", "Alassane", "--witness", "Mariam")
    run("categories", "validate", "1", "--met-on", today, *witnesses, "--refused", cards[0], *by)
    with pytest.raises(Fault, match="another person"):
        run("categories", "apply", "1", *by)
    assert run("categories", "apply", "1", "--by", "Rafiou Gounou") == "list 1: 2 applied, 1 kept\n"
    assert json.loads(run("categories", "list", "--json"))[0]["state"] == "applied"
    assert "Rafiou Gounou" in run("categories", "show", "1")
    assert len(json.loads(run("categories", "show", "1", "--json"))["rows"]) == 3
    with pytest.raises(Fault, match="applied already"):
        run("categories", "withdraw", "1", *by, "--reason", "late")
