"""Hundreds of calls by people who type anything: each hop is answered, and nothing happens that was not confirmed.

``WALKS=5000 WALKS_SEED=1 pytest tests/ussd/test_menu_walks.py`` makes a longer campaign of it, elsewhere; a walk that
fails names the seed that it can be walked again with.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.sms.gsm7 import fold
from tests.ussd.world import BURUNDI, NARROW, OUAKE, VILLAGE, Place

WALKS = int(os.environ.get("WALKS", "120"))
SEED = int(os.environ.get("WALKS_SEED", "0"))
CODES = {OUAKE: 160, NARROW: 80, BURUNDI: 160, VILLAGE: 160, "*1#": 160}

# What stands beside the number 1 where the next answer does something that counts.
REGISTERS = re.compile(r"^1 (Inscrire|Register|Sajili)$", re.MULTILINE)
ASKS_FOR_MONEY = re.compile(r"^1 (Oui|Yes|Ego|Ndiyo)$", re.MULTILINE)

KEYS = ("0", "00", "98", "9", "1", "*", "#", "", " ", "**", "1*1", "0*0", "98*98")
# fmt: off
NASTY = (
    "😀", "عائشة", "١", "1" * 400, "a" * 4000, "\x00", "\x1b[2J", "%s", "{0.__class__}", "'; drop table household--",
    "<script>", "\u202e", "\r\nSet-Cookie: a=b", "10^12", "-1", "1e9", "NaN", "٥٠٠٠", "ÿ" * 61, "\\", "END ", "CON ",
)
# fmt: on
NAMES = ("Awa Gado", "N'Goran Koné", "Œuvrine Ndayikengurukiye " * 2, "Éé", "R2D2", "x")
YEARS = ("1980", "0", "12", "98", "3000", "quarante")
SECTIONS = ("kado", "semere", "a", "xyz", "Pélé", "gite")
FIGURES = ("500", "0", "10 000", "2000001", "cent", "1,5")
NUMBERS = ("0150000777", "63000777", "77000777", "+229 50 00 07 77", "abc")

Act = tuple[str, object]


def some_act(random: Random) -> Act:
    """What happens next on a line where most goes well."""
    draw = random.random()
    if draw < 0.85:
        return "sensible", random.randrange(1000)
    if draw < 0.91:
        return "types", random.choice((*KEYS, *NASTY))
    if draw < 0.93:
        return "deep", "*".join(random.choice((*KEYS, "2", "3", "500", "Awa Gado")) for _ in range(random.randrange(9)))
    return random.choice(("repeat", "late", "stranger", "forget", "redial")), random.randrange(6)


any_acts = st.lists(
    st.one_of(
        st.tuples(st.just("sensible"), st.integers(0, 1000)),
        st.tuples(st.just("types"), st.sampled_from((*KEYS, *NASTY))),
        st.tuples(st.just("types"), st.text(max_size=30)),
        st.tuples(st.sampled_from(("repeat", "late", "stranger", "forget", "redial")), st.integers(0, 5)),
        st.tuples(st.just("deep"), st.text(max_size=30)),
    ),
    min_size=4,
    max_size=30,
)


def an_answer(screen: str, draw: int) -> str:
    """Something that a person might well answer to this screen."""
    choices = re.findall(r"^(\d+) ", screen, re.MULTILINE)
    asked = (
        (("prénom", "name", "Jina"), NAMES),
        (("naissance", "birth"), YEARS),
        (("section : son", "section: its"), SECTIONS),
        (("Combien", "How much"), FIGURES),
        (("Numéro du", "Number of"), NUMBERS),
    )
    for words, likely in asked:
        if any(fold(word) in screen for word in words):
            return likely[draw % len(likely)]
    # 0 and 00 lead out of everything: they are among the answers, but not often.
    enough = re.search(r"^(\d+) (C'est tout|That is all|Imetosha)$", screen, re.MULTILINE)
    if enough and draw % 3:
        return enough[1]
    forward = [one for one in choices if one not in ("0", "00")] or choices
    # The first choice leads furthest: it is half of all answers.
    return forward[0 if draw % 2 else (draw // 2) % len(forward)] if forward else "1"


class Walk:
    """One phone's wanderings, watched."""

    def __init__(self, place: Place, msisdn: str, code: str) -> None:
        self.place = place
        self.code = code
        self.phone = place.phone(msisdn, CODES[code])
        self.rows = place.counts()

    def act(self, what: str, value: object) -> None:
        """Do one thing, and look whether more happened than was confirmed."""
        phone = self.phone
        before, may_happen = phone.screen, False
        if what in ("sensible", "types") and not phone.open:
            what = "redial"
        if what == "sensible":
            typed = an_answer(phone.screen, int(str(value)))
            may_happen = typed == "1"
            phone.types(typed)
        elif what == "types":
            may_happen = str(value).strip() in ("1", "١")
            phone.types(str(value))
        elif what == "repeat":
            phone.repeats(1)
        elif what == "late":
            steps = phone.text.split("*")
            phone.raw("*".join(steps[: int(str(value))]) if phone.text else "")
        elif what == "stranger":
            stranger = self.place.phone("+2290150999999", CODES[self.code])
            stranger.session_id, stranger.code = phone.session_id, phone.code
            stranger.posts(phone.text)
        elif what == "forget":
            self.place.forget_sessions()
            phone.posts(phone.text)
        else:
            phone.dial(self.code, deep=str(value)[:3_000] if what == "deep" else "")
        self._look(before, may_happen)

    def _look(self, before: str, may_happen: bool) -> None:
        rows = self.place.counts()
        more = {table: rows[table] - self.rows[table] for table in rows}
        registered = may_happen and REGISTERS.search(before) is not None
        asked = may_happen and ASKS_FOR_MONEY.search(before) is not None
        assert more["household"] in ((0, 1) if registered else (0,)), before
        assert more["message"] == more["household"]
        assert more["collection"] in ((0, 1) if asked else (0,)), before
        for screen in self.phone.shown:
            assert "Kanarivogel" not in screen
        self.phone.shown.clear()
        self.rows = rows


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1_000)  # the number that ends in 777 is a stranger's, and has what no walk may see


