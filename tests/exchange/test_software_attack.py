"""Files of management software as they come: opened in Excel, cut, sent twice, about families that moved since."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway.exchange.software.handing import confirm
from gateway.exchange.software.rows import CONTRIBUTIONS, MEMBERS
from gateway.exchange.software.taking import Done, take_in
from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference, statement_of
from gateway.ledger.closing import Closed, close_month, first_changed_period
from gateway.membership import leaving
from gateway.membership.changes import By
from gateway.membership.merging import merge, same_people
from gateway.membership.moves.moving import move
from gateway.membership.recomputing import first_wrong_due
from gateway.payments.unasked.assigning import assign
from gateway.store.schema import (
    beneficiary,
    collection,
    household,
    incoming,
    line,
    old_number,
    phone,
    software_agreed,
    software_conflict,
)
from tests.exchange.test_software import (
    OTHERS,
    choose,
    conflicts,
    count,
    members_in,
    out,
    paid_in,
    people,
    place_of,
    read,
    rename,
    village,
    written,
)
from tests.membership.money import put_money
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, at_once, found
from tests.privacy.test_erasing import FIVE_YEARS, nameless

__all__ = ["village"]  # a fixture

BIO = By(None, name="Bio Sarre")


def raw(village: Village, folder: Path, content: bytes) -> Done:
    path = folder / "raw.csv"
    path.write_bytes(content)
    return take_in(village.store, place_of(village), path)


def lines(village: Village) -> int:
    return count(village, line)


# --- Excel's ways -----------------------------------------------------------------------------------------------------

HEAD = "key;card;day;amount;currency"


@ON_SQLITE
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("V-1;{card};20/11/2026;1000;XOF", "the day is written 2026-12-31"),
        ("V-1;{card};2026-11-20 00:00:00;1000;XOF", "the day is written 2026-12-31"),
        ("V-1;{card};46346;1000;XOF", "the day is written 2026-12-31"),
        ("V-1;{card};2026-11-23;1000;XOF", "isn't ahead"),
        ("V-1;{card};2026-11-20;0;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;-1000;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;1E+3;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;1.000;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;10,000;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;1000 F;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;1,2E+9;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;NaN;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;1000,5;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;99999999999999999999;XOF", "the amount can't be read"),
        ("V-1;{card};2026-11-20;1000;FRANC", "the currency isn't known"),
        ("V-1;{card};2026-11-20;1000;", "the currency isn't known"),
        (";{card};2026-11-20;1000;XOF", "a payment has a key"),
        ("2,02611E+11;{card};2026-11-20;1000;XOF", "rounded the key"),
        ("2.02611E+11;{card};2026-11-20;1000;XOF", "rounded the key"),
        ("V-\x00;{card};2026-11-20;1000;XOF", "can't be shown"),
        ("V-1\x1b[2J;{card};2026-11-20;1000;XOF", "can't be shown"),
        ("V-1;{card};2026-11-20;1000;XOF;more", "more cells than"),
        ("V-1;{card};2026-11-20;1000;XOF\nV-1;{card};2026-11-20;2000;XOF", "another day, amount or card"),
    ],
)
def test_a_payment_that_a_spreadsheet_has_changed_is_one_line(
    village: Village, tmp_path: Path, row: str, why: str
) -> None:
    home = village.register(PAYER)
    right = f"V-9;{home.card};2026-11-20;200;XOF"
    content = "\n".join((HEAD, row.format(card=home.card), right)).encode()
    done = raw(village, tmp_path, content)
    assert [why in str(each.fault) for each in done.told] == [True], [str(each.fault) for each in done.told]
    assert done.counts["wrong"] == 1
    first = 1_000 if "2000" in row else 0
    assert village.stands(home.household_id).left.minor == 12_600 - 200 - first


@ON_SQLITE
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("key;card;day;amount;currency\r\nV-1;{card};2026-11-20;1 000,00;XOF\r\n", "utf-8-sig"),
        ("key,card,day,amount,currency\nV-1,{card},2026-11-20,1000,XOF", "utf-8"),
        ('"key";"card";"day";"amount";"currency"\n"V-1";"{card}";"2026-11-20";"1000";"xof"\n', "utf-8"),
        ("key;card;day;amount;currency;;\nV-1;{card};2026-11-20;1\u202f000;XOF;;\n;;;;;;\n", "utf-8"),
        ("Key ; Card;DAY;Amount; Currency\nV-1;{card};2026-11-20;1\u00a0000;XOF\n", "utf-8"),
        ("key;card;day;amount;currency\nV-1;{card}.0;2026-11-20;1000.00;XOF\n", "utf-8"),
    ],
)
def test_a_payment_that_a_spreadsheet_saved_is_taken(village: Village, tmp_path: Path, text: str, code: str) -> None:
    home = village.register(PAYER)
    card = home.card if ".0;" not in text else f"{home.card[:3]} {home.card[3:6]} {home.card[6:]}"
    done = raw(village, tmp_path, text.replace(".0;", ";").format(card=card).encode(code))
    assert (done.counts, done.told) == ({"new": 1}, [])
    assert village.stands(home.household_id).left.minor == 11_600


@ON_SQLITE
def test_a_card_that_became_a_float_is_for_a_person(village: Village, tmp_path: Path) -> None:
    """The money came: it is kept, and whose it is isn't guessed."""
    home = village.register(PAYER)
    typed = ("2,14366E+08", home.card[:8], f"{home.card}0", "=CMD|' /C calc'!A0")
    rows = [(f"V-{at}", card, "2026-11-20", "1000") for at, card in enumerate(typed)]
    assert paid_in(village, tmp_path, *rows).counts == {"suspense": 4}
    assert paid_in(village, tmp_path, *rows).counts == {"same": 4}
    assert village.stands(home.household_id).left.minor == 12_600
    # Where the nine figures are still there, it is theirs.
    assert paid_in(village, tmp_path, ("V-9", f"{home.card}.0", "2026-11-20", "1000")).counts == {"new": 1}


