"""RFC 9421 signatures with ECDSA P-256, made and checked over untouched bytes at a time that is handed in.

The signing base, the structured fields and the digest are the library's (http-message-signatures); ours are the clock,
the window in which a signature is believed, what it must cover, and that an ECDSA value may stand there as DER (as
pawaPay and the common cryptographic libraries write it) or as the RFC's 64 bytes r||s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import ECDSA_P256_SHA256

LIFE = timedelta(seconds=60)  # of what we sign
LONGEST = timedelta(minutes=5)  # of what others sign, whatever they say
# Without these a signature says nothing about which body was sent where.
COVERED = ("@method", "@authority", "@path", "content-digest")
MAX_HEADER = 4096
_NO_TIME, _OUTSIDE = "no time", "outside its time"
_READ_HERE = ("signature", "signature-input", "content-digest")


class BadSignature(Exception):
    """A signature that doesn't hold; the text says why, in words of ours."""


class UnknownKey(BadSignature):
    """A signature by a key that isn't among those given: they may be out of date."""


class BadKey(ValueError):
    """Text that holds no ECDSA P-256 key in PEM."""


@dataclass(frozen=True)
class SigningKey:
    """Our private key, and the name under which the other side knows its public half."""

    key_id: str
    key: EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True)
class Message:
    """A request as the signing base is made from it; ``url`` is absolute."""

    headers: Mapping[str, str]
    method: str
    url: str


def read_private_key(pem: bytes) -> EllipticCurvePrivateKey:
    """An unencrypted P-256 private key; raises :class:`BadKey`."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("no unencrypted private key in PEM") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise BadKey("not an EC P-256 key")
    return key


def read_public_key(pem: bytes) -> EllipticCurvePublicKey:
    """A P-256 public key; raises :class:`BadKey`."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("no public key in PEM") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise BadKey("not an EC P-256 key")
    return key


def sign(
    key: SigningKey,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    covered: tuple[str, ...],
    label: str,
) -> dict[str, str]:
    """``headers`` with the digest of ``body`` and a DER signature of all that is ``covered``, good for a minute."""
    message = Message({**headers, "Content-Digest": ContentDigest.create(body)}, method, url)
    signer = HTTPMessageSigner(
        signature_algorithm=_DerOrRaw,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={key.key_id: key.key}),
    )
    signer.sign(
        message,
        key_id=key.key_id,
        created=now,
        expires=now + LIFE,
        label=label,
        covered_component_ids=covered,
        body=body,
        use_existing_digest=True,
    )
    return dict(message.headers)


def check(
    message: Any,
    body: bytes,
    keys: Mapping[str, EllipticCurvePublicKey],
    *,
    now: datetime,
    skew: timedelta,
    covered: tuple[str, ...] = COVERED,
) -> str:
    """The id of the key whose signature of ``message`` and its untouched ``body`` holds ``now``.

    ``message`` is a :class:`Message` with the method and the address as the sender knew them, or a response with
    ``headers`` and ``status_code``. There must be exactly one signature; it holds from its ``created`` to its
    ``expires``, never longer than :data:`LONGEST`, give or take ``skew``; it must cover at least ``covered``. Raises
    :class:`BadSignature`, and :class:`UnknownKey` where only the key is missing.
    """
    if any(len(value) > MAX_HEADER for name, value in message.headers.items() if name.lower() in _READ_HERE):
        raise BadSignature("a header is too long")
    verifier = _Verifier(signature_algorithm=_DerOrRaw, key_resolver=_Known(keys))
    verifier.now, verifier.skew = now, skew
    try:
        (found,) = verifier.verify(message, max_age=None, require_components=covered, body=body)
    except InvalidSignature as why:
        if isinstance(why.__cause__, UnknownKey):
            raise why.__cause__ from None
        raise BadSignature(_in_our_words(why)) from None
    except (HTTPMessageSignaturesException, ValueError, TypeError):
        raise BadSignature("can't be read") from None
    return str(found.parameters["keyid"])


class _DerOrRaw(ECDSA_P256_SHA256):
    """Writes DER; reads DER and the RFC's r||s."""

    def sign(self, message: bytes) -> bytes:
        signature: bytes = self.private_key.sign(message, self.signature_algorithm)
        return signature

    def verify(self, signature: bytes, message: bytes) -> None:
        if len(signature) == 64:
            numbers = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
            try:
                self.public_key.verify(encode_dss_signature(*numbers), message, self.signature_algorithm)
                return
            except WrongSignature:
                pass  # one DER value in very many is as short as that
        self.public_key.verify(signature, message, self.signature_algorithm)


class _Known(HTTPSignatureKeyResolver):
    def __init__(self, keys: Mapping[str, EllipticCurvePublicKey]) -> None:
        self._keys = keys

    def resolve_public_key(self, key_id: str) -> EllipticCurvePublicKey:
        if key_id not in self._keys:
            raise UnknownKey("signed with a key that isn't known")
        return self._keys[key_id]


class _Verifier(HTTPMessageVerifier):
    """The library's verifier at a time that is handed in."""

    now: datetime
    skew: timedelta

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        params = sig_input.params
        created, expires = params.get("created"), params.get("expires")
        if type(created) is not int or not (expires is None or type(expires) is int):
            raise InvalidSignature(_NO_TIME)
        latest = created + int(LONGEST.total_seconds())
        ends = latest if expires is None else min(expires, latest)
        skew_s = self.skew.total_seconds()
        if not created - skew_s <= self.now.timestamp() <= ends + skew_s:
            raise InvalidSignature(_OUTSIDE)


def _in_our_words(why: InvalidSignature) -> str:
    """The library's texts quote what came; ours are a few and quote nothing."""
    text = str(why)
    if text in (_NO_TIME, _OUTSIDE):
        return text
    return "another body" if text == "Content-Digest does not match the message body" else "doesn't hold"