def begin(place: Place, number: int, code: str, is_member: bool) -> Walk:
    """A phone of its own for a walk, which has dialled."""
    msisdn = f"+257630{number:05d}" if code == BURUNDI else f"+22901500{number:05d}"
    if is_member:
        place.household_with(msisdn, "Adjara Tchédré", section="Gitega" if code == BURUNDI else "Awanla")
    walk = Walk(place, msisdn, code)
    walk.act("redial", 0)
    return walk


def test_calls_on_a_bad_line(town: Place, numbers: Iterator[int], caplog: pytest.LogCaptureFixture) -> None:
    at_first = town.counts()
    for seed in range(SEED, SEED + WALKS):
        random = Random(f"walk {seed}")
        walk = begin(town, next(numbers), random.choice(list(CODES)), random.random() < 0.4)
        done: list[Act] = []
        try:
            for _ in range(random.randrange(10, 40)):
                done.append(some_act(random))
                walk.act(*done[-1])
        except AssertionError as error:
            error.add_note(f"WALKS=1 WALKS_SEED={seed}: {done}")
            raise
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text
    grown = {table: rows - at_first[table] for table, rows in town.counts().items()}
    # The walks are not all in vain: some registered, some paid.
    assert grown["message"] > WALKS // 50, grown
    assert grown["collection"] > WALKS // 50, grown


def test_calls_of_those_who_mean_harm(town: Place, numbers: Iterator[int], caplog: pytest.LogCaptureFixture) -> None:
    @settings(max_examples=max(20, WALKS // 2), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), st.sampled_from(list(CODES)), any_acts)
    def walk(is_member: bool, code: str, acts: list[Act]) -> None:
        one = begin(town, next(numbers), code, is_member)
        for act in acts:
            one.act(*act)

    walk()
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text
