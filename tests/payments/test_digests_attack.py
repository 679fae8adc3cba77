"""Days by chance: whatever treasurers choose meanwhile, of each payment each of them is told exactly once."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from gateway.network import staff
from gateway.sms.held import TOLD
from gateway.store.schema import message, organisation
from tests.payments.test_digests import SECOND, chooses, rounds
from tests.payments.village import ON_SQLITE, TREASURER, Village

COUNTED = re.compile(r"(\d+) pa(?:yment|iement)s?, ")


@ON_SQLITE
@pytest.mark.parametrize("seed", range(3))
def test_each_payment_is_told_once_to_each(office: Village, seed: int) -> None:
    chance = random.Random(seed)
    home = office.register().household_id
    office.hire("treasurer", SECOND, name="Awa Seko")
    for each in (TREASURER, SECOND):
        chooses(office, chance.choice(staff.TOLD), each)
    due = {TREASURER: 0, SECOND: 0}
    away = ""
    for _ in range(120):
        office.clock.move(timedelta(minutes=chance.choice((1, 7, 20, 45, 59, 61, 200))))
        match chance.randrange(12):
            case 0:
                who = chance.choice([each for each in due if each != away])
                chooses(office, chance.choice(staff.TOLD), who)
            case 1:
                hours = chance.choice(((20, 7), (22, 5), (0, 6), (12, 14), (9, 9)))
                quiet(office, *hours)
            case 2 if away:
                office.hire("treasurer", away, name="Awa Seko")
                away = ""
            case 2:
                away = SECOND
                with office.store.write() as unit:
                    staff.end(unit, staff.roles_of(unit.connection, SECOND)[0].id, date(2026, 11, 22))
            case 3 | 4 | 5:
                rounds(office)
            case _:
                office.push(home, chance.randrange(1, 40))
                for each in due:
                    due[each] += each != away
    if away:
        office.hire("treasurer", away, name="Awa Seko")
    for _ in range(60):
        office.clock.move(timedelta(hours=1))
        rounds(office)
    assert {each: told_of(office, each) for each in due} == due
    with office.store.read() as connection:
        waits = message.c.reason.like("held:%") | message.c.reason.like("said:%")
        assert connection.scalar(select(func.count()).select_from(message).where(waits)) == 0


def quiet(office: Village, begins: int, ends: int) -> None:
    with office.store.write() as unit:
        unit.connection.execute(update(organisation).values(quiet_from=begins, quiet_until=ends))
    office.network.forget()


def told_of(office: Village, msisdn: str) -> int:
    """Of how many payments a treasurer was told: of each by itself, and in digests by their own count."""
    rows = [row for row in office.messages("treasurer", "digest") if row.msisdn == msisdn]
    alone = sum(row.event == "treasurer" and row.state != "skipped" for row in rows)
    counts = [COUNTED.search(row.text) for row in rows if row.event == "digest"]
    together = sum(int(found[1]) for found in counts if found)
    assert together == sum(row.reason == TOLD for row in rows)
    return alone + together
