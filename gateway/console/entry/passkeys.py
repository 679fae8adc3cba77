"""Passkeys: a device shows by a signature that it is theirs, and that they unlocked it; no number, password or code.

Verified by py_webauthn as the W3C's Web Authentication says. A challenge isn't kept: the page holds it, sealed, and
what was answered to one is taken once. The authenticator finds the person by itself (a discoverable credential), and
must have checked that it is they (user verification): a passkey counts as both factors.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, func, or_, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.console.entry import logins
from gateway.console.entry.logins import Login
from gateway.kernel.faults import Fault
from gateway.kernel.sealing import Keys
from gateway.locale import mark
from gateway.store.effects import effect_key
from gateway.store.if_new import if_new
from gateway.store.schema import effect, passkey
from gateway.store.unit import Unit

ASKED_FOR_S = 10 * 60
MOST = 10  # of one login
LONGEST_NAME = 40
LONGEST_ANSWER = 16_384
_ADDING, _ENTERING = "passkey adding", "passkey entering"


class BadPasskey(Fault):
    """What the device answered can't be taken: too old, not for us, not signed by this key, or not unlocked."""


@dataclass(frozen=True)
class Place:
    """What passkeys are made for: the host (``rp_id``) and the origin of the office's pages."""

    rp_id: str
    origin: str


@dataclass(frozen=True)
class Question:
    """What the browser is asked: ``options`` as JSON for its ``navigator.credentials``; ``sealed`` comes back."""

    options: str
    sealed: str


@dataclass(frozen=True)
class Passkey:
    """A passkey as its owner sees it listed."""

    id: int
    name: str
    added_at: datetime
    used_at: datetime | None


def place_of(public_url: str) -> Place:
    """The place that PUBLIC_URL names."""
    parts = urlsplit(public_url)
    return Place(parts.hostname or "localhost", f"{parts.scheme}://{parts.netloc}")


# --- adding one -------------------------------------------------------------------------------------------------------


def ask_to_add(connection: Connection, place: Place, keys: Keys, one: Login, now: datetime) -> Question:
    """What the browser of somebody inside is asked, to make a passkey that they haven't on this device yet."""
    known = connection.scalars(select(passkey.c.credential).where(passkey.c.login_id == one.login_id)).all()
    options = generate_registration_options(
        rp_id=place.rp_id,
        rp_name="Cotisa",
        user_id=_handle(one.login_id),
        user_name=one.name,
        user_display_name=one.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
    )
    sealed = keys.seal(_ADDING, [one.login_id, bytes_to_base64url(options.challenge)], now)
    return Question(options_to_json(options), sealed)


