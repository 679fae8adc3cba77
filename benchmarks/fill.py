"""Fills an empty database with any number of households in minutes: a year or two each, its dues, and payments.

For the office's pages there is more: how names sound, a phone each, and a collection for each payment.

The ledger's guards and foreign keys are set aside meanwhile, as they ask anew for each row; what they guard is checked
afterwards over all of it. Sections are drawn for each household, so that a section's are spread over all ids.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

import psycopg

from gateway.kernel.card import new_card_number
from gateway.kernel.sounds import sounds_of
from gateway.ledger.accounts import first_difference
from gateway.ledger.chart import Chart
from gateway.membership.dues import Terms, Year, dues_for
from gateway.membership.plans import add_plan
from gateway.network.organisations import Defaults, add_organisation
from gateway.samples.families import family
from gateway.samples.names import BURUNDI, pick
from gateway.store.unit import Store

TODAY = date(2026, 11, 22)
DEFAULTS = Defaults(country="BJ", currency="XOF", time_zone="Africa/Porto-Novo", language="fr", septets=160)
UNIONS, SECTIONS = 5, 25  # and sections of each
FIRST_MS = 1_767_225_600_000  # 2026-01-01: when the first entry was made; the others follow, two a second
BLOCK = 5_000  # households that are written at a time
# A family of five pays 500 once and 14 000 a year, 3 500 a quarter, in the calendar year.
TERMS = Terms(
    registration_fee_minor=500,
    household_minor=2_000,
    beneficiary_minor=2_400,
    instalments=4,
    waiting_days=30,
    grace_days=30,
    activation_percent=25,
    minimum_payment_minor=200,
    year_starts_month=1,
)

Rows = dict[str, list[tuple[Any, ...]]]
_OFFICE = {
    "name_key": "key, household_id",
    "phone": "msisdn, household_id, main",
    "collection": "key, effect_key, organisation_id, household_id, way, provider, payer, amount_minor, currency, "
    "state, created_at, asked_at, paid_minor, paid_currency, paid_at, operator_id, receipt_code",
}
_COLUMNS = {
    "household": "id, card, section_id, registered_at",
    "beneficiary": "household_id, name, sex, birth_year, relation, joined_on",
    "membership": "id, household_id, plan_id, starts_on, ends_on, waiting_days, beneficiaries, enrolled_at",
    "line": "entry_id, account_id, household_id, membership_id, due_on, amount_minor",
    "entry": "id, key, organisation_id, journal, currency, happened_on, recorded_at",
}


def fill(store: Store, url: str, households: int, office: bool = False) -> None:
    """Found a network in a migrated database and fill it; raises AssertionError unless all of its books hold."""
    blocks = _blocks(*_found(store, office), households, office)
    store.close()  # nobody else has the database open while its guards are off
    if store.is_postgresql:
        _copy(url.replace("+psycopg", ""), blocks)
    else:
        _insert(url.removeprefix("sqlite:///"), blocks)
    with store.read() as connection:
        assert first_difference(connection) is None


@dataclass(frozen=True)
class Section:
    """A section, whose books hold what happens there, and their accounts by role."""

    id: int
    books: int
    accounts: dict[str, int]


def _found(store: Store, office: bool) -> tuple[list[Section], int]:
    """The sections and the plan's id. All is in one organisation's books; with an office each section has its own."""
    sections = []
    with store.write() as unit:
        root = add_organisation(
            unit, None, kind="platform", code="bench", name="Bench", languages="fr", keeps_books=not office
        )
        for union in range(UNIONS):
            above = add_organisation(unit, root, kind="union", code=f"union-{union}", name=f"Union {union}")
            for number in range(SECTIONS):
                code = f"section-{union}-{number}"
                its_id, _ = add_organisation(unit, above, kind="section", code=code, name=code, keeps_books=office)
                books = its_id if office else root[0]
                sections.append(Section(its_id, books, Chart().of(unit, books, "XOF")))
        plan_id = add_plan(unit, root[0], "famille", "Famille", "XOF", TERMS, date(2020, 1, 1))
        return sections, plan_id


@cache
def _year(enrolled_on: date, people: int, newcomer: bool) -> Year:
    return dues_for(TERMS, "XOF", enrolled_on, people, newcomer=newcomer)


def _blocks(sections: list[Section], plan_id: int, households: int, office: bool) -> Iterator[Rows]:
    random = Random(f"bench {households}")
    memberships = entries = 0

    def record(rows: Rows, at: Section, key: str, journal: str, on: date, lines: list[tuple[Any, ...]]) -> None:
        nonlocal entries
        entries += 1
        its_id = f"{FIRST_MS + entries * 500 << 80:032x}"
        rows["line"] += [(its_id, *each) for each in lines]
        rows["entry"].append((its_id, key, at.books, journal, "XOF", on, f"{on} 09:00:00"))

    for first in range(1, households + 1, BLOCK):
        rows: Rows = {table: [] for table in (*_COLUMNS, *(_OFFICE if office else ()))}
        for own in range(first, min(first + BLOCK, households + 1)):
            people = 1 + int(random.random() * 9)
            years = (2025, 2026) if random.random() < 0.4 else (2026,)
            registered_on = date(years[0], 1, 1) + timedelta(days=int(random.random() * 90))
            card = new_card_number(lambda _, own=own: own)
            at = random.choice(sections)
            receivable, income, cash = (at.accounts[role] for role in ("receivable", "income", "cash"))
            rows["household"].append((own, card, at.id, f"{registered_on} 09:00:00"))
            those = family(random, BURUNDI, people, years[0])
            rows["beneficiary"] += [
                (own, one.name, one.sex, one.birth_year, one.relation, registered_on) for one in those
            ]
            if office:
                rows["name_key"] += [
                    (key, own) for key in dict.fromkeys(key for one in those for key in sounds_of(one.name))
                ]
                rows["phone"].append((f"+22901{own:08}", own, "t"))
            owed = 0
            for year in years:
                newcomer = year == years[0]
                enrolled_on = (
                    registered_on if newcomer else date(year, 1, 1) + timedelta(days=int(random.random() * 20))
                )
                its = _year(enrolled_on, people, newcomer)
                memberships += 1
                waits = TERMS.waiting_days if newcomer else 0
                rows["membership"].append(
                    (memberships, own, plan_id, its.starts_on, its.ends_on, waits, people, f"{enrolled_on} 09:00:00")
                )
                total = sum(amount for _, amount in its.dues)
                lines = [(receivable, own, memberships, due_on, amount) for due_on, amount in its.dues]
                record(
                    rows, at, f"dues:{memberships}", "dues", enrolled_on, [*lines, (income, own, None, None, -total)]
                )
                owed += total
            for number, (on, amount) in enumerate(_payments(random, registered_on, owed)):
                lines = [(cash, None, None, None, amount), (receivable, own, None, None, -amount)]
                key = f"{entries:036}"
                record(rows, at, f"collection:{key}" if office else f"cash:{own}:{number}", "cash", on, lines)
                if office:
                    rows["collection"].append(_collection(random, key, at.books, own, on, amount))
        yield rows


def _collection(random: Random, key: str, books: int, own: int, on: date, amount: int) -> tuple[Any, ...]:
    number = int(key)
    at = f"{on} {7 + number % 12:02}:{number % 60:02}:00"
    way, provider = pick(random, (("push", "mtn_momo"), ("reference", "mtn_benin"), ("cash", "cash")))
    return (
        key, f"{number:048}", books, own, way, provider, f"+22901{own:08}", amount, "XOF", "paid",
        at, at, amount, "XOF", at, f"op-{number}", "ABCDE",
    )  # fmt: skip


def _payments(random: Random, since: date, owed: int) -> Iterator[tuple[date, int]]:
    """Three to eight payments until today, of all that is owed, most of it, or some."""
    number = 3 + int(random.random() * 6)
    drawn = random.random()
    each, rest = divmod(owed * (100 if drawn < 0.6 else 75 if drawn < 0.8 else 30) // 100, number)
    step = (TODAY - since).days // number
    for payment in range(number):
        yield since + timedelta(days=payment * step + int(random.random() * 10)), each + (rest if payment == 0 else 0)


def _copy(url: str, blocks: Iterator[Rows]) -> None:
    with psycopg.connect(url, autocommit=True) as own:
        own.execute("set session_replication_role = replica; set synchronous_commit = off; set timezone = UTC")
        for rows in blocks:
            for table, columns in _columns(rows):
                with own.cursor().copy(f"copy {table} ({columns}) from stdin") as copy:
                    copy.write("".join(map(_as_text, rows[table])))
        for table in ("household", "membership"):
            own.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table}))")
        own.execute("vacuum analyze")


def _columns(rows: Rows) -> list[tuple[str, str]]:
    """Each table that there are rows of, with the columns that are written."""
    return [(table, columns) for table, columns in (_COLUMNS | _OFFICE).items() if table in rows]


def _as_text(row: tuple[Any, ...]) -> str:
    return "\t".join(["\\N" if value is None else str(value) for value in row]) + "\n"


def _insert(path: str, blocks: Iterator[Rows]) -> None:
    own = sqlite3.connect(path, isolation_level=None)
    sqlite3.register_adapter(date, date.isoformat)
    own.executescript("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -500000")
    guards = own.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
    for name, _ in guards:
        own.execute(f"drop trigger {name}")
    own.execute("begin")
    for rows in blocks:
        for table, columns in _columns(rows):
            marks = ", ".join("?" for _ in columns.split(","))
            own.executemany(f"insert into {table} ({columns}) values ({marks})", rows[table])
    for _, sql in guards:
        own.execute(sql)
    own.execute("commit")
    own.executescript("analyze; pragma journal_mode = wal")
    own.close()
