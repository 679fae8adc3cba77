"""A password is long and its own: no rules of what it is made of, but none that everybody tries first.

Kept as argon2id (RFC 9106) with 46 MiB and two passes, beyond what OWASP's Password Storage Cheat Sheet calls the
minimum. Whoever types one is answered after the same work, whether there is such a login or not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from gateway.kernel.faults import Fault
from gateway.locale import mark

LEAST, MOST = 10, 200
FEWEST_DIFFERENT = 5
# So many characters must a password have besides its owner's name or number.
FEWEST_OWN = 5
NUMBER_DIGITS = 8

_HASHER = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)

# What people choose most, in French and English, as lists of stolen ones count it; what a keyboard's rows draw; and
# what stands on the office's own door. Digits and signs before and after don't make them another: they are taken off.
_COMMONEST = """
    password passwort passw0rd pssword pssw0rd motdepasse motdepass mdp azerty azertyuiop azert qwerty qwertyuiop
    qwertz qwertyui qsdfghjklm wxcvbn asdfghjkl asdfghjklqwertyuiop zxcvbnm azertyqwerty aqwzsx qazwsx qazwsxedc
    aqwzsxedc zaqwsx abcdefghij abcdefghijk abcdefgh abcdef abcabcabc admin administrator administrateur root toor
    welcome welcometo bienvenue bienvenu bonjour bonsoir salut coucou letmein changeme changezmoi secret secrete
    iloveyou iloveu ilovegod jetaime jetaimefort jetadore monamour amour toujours doudou loulou chouchou cheri
    cherie princesse princess soleil sunshine lumiere bonheur chocolat nutella football marseille paris france
    dragon monkey superman batman pokemon naruto starwars shadow master trustno whatever computer internet
    ordinateur telephone nokia samsung orange google facebook whatsapp jesus jesuschrist christ dieu dieuestgrand
    dieumerci dieuestamour allah alhamdulillah bismillah maman mamanpapa mapuce famille nicolas camille thomas
    charlie michael jordan jennifer ronaldo barcelona realmadrid liverpool arsenal chelsea juventus benin cotonou
    portonovo parakou ouagadougou burundi bujumbura bamako conakry kinshasa goma afrique africa
    mutuelle mutuelledesante mutuelles sante cotisa cotisation cotisations tresorier tresoriere animateur adherent
    gateway console bureau demo test tests temporary temporaire provisoire nouveau default defaut
"""
COMMONEST = frozenset(_COMMONEST.split())


class BadPassword(Fault):
    """Not a password that may be chosen; its line says what to do."""


def read_password(typed: str, msisdn: str, name: str) -> str:
    """A password that somebody chooses, in one form of Unicode (NFKC), so that every keyboard types the same one.

    Ten characters or more, of any kind; not one of the commonest, not their own name or number with a little beside.
    Raises :class:`BadPassword`.
    """
    password = normal(typed)
    if len(password) < LEAST:
        raise BadPassword(mark("Too short: {least} characters or more, for example four words."), least=LEAST)
    if len(password) > MOST:
        raise BadPassword(mark("Too long: at most {most} characters."), most=MOST)
    bare = _bare(password)
    if len(set(bare)) < FEWEST_DIFFERENT or _is_run(bare) or _core(bare) in COMMONEST or bare in COMMONEST:
        raise BadPassword(mark("Everybody tries this one first: choose another, for example four words."))
    if _without(bare, msisdn, name) < FEWEST_OWN:
        raise BadPassword(mark("Your name or your number is easily guessed: choose something else."))
    return password


def normal(typed: str) -> str:
    """What was typed, in the form in which it is kept and compared."""
    return unicodedata.normalize("NFKC", typed)


def seal(password: str) -> str:
    """The hash that is kept of a password, with its own salt and parameters. Takes some 60 ms and 46 MiB."""
    return _HASHER.hash(password)


def matches(sealed: str | None, typed: str) -> bool:
    """Is it this password that was sealed? Where none was, the same work is done, and the answer is no."""
    try:
        _HASHER.verify(sealed if sealed is not None else _nobodys(), normal(typed[: 2 * MOST]))
    except VerificationError:
        return False
    return sealed is not None


def is_old(sealed: str) -> bool:
    """Was it sealed with other parameters than those of today? It is sealed anew when its owner types it next."""
    return _HASHER.check_needs_rehash(sealed)


@cache
def _nobodys() -> str:
    """A hash with today's parameters, of a password that nobody has."""
    return _HASHER.hash("nobody's")


def _bare(password: str) -> str:
    """In small letters, without accents and spaces."""
    letters = unicodedata.normalize("NFKD", password.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one) and not one.isspace())


def _core(bare: str) -> str:
    """Without signs, and without the digits before and after."""
    return re.sub(r"[\W_]", "", bare).strip("0123456789")


def _is_run(bare: str) -> bool:
    """A straight run up or down, however often: 1234567890, abcdefghij."""
    steps = {ord(after) - ord(before) for before, after in pairwise(bare)}
    return steps <= {1, -9} or steps <= {-1, 9}


def _without(bare: str, msisdn: str, name: str) -> int:
    """How many characters are left without their number, the words of their name, and years or other digits."""
    digits = re.sub(r"\D", "", msisdn)
    left = bare.replace(digits, "").replace(digits[-NUMBER_DIGITS:], "")
    words = sorted((_bare(word) for word in re.split(r"[\s'.-]+", name) if len(word) > 1), key=len, reverse=True)
    found = [word for word in words if word in left]
    for word in found:
        left = left.replace(word, "")
    return len(re.sub(r"[\W\d_]", "", left) if found or left != bare else left)