@ON_SQLITE
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("key;card;name\np1;214365870;Adjara Tchédré\n".encode("cp1252"), "no CSV in UTF-8"),
        ("key;card;name\n".encode("utf-16"), "no CSV in UTF-8|isn't known"),
        (b"\xef\xbb\xbf", "no row"),
        (b"\n\n", "no row"),
        (b";;;\n;;;\n", "no row"),
        (b'card;name\n1;"never ends\n2;b\n' + b"x" * 200_000, "no CSV"),
        (b"PK\x03\x04 a workbook", "no CSV|isn't known"),
        (b"card;name;;sex\n1;a;b;F\n", "a column has no heading"),
    ],
)
def test_a_file_that_is_none_is_one_line(village: Village, tmp_path: Path, content: bytes, why: str) -> None:
    village.register(PAYER)
    with pytest.raises(Fault, match=why) as refused:
        raw(village, tmp_path, content)
    assert "\n" not in str(refused.value)


@ON_SQLITE
@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "[" * 99_999,
        *(f'{{"exchange": {each}}}' for each in ("null", '"1"', "true", "-1", "9" * 20)),
    ],
)
def test_a_folder_that_holds_none_of_ours_is_one_line(village: Village, tmp_path: Path, content: str) -> None:
    village.register(PAYER)
    out(village, tmp_path, taken=False)
    (tmp_path / "exchange.json").write_text(content)
    with pytest.raises(Fault, match=r"holds no exchange|aren't those"):
        confirm(village.store, tmp_path, "Bio Sarre")
    assert count(village, software_agreed) == 0


@ON_SQLITE
def test_a_file_with_a_heading_alone(village: Village, tmp_path: Path) -> None:
    assert raw(village, tmp_path, HEAD.encode()).counts == {}
    assert raw(village, tmp_path, b"key;card;name\n").counts == {}


