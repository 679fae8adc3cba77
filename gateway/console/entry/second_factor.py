"""The second factor: codes of an authenticator app (RFC 6238), each good once, and ten codes on paper for a lost phone.

A new secret isn't kept before its first code was right: until then the page holds it, sealed, so whoever gives up half
way still has the old one. A secret in the database is sealed with a key derived from SECRET_KEY: with another
SECRET_KEY it can't be read, no code is right, and people need ``gateway staff link --without-second-factor``.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from gateway.kernel.numbers import in_our_digits
from gateway.kernel.sealing import Keys
from gateway.store.schema import login, login_recovery
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

ISSUER = "Cotisa"
STEP_S = 30
STEPS_OFF = 1  # a phone's clock may be half a minute off
OFFERED_FOR_S = 30 * 60
RECOVERY_CODES = 10
# Without letters and figures that are taken for one another: 12 of them are 59 bits.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUP, _GROUPS = 4, 3
_SECRET, _OFFER, _RECOVERY = "totp", "totp offer", "recovery"


@dataclass(frozen=True)
class Offer:
    """A secret that isn't anybody's yet: to be scanned or typed into an app. ``sealed`` goes into the page's form."""

    secret: str
    uri: str
    sealed: str

    @property
    def in_groups(self) -> str:
        """The secret as people type it."""
        return " ".join(re.findall(".{1,4}", self.secret))


# --- setting it up ----------------------------------------------------------------------------------------------------


def offer(keys: Keys, login_id: int, name: str, now: datetime) -> Offer:
    """A fresh secret for somebody."""
    return _offered(keys, login_id, name, pyotp.random_base32(), now)


def offered(keys: Keys, login_id: int, name: str, sealed: str, now: datetime) -> Offer | None:
    """The offer that a page's form brings back, to be shown again; None when it is too old or another's."""
    content = keys.unseal(_OFFER, sealed, now, OFFERED_FOR_S)
    if not isinstance(content, list) or content[0] != login_id:
        return None
    return Offer(str(content[1]), _uri(str(content[1]), name), sealed)


def take_into_use(unit: Unit, keys: Keys, login_id: int, new: Offer, code: str) -> list[str] | None:
    """Keep an offered secret once its code is right; gives fresh recovery codes, shown once. None: the code is wrong.

    Whatever was there before is gone. Whoever calls has asked for the password (and for a code of the old one).
    """
    step = _step_of(new.secret, code, unit.now)
    if step is None:
        return None
    sealed = keys.seal(_SECRET, [login_id, new.secret], unit.now)
    unit.connection.execute(
        update(login).where(login.c.id == login_id).values(totp_secret=sealed, totp_on_at=unit.now, totp_step=step)
    )
    return renew_recovery(unit, keys, login_id)


def take_away(unit: Unit, login_id: int) -> None:
    """There is no second factor any more, and no recovery code."""
    unit.connection.execute(
        update(login).where(login.c.id == login_id).values(totp_secret=None, totp_on_at=None, totp_step=None)
    )
    unit.connection.execute(delete(login_recovery).where(login_recovery.c.login_id == login_id))


# --- using it ---------------------------------------------------------------------------------------------------------


def take_code(unit: Unit, keys: Keys, login_id: int, typed: str) -> str | None:
    """What the code is that somebody typed: ``app`` or ``paper``; None when it is wrong or was used before.

    It is used up in the same transaction. Guesses are counted by whoever calls.
    """
    digits = re.sub(r"[\s-]", "", in_our_digits(typed))
    if re.fullmatch(r"[0-9]{6}", digits):
        return "app" if _take_app_code(unit, keys, login_id, digits) else None
    return "paper" if _take_recovery(unit, keys, login_id, typed) else None


def renew_recovery(unit: Unit, keys: Keys, login_id: int) -> list[str]:
    """Ten new recovery codes in the place of the old ones: to be shown once, what is kept are digests."""
    unit.connection.execute(delete(login_recovery).where(login_recovery.c.login_id == login_id))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    unit.connection.execute(
        insert(login_recovery),
        [{"login_id": login_id, "digest": _recovery_digest(keys, login_id, code)} for code in codes],
    )
    return codes


def recovery_left(connection: Connection, login_id: int) -> int:
    """How many recovery codes somebody hasn't used yet."""
    left = select(func.count()).select_from(login_recovery)
    return connection.scalar(left.where(login_recovery.c.login_id == login_id, login_recovery.c.used_at.is_(None))) or 0


def _take_app_code(unit: Unit, keys: Keys, login_id: int, code: str) -> bool:
    row = unit.connection.execute(
        select(login.c.totp_secret).where(login.c.id == login_id, login.c.totp_secret.is_not(None))
    ).first()
    if row is None:
        return False
    content = keys.unseal(_SECRET, row.totp_secret, unit.now)
    if not isinstance(content, list) or content[0] != login_id:
        log.error("a second factor can't be read: was SECRET_KEY changed? gateway staff link --without-second-factor")
        return False
    step = _step_of(str(content[1]), code, unit.now)
    if step is None:
        return False
    # The step only ever moves forward, so a code works once, whoever types it at the same moment.
    moved = unit.connection.execute(
        update(login)
        .where(login.c.id == login_id, or_(login.c.totp_step.is_(None), login.c.totp_step < step))
        .values(totp_step=step)
    )
    return moved.rowcount == 1


def _take_recovery(unit: Unit, keys: Keys, login_id: int, typed: str) -> bool:
    taken = unit.connection.execute(
        update(login_recovery)
        .where(
            login_recovery.c.login_id == login_id,
            login_recovery.c.digest == _recovery_digest(keys, login_id, typed),
            login_recovery.c.used_at.is_(None),
        )
        .values(used_at=unit.now)
    )
    return taken.rowcount == 1


def _step_of(secret: str, typed: str, now: datetime) -> int | None:
    """The half minute whose code this is, the newest where two are the same; None where it is none's."""
    code = re.sub(r"[\s-]", "", in_our_digits(typed))
    totp = pyotp.TOTP(secret, interval=STEP_S)
    this = totp.timecode(now)
    found = None
    for step in range(this - STEPS_OFF, this + STEPS_OFF + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def _offered(keys: Keys, login_id: int, name: str, secret: str, now: datetime) -> Offer:
    return Offer(secret, _uri(secret, name), keys.seal(_OFFER, [login_id, secret], now))


def _uri(secret: str, name: str) -> str:
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=name, issuer_name=ISSUER)


def _recovery_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP * _GROUPS))
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def _recovery_digest(keys: Keys, login_id: int, code: str) -> str:
    bare = re.sub(r"[^0-9a-z]", "", code.casefold())[:64]
    return keys.digest(_RECOVERY, f"{login_id}:{bare}")