def add(unit: Unit, place: Place, keys: Keys, one: Login, sealed: str, answer: str, name: str) -> int:
    """Keep the passkey that a device made; its id. Raises :class:`BadPasskey`."""
    content = keys.unseal(_ADDING, sealed, unit.now, ASKED_FOR_S)
    if not isinstance(content, list) or content[0] != one.login_id:
        raise BadPasskey(mark("That took too long: try again."))
    count = select(func.count()).select_from(passkey).where(passkey.c.login_id == one.login_id)
    if (unit.connection.scalar(count) or 0) >= MOST:
        raise BadPasskey(mark("You have {most} passkeys: remove one first."), most=MOST)
    challenge = base64url_to_bytes(content[1])
    _use_up(unit, challenge)
    try:
        verified = verify_registration_response(
            credential=_short(answer),
            expected_challenge=challenge,
            expected_rp_id=place.rp_id,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except _UNREADABLE as bad:
        raise BadPasskey(_NOT_TAKEN) from bad
    new = {
        "login_id": one.login_id,
        "credential": verified.credential_id,
        "public_key": verified.credential_public_key,
        "signs": verified.sign_count,
        "name": name[:LONGEST_NAME],
        "added_at": unit.now,
    }
    its_id = unit.connection.scalar(_NEW[unit.connection.dialect.name], new)
    if its_id is None:
        raise BadPasskey(mark("This passkey is known already."))
    return int(
        unit.connection.execute(select(passkey.c.id).where(passkey.c.credential == verified.credential_id)).scalar_one()
    )


# --- entering ---------------------------------------------------------------------------------------------------------


def ask_to_enter(place: Place, keys: Keys, now: datetime) -> Question:
    """What the browser of whoever wants to enter is asked: any passkey that it has for us."""
    options = generate_authentication_options(rp_id=place.rp_id, user_verification=UserVerificationRequirement.REQUIRED)
    return Question(options_to_json(options), keys.seal(_ENTERING, bytes_to_base64url(options.challenge), now))


def take(unit: Unit, place: Place, keys: Keys, sealed: str, answer: str) -> Login:
    """Whose passkey signed the challenge; raises :class:`BadPasskey`. A challenge is answered once."""
    content = keys.unseal(_ENTERING, sealed, unit.now, ASKED_FOR_S)
    if not isinstance(content, str):
        raise BadPasskey(mark("That took too long: try again."))
    challenge = base64url_to_bytes(content)
    try:
        credential = parse_authentication_credential_json(_short(answer))
        row = unit.connection.execute(
            select(passkey).where(passkey.c.credential == credential.raw_id).with_for_update()
        ).first()
        if row is None:
            raise BadPasskey(_NOT_KNOWN)
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=place.rp_id,
            expected_origin=place.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.signs,
            require_user_verification=True,
        )
    except _UNREADABLE as bad:
        raise BadPasskey(_NOT_TAKEN) from bad
    handle = credential.response.user_handle
    if handle is not None and handle != _handle(row.login_id):
        raise BadPasskey(_NOT_TAKEN)
    one = logins.by_id(unit.connection, row.login_id)
    if one is None or not one.roles:
        raise BadPasskey(_NOT_KNOWN)
    _use_up(unit, challenge)
    # Of two at one moment with the same count, one is a copy.
    moved = unit.connection.execute(
        update(passkey)
        .where(passkey.c.id == row.id, or_(passkey.c.signs < verified.new_sign_count, passkey.c.signs == 0))
        .values(signs=verified.new_sign_count, used_at=unit.now)
    )
    if moved.rowcount != 1:
        raise BadPasskey(_NOT_TAKEN)
    return one


# --- looking after them -----------------------------------------------------------------------------------------------


def of(connection: Connection, login_id: int) -> list[Passkey]:
    """Somebody's passkeys, the oldest first."""
    query = select(passkey.c.id, passkey.c.name, passkey.c.added_at, passkey.c.used_at)
    return [
        Passkey(*row) for row in connection.execute(query.where(passkey.c.login_id == login_id).order_by(passkey.c.id))
    ]


def remove(unit: Unit, login_id: int, passkey_id: int) -> bool:
    """Take a passkey away; False when it isn't theirs."""
    gone = delete(passkey).where(passkey.c.id == passkey_id, passkey.c.login_id == login_id)
    return unit.connection.execute(gone).rowcount == 1


def remove_all(unit: Unit, login_id: int) -> int:
    """Take all of somebody's passkeys away; how many that were."""
    return unit.connection.execute(delete(passkey).where(passkey.c.login_id == login_id)).rowcount


def _use_up(unit: Unit, challenge: bytes) -> None:
    """A challenge is answered once: the effects' table remembers that it was."""
    key = effect_key("passkey", hashlib.sha256(challenge).hexdigest())
    row = {"key": key, "kind": "passkey", "at": unit.now, "outcome": {}}
    if unit.connection.scalar(_USED[unit.connection.dialect.name], row) is None:
        raise BadPasskey(_NOT_TAKEN)


def _handle(login_id: int) -> bytes:
    """What a device knows somebody by: nothing of theirs stands in it, and it outlives SECRET_KEY."""
    return hashlib.sha256(f"cotisa login {login_id}".encode()).digest()


def _short(answer: str) -> Any:
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("longer than any device's answer")
    return answer


# What the library raises over what no device answers, besides its own.
_UNREADABLE = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
_NEW = if_new(passkey, "credential")
_USED = if_new(effect, "key")
_NOT_TAKEN = mark("This passkey wasn't accepted: try again, or enter with your number and password.")
_NOT_KNOWN = mark("This passkey isn't known here: enter with your number and password.")