@ON_SQLITE
def test_members_as_a_spreadsheet_changed_them(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = out(village, tmp_path)
    before = people(village, home.household_id)
    wrong = [
        rows[0] | {"phone": "2,29010E+12"},
        rows[0] | {"birth_year": "1991,0"},
        rows[1] | {"birth_year": "1/1/1986"},
        rows[1] | {"name": "=HYPERLINK(1)"},
        rows[1] | {"name": "Moussa \u202eérdéhcT"},
        rows[1] | {"name": "Мусса"},
        rows[2] | {"card": "2,14E+08"},
        rows[2] | {"card": f"{home.card}.0"},
        rows[2] | {"key": "3"},
        rows[3] | {"name": "R" * 500},
    ]
    done = members_in(village, tmp_path, wrong)
    assert done.counts == {"wrong": len(wrong)}, done.told
    assert people(village, home.household_id) == before


@ON_SQLITE
def test_a_name_without_its_accents_is_the_same_person(village: Village, tmp_path: Path) -> None:
    """Software that knows no accents and no keys of ours gives nobody a second place on the card, nor a second due."""
    home = village.register(PAYER)
    before = lines(village)
    rows = [{"name": "RAHINA  TCHEDRE", "birth_year": "2018", "sex": "F", "relation": "child"},
            {"name": "Adjara Tchedre", "birth_year": "1991", "sex": "F", "relation": "head"}]  # fmt: skip
    members_in(village, tmp_path, [{**row, "card": home.card} for row in rows])
    assert len(people(village, home.household_id)) == 4
    assert lines(village) == before


@ON_SQLITE
def test_who_left_there_is_no_member_of_a_new_family(village: Village, tmp_path: Path) -> None:
    """Their file names the dead, too: nobody pays for them, and the file says the same when it comes again."""
    family = [{"number": "OUA-44", "name": name, "sex": "F", "birth_year": "1975", "relation": relation, "left": left,
               "section": "m-1"} for name, relation, left in (("Bana Orou", "head", ""), ("Zita Orou", "child", ""),
                                                              ("Sabi Orou", "spouse", "2020-01-31"))]  # fmt: skip
    assert members_in(village, tmp_path, family).counts == {"new": 2, "same": 1}
    assert [each[0] for each in people(village, 1)] == ["Bana Orou", "Zita Orou"]
    assert members_in(village, tmp_path, family).counts == {"same": 3}
    gone = [{**row, "number": "OUA-45", "left": "2020-01-31"} for row in family]
    assert members_in(village, tmp_path, gone).counts == {"same": 3}
    assert count(village, household) == 1
    done = members_in(village, tmp_path, [family[1] | {"left": "2026-11-01"}])
    assert done.counts == {"wrong": 1}
    assert "who left is told in Cotisa" in str(done.told[0].fault)


@ON_SQLITE
def test_rows_are_of_whom_card_or_number_say(village: Village, tmp_path: Path) -> None:
    """A household's number of ours, which isn't read, gathers nobody."""
    home, other = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    known = [{"card": home.card, "number": "A-1", "name": "Adjara Tchédré", "birth_year": "1991"},
             {"card": other.card, "number": "B-2", "name": "Bana Orou", "birth_year": "1975"}]  # fmt: skip
    members_in(village, tmp_path, known)
    new = {"sex": "M", "relation": "child", "birth_year": "2019", "household": "h1"}
    both = [new | {"number": "A-1", "name": "Ali Tchédré"}, new | {"number": "B-2", "name": "Bio Orou"}]
    done = members_in(village, tmp_path, both)
    assert done.counts == {"new": 2}
    assert [each[0] for each in people(village, home.household_id)][-1] == "Ali Tchédré"
    assert [each[0] for each in people(village, other.household_id)][-1] == "Bio Orou"


ODD = ("9" * 600, "x" * 600, "😀" * 60, "';drop table household;--", "%s%(a)s{b}")


@pytest.mark.parametrize("column", [each for each in MEMBERS if each != "card"])
def test_a_cell_that_nobody_expected_is_one_line_or_kept(village: Village, tmp_path: Path, column: str) -> None:
    home = village.register(PAYER)
    row = {"card": home.card, "name": "Adjara Tchédré", "birth_year": "1991"}
    new = {"number": "OUA-44", "name": "Bana Orou", "sex": "F", "birth_year": "1975", "relation": "head",
           "section": "m-1", "phone": "2290161000102"}  # fmt: skip
    done = members_in(village, tmp_path, [each | {column: odd} for odd in ODD for each in (row, new)])
    assert sum(done.counts.values()) == 2 * len(ODD)
    assert all("\n" not in str(each.fault) and len(str(each.fault)) < 160 for each in done.told)
    assert take_in(village.store, place_of(village), tmp_path / "theirs.csv").counts["new"] == 0
    assert people(village, home.household_id)[0][0] == "Adjara Tchédré"


@pytest.mark.parametrize("column", CONTRIBUTIONS)
def test_a_cell_of_a_payment_that_nobody_expected(village: Village, tmp_path: Path, column: str) -> None:
    home = village.register(PAYER)
    row = {"card": home.card, "day": "2026-11-20", "amount": "200", "currency": "XOF"}
    rows = [row | {"key": f"K-{at}"} | {column: odd} for at, odd in enumerate(ODD)]
    path = written(tmp_path / "p.csv", rows, CONTRIBUTIONS)
    done = take_in(village.store, place_of(village), path)
    assert sum(done.counts.values()) == len(ODD)
    assert all("\n" not in str(each.fault) and len(str(each.fault)) < 160 for each in done.told)
    again = take_in(village.store, place_of(village), path).counts
    assert (again["new"], again["suspense"], again["wrong"]) == (0, 0, done.counts["wrong"])


# --- twice, cut, and otherwise ----------------------------------------------------------------------------------------


def test_our_contributions_come_back_after_their_card_changed(village: Village, tmp_path: Path) -> None:
    """Money of theirs that a person assigned, and a family that was merged: the file comes back as it went."""
    home, twin = village.register(PAYER), village.register(NEIGHBOUR)
    rows = [("A-1", home.card, "2026-11-20", "1000"), ("A-2", "999999999", "2026-11-20", "500"),
            ("A-3", twin.card, "2026-11-20", "700")]  # fmt: skip
    assert paid_in(village, tmp_path, *rows).counts == {"new": 2, "suspense": 1}
    tree = village.network.tree()
    with village.store.write() as unit:
        waits = unit.connection.scalar(select(incoming.c.id).where(incoming.c.state == "suspense"))
        assign(unit, tree, village.chart, int(waits or 0), village.family(home.household_id), "Bio Sarre", "their list")
        one, goes = village.family(home.household_id), village.family(twin.household_id)
        pairs = same_people(unit.connection, one, goes)
        merge(unit, tree, village.chart, one, goes, pairs, BIO, registered_twice=True)
    out(village, tmp_path)
    before = lines(village)
    handed = read(tmp_path / "contributions.csv")
    assert {row["their_key"] for row in handed} == {"A-1", "A-2", "A-3"}
    done = take_in(village.store, place_of(village), tmp_path / "contributions.csv")
    assert (done.counts, done.told) == ({"same": 3}, [])
    assert lines(village) == before
    # And their own file once more: what was taken in is known, under the cards that it had then.
    assert paid_in(village, tmp_path, *rows).counts == {"same": 3}


@ON_SQLITE
def test_a_payment_of_ours_that_they_changed_is_told(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    village.push(home.household_id, 1_500)
    out(village, tmp_path)
    [row] = read(tmp_path / "contributions.csv")
    heads = tuple(row)
    before = lines(village)
    for change in ({"amount": "2500"}, {"currency": "EUR"}, {"day": "2026-11-01"}):
        path = written(tmp_path / "changed.csv", [row | change], heads)
        done = take_in(village.store, place_of(village), path)
        assert done.counts == {"wrong": 1}
        assert "Cotisa" in str(done.told[0].fault)
    assert lines(village) == before


@ON_SQLITE
def test_a_payment_that_they_took_back_is_no_payment(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    heads = (*HEAD.split(";"), "state")
    row = {"card": home.card, "day": "2026-11-20", "amount": "1000", "currency": "XOF"}

    def take(**given: str) -> Done:
        return take_in(village.store, place_of(village), written(tmp_path / "s.csv", [row | given], heads))

    assert take(key="B-1", state="reversed").counts == {"wrong": 1}
    assert take(key="B-2", state="annulé").counts == {"wrong": 1}
    assert take(key="B-3", state="paid").counts == {"new": 1}
    done = take(key="B-3", state="reversed")
    assert done.counts == {"wrong": 1}
    assert "taken back" in str(done.told[0].fault)
    assert village.stands(home.household_id).left.minor == 11_600


@ON_SQLITE
def test_half_a_file_and_then_all_of_it(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = [f"H-{at};{home.card};2026-11-20;300;XOF" for at in range(6)]
    content = "\n".join((HEAD, *rows)).encode() + b"\n"
    for cut in range(len(HEAD) + 30, len(content), 7):
        raw(village, tmp_path, content[:cut])
    assert raw(village, tmp_path, content).counts["wrong"] == 0
    assert village.stands(home.household_id).left.minor == 12_600 - 1_800
    assert count(village, collection) == 6


@ON_SQLITE
def test_money_in_another_currency_is_for_a_person(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    content = f"{HEAD}\nE-1;{home.card};2026-11-20;10;EUR\n".encode()
    assert raw(village, tmp_path, content).counts == {"suspense": 1}
    assert village.stands(home.household_id).left.minor == 12_600


def test_a_file_taken_in_by_two_at_once_is_taken_in_once(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = [(f"T-{at}", home.card, "2026-11-20", "200") for at in range(5)]
    heads = HEAD.split(";")
    payments = written(tmp_path / "p.csv", [dict(zip(heads, (*row, "XOF"), strict=True)) for row in rows], heads)
    family = [{"number": "OUA-44", "name": name, "sex": "F", "birth_year": "1975", "relation": relation,
               "section": "m-1"} for name, relation in (("Bana Orou", "head"), ("Zita Orou", "child"))]  # fmt: skip
    joins = {"card": home.card, "name": "Ali Tchédré", "sex": "M", "birth_year": "2019", "relation": "child"}
    members = written(tmp_path / "m.csv", [*family, joins])

    def take() -> str:
        try:
            found = [take_in(village.store, place_of(village), each) for each in (payments, members)]
        except Fault as fault:  # SQLite has one writer at a time
            return str(fault)
        return str([dict(each.counts) for each in found])

    said = at_once(3, take)
    assert any("'new': 5" in str(each) for each in said), said
    assert count(village, collection) == 5
    for each in (payments, members):
        assert set(take_in(village.store, place_of(village), each).counts) == {"same"}
    assert (len(people(village, home.household_id)), count(village, household)) == (5, 2)
    with village.store.read() as connection:
        assert first_wrong_due(connection) is None


@ON_SQLITE
def test_the_same_key_in_two_mutuelles_is_two_payments(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    theirs = found(village.store, village.network, above=(1, "/1/"), code="n", treasurer="+2290100000909")
    away = Village(village.store, village.network, village.clock, theirs).register(NEIGHBOUR, OTHERS)
    for code, card in (("m", home.card), ("n", away.card)):
        assert paid_in(village, tmp_path, ("1", card, "2026-11-20", "500"), code=code).counts == {"new": 1}
        assert paid_in(village, tmp_path, ("1", card, "2026-11-20", "500"), code=code).counts == {"same": 1}
    assert count(village, collection) == 2


@ON_SQLITE
def test_a_payment_of_a_month_that_is_closed_counts_from_its_day(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    village.clock.move(timedelta(days=15))
    tree = village.network.tree()
    closed = close_month(village.store, tree, village.place.books, date(2026, 11, 1), "Bio Sarre")
    assert isinstance(closed, Closed)
    assert paid_in(village, tmp_path, ("C-1", home.card, "2026-11-25", "3900")).counts == {"new": 1}
    with village.store.read() as connection:
        assert first_changed_period(connection) is None
        assert statement_of(connection, home.household_id).credits[0].on == date(2026, 11, 25)


# --- what happened between the hand-out and the return ----------------------------------------------------------------

Happening = Callable[[Village, int, int], None]


def moves(village: Village, home: int, twin: int) -> None:
    tree = village.network.tree()
    with village.store.write() as unit:
        move(unit, tree, village.chart, village.family(home), tree.named("n-1"), BIO)


def merges(village: Village, home: int, twin: int) -> None:
    tree = village.network.tree()
    with village.store.write() as unit:
        one, goes = village.family(twin), village.family(home)
        pairs = same_people(unit.connection, one, goes)
        merge(unit, tree, village.chart, one, goes, pairs, BIO, registered_twice=True)


def ends(village: Village, home: int, twin: int) -> None:
    with village.store.write() as unit:
        one = village.family(home)
        leaving.leave(unit, village.network.tree(), village.chart, one, village.clock.now().date(), "departure", BIO)


@pytest.mark.parametrize(
    ("happens", "counts"), [(moves, {"wrong": 4}), (merges, {"wrong": 4}), (ends, {"changed": 1, "same": 3})]
)
def test_a_family_that_is_elsewhere_when_its_rows_come_back(
    village: Village, tmp_path: Path, happens: Happening, counts: dict[str, int]
) -> None:
    home, twin = village.register(PAYER), village.register(NEIGHBOUR)
    found(village.store, village.network, above=(1, "/1/"), code="n", treasurer="+2290100000909")
    rows = out(village, tmp_path)[:4]
    rows[1]["name"] = "Moussa Bio"
    happens(village, home.household_id, twin.household_id)
    before = (people(village, home.household_id), people(village, twin.household_id), lines(village))
    done = members_in(village, tmp_path, rows)
    assert done.counts == counts
    assert all("\n" not in str(each.fault) for each in done.told)
    after = (people(village, home.household_id), people(village, twin.household_id), lines(village))
    if "changed" in counts:
        assert after[0][1][0] == "Moussa Bio"
    else:
        assert after == before
    assert conflicts(village) == []
    with village.store.read() as connection:
        assert first_difference(connection) is None
        assert first_wrong_due(connection) is None


def test_a_conflict_of_a_family_that_moved_away_is_told_and_changes_nothing(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    found(village.store, village.network, above=(1, "/1/"), code="n", treasurer="+2290100000909")
    rows = out(village, tmp_path)
    rename(village, home.household_id, 1, "Moussa Orou")
    members_in(village, tmp_path, [rows[1] | {"name": "Moussa Bio"}])
    [one] = conflicts(village)
    moves(village, home.household_id, 0)
    with pytest.raises(Fault, match="no conflict"):
        choose(village, one.id, "theirs")
    assert people(village, home.household_id)[1][0] == "Moussa Orou"


@ON_SQLITE
@pytest.mark.parametrize("happens", [merges, ends])
def test_a_conflict_of_somebody_who_left_can_be_closed(village: Village, tmp_path: Path, happens: Happening) -> None:
    """It can't wait for ever on the list: what stands here stays, and nothing of theirs is taken."""
    home, twin = village.register(PAYER), village.register(NEIGHBOUR)
    rows = out(village, tmp_path)
    rename(village, home.household_id, 1, "Moussa Orou")
    members_in(village, tmp_path, [rows[1] | {"name": "Moussa Bio"}])
    [one] = conflicts(village)
    happens(village, home.household_id, twin.household_id)
    with village.store.write() as unit:
        its = (beneficiary.c.id == one.beneficiary_id) & beneficiary.c.left_on.is_(None)
        unit.connection.execute(update(beneficiary).where(its).values(left_on=date(2026, 11, 22), left_because="death"))
    with pytest.raises(Fault, match="isn't on the card any more"):
        choose(village, one.id, "theirs")
    assert choose(village, one.id, "ours").state == "ours"
    assert conflicts(village) == []


@ON_SQLITE
def test_an_exchange_that_is_taken_after_somebody_was_made_nameless_keeps_no_name(
    village: Village, tmp_path: Path
) -> None:
    home = village.register(PAYER)
    village.register(NEIGHBOUR, OTHERS)
    put_money(village, home.household_id, 12_600, village.clock.now().date())
    out(village, tmp_path, taken=False)
    village.clock.move(timedelta(days=FIVE_YEARS))
    nameless(village, home.household_id)
    confirm(village.store, tmp_path, "Bio Sarre")
    with village.store.read() as connection:
        kept = str(connection.execute(select(software_agreed.c.content)).all())
    assert "Tchédré" not in kept
    assert "Alassane Orou" in kept


@ON_SQLITE
def test_someone_made_nameless_gets_no_name_back(village: Village, tmp_path: Path) -> None:
    """The file that was handed out before still has the name: it is neither taken nor shown as a conflict."""
    home = village.register(PAYER)
    put_money(village, home.household_id, 12_600, village.clock.now().date())
    rows = out(village, tmp_path)
    village.clock.move(timedelta(days=FIVE_YEARS))
    nameless(village, home.household_id)
    rows[0]["phone"] = "2290161000102"
    done = members_in(village, tmp_path, [{**row, "number": "X-1"} for row in rows])
    assert done.counts == {"wrong": 4}
    assert "nameless" in str(done.told[0].fault)
    assert (count(village, software_conflict), count(village, old_number), count(village, phone)) == (0, 0, 0)
    with village.store.read() as connection:
        assert "Adjara Tchédré" not in set(connection.scalars(select(beneficiary.c.name)))


# --- many -------------------------------------------------------------------------------------------------------------


@pytest.mark.long
@ON_SQLITE
def test_a_hundred_thousand_rows_take_little_memory(village: Village, tmp_path: Path) -> None:
    village.register(PAYER)
    path = tmp_path / "many.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("card;name\n")
        file.writelines(f"{at};Nobody Here\n" for at in range(100_000))
    tracemalloc.start()
    try:
        done = take_in(village.store, place_of(village), path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.counts == {"wrong": 100_000}
    assert len(done.told) == 1_000
    assert peak < 30 << 20
