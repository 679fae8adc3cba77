"""Families of which it is known who was registered twice: with typos, accents, swapped names, wrong years; and those
who only look alike: fathers and sons, two wives of one man, neighbours on one phone, namesakes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from gateway.membership.duplicates.likeness import Family, somebody


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words(
    "Adjara Moussa Idrissou Rahina Alassane Bana Sani Issifou Fatouma Séïdou Abdoulaye Aminata Mariam Ibrahima Oumar "
    "Kadiatou Mamadou Fanta Awa Salifou Zénabou Chabi Sabi Yarou Bio Orou Gnon Bona Jean Pierre Espérance Immaculée "
    "Claudine Gérard Dieudonné Odette Béatrice Félicité Emmanuel Thérèse Innocent Goreth Souleymane Hawa Boubacar"
)
LAST = _words(
    "Tchédré Gounou Sarre Dafia Orou Tchabi Alidou Gbadamassi Diallo Bah Barry Sow Camara Keïta Traoré Coulibaly "
    "Ndayishimiye Nkurunziza Niyonzima Hakizimana Bigirimana Kouyaté Condé Sidibé Assouma Kpèra Zakari Boukari Tamou "
    "Lafia Bagri Worou Kora Démon Djibril Amadou Touré Cissé Kassa Sacca Guéra Nouhoum Adam Ali Saka Mama Takpara"
)
FOLDS = (("ou", "u"), ("é", "e"), ("è", "e"), ("i", "y"), ("dj", "j"), ("ss", "s"), ("k", "c"), ("ch", "sh"))


@dataclass
class Made:
    families: list[Family]
    twice: set[tuple[int, int]]
    apart: set[tuple[int, int]]  # look alike and aren't


def make(count: int, seed: int = 1, sections: int = 10) -> Made:
    """So many families, a tenth of them registered twice, and a tenth with somebody who looks like them."""
    draw = random.Random(seed)
    made = Made([], set(), set())

    def name(last: str) -> str:
        return f"{draw.choice(FIRST)} {last}"

    def put(people: list[tuple[str, int, str]], section: int, phones: set[str]) -> int:
        its_id = len(made.families) + 1
        whole = tuple(somebody(*each) for each in people)
        made.families.append(Family(its_id, section, 1, 1, whole, frozenset(phones)))
        raw[its_id] = people
        return its_id

    raw: dict[int, list[tuple[str, int, str]]] = {}
    for number in range(count):
        last, section = draw.choice(LAST), draw.randrange(sections)
        born = draw.randint(1945, 2000)
        people = [(name(last), born, draw.choice("FM"))]
        if draw.random() < 0.7:
            people.append((name(draw.choice(LAST)), born + draw.randint(-10, 10), draw.choice("FM")))
        people += [(name(last), born + draw.randint(18, 25) + each * 2, draw.choice("FM"))
                   for each in range(draw.randint(0, 5))]  # fmt: skip
        phones = {f"+22901{number:08}"} if draw.random() < 0.7 else set()
        its_id = put(people, section, phones)
        kind = draw.random()
        if kind < 0.1:
            again = [_otherwise(draw, each) for each in people]
            if len(again) > 2 and draw.random() < 0.4:
                again.pop()
            if draw.random() < 0.1:
                again[0], again[-1] = again[-1], again[0]  # another is the head
            there = section if draw.random() < 0.8 else draw.randrange(sections)
            shared = phones if draw.random() < 0.5 else {f"+22902{number:08}"}
            made.twice.add((its_id, put(again, there, shared)))
        elif kind < 0.2:
            made.apart.add((its_id, _alike(draw, put, name, people, last, section, phones, number)))
    return made


Written = tuple[str, int, str]
Put = Callable[[list[Written], int, set[str]], int]


def _alike(
    draw: random.Random, put: Put, name: Callable[[str], str], people: list[Written], last: str, section: int,
    phones: set[str], number: int,
) -> int:  # fmt: skip
    """Somebody who looks like a family and isn't it."""
    kind = draw.randrange(4)
    head, born, sex = people[0]
    if kind == 0:  # a son of the father's name, on the family's phone
        return put([(head, born + 24, sex), (name(draw.choice(LAST)), born + 26, "F")], section, phones)
    if kind == 1:  # the other wife: the husband stands on both cards
        wife = (name(draw.choice(LAST)), born + 8, "F")
        return put([wife, people[0], *((name(last), born + 30 + each, "M") for each in range(2))], section, phones)
    if kind == 2:  # neighbours on one phone
        other = draw.choice(LAST)
        return put([(name(other), born + 1, "M"), (name(other), born + 4, "F")], section, phones)
    # a namesake of about the same age in the village, with a family of their own
    other = draw.choice(LAST)
    children = [(name(other), born + 20 + each, "F") for each in range(3)]
    return put([(head, born + 3, sex), (name(other), born + 2, "F"), *children], section, {f"+22903{number:08}"})


def _otherwise(draw: random.Random, one: tuple[str, int, str]) -> tuple[str, int, str]:
    """Somebody as another hand wrote them down."""
    name, born, sex = one
    if draw.random() < 0.35:
        old, new = draw.choice(FOLDS)
        name = name.lower().replace(old, new).title()
    if draw.random() < 0.15 and len(name) > 6:
        place = draw.randrange(1, len(name) - 1)
        name = name[:place] + draw.choice("abeinorst") + name[place + 1 :]
    if draw.random() < 0.3:
        name = " ".join(reversed(name.split()))
    if draw.random() < 0.25:
        born += draw.choice((-2, -1, 1, 2, 2, 10, -3))
    return name, born, sex
