"""RFC 9421: its own example holds, ours hold, and whatever else comes is a signature that doesn't."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.payments.providers import signatures
from gateway.payments.providers.signatures import (
    BadKey,
    BadSignature,
    Message,
    SigningKey,
    UnknownKey,
    check,
    read_private_key,
    read_public_key,
    sign,
)

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
SKEW = timedelta(seconds=10)
URL = "https://mutuelle.example.org/payments/pawapay/secret/callback"
BODY = b'{"depositId": "x", "amount": "1500.00"}'
COVERED = ("@method", "@authority", "@path", "content-digest", "content-type")
KEY = SigningKey("ours", ec.generate_private_key(ec.SECP256R1()))
KEYS = {"ours": KEY.key.public_key()}


# RFC 9421, appendix B.1.3 (the key) and B.2.4 (a response signed by ECDSA P-256): the one example with this algorithm.

RFC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
"""
RFC_BODY = b'{"message": "good dog"}'
RFC_CREATED = datetime.fromtimestamp(1618884473, UTC)
RFC_COVERED = ("@status", "content-type", "content-digest", "content-length")
RFC_SIGNATURE = "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
RFC_HEADERS = {
    "Date": "Tue, 20 Apr 2021 02:07:56 GMT",
    "Content-Type": "application/json",
    "Content-Digest": "sha-512=:"
    "mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
    "Content-Length": "23",
    "Signature-Input": 'sig-b24=("@status" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-ecc-p256"',
    "Signature": f"sig-b24=:{RFC_SIGNATURE}:",
}


@dataclass(frozen=True)
class Response:
    headers: Mapping[str, str]
    status_code: int = 200


def _rfc(headers: Mapping[str, str], body: bytes = RFC_BODY, status: int = 200, now: datetime = RFC_CREATED) -> str:
    keys = {"test-key-ecc-p256": read_public_key(RFC_KEY)}
    return check(Response(headers, status), body, keys, now=now, skew=SKEW, covered=RFC_COVERED)


def test_the_example_of_the_rfc_holds() -> None:
    assert _rfc(RFC_HEADERS) == "test-key-ecc-p256"


def test_the_example_of_the_rfc_holds_in_der() -> None:
    raw = base64.b64decode(RFC_SIGNATURE)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    assert len(der) > 64
    _rfc(RFC_HEADERS | {"Signature": f"sig-b24=:{base64.b64encode(der).decode()}:"})


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": RFC_HEADERS | {"Content-Type": "text/plain"}},
        {"headers": RFC_HEADERS | {"Content-Length": "24"}},
        {"body": b'{"message": "bad dog"}'},
        {"status": 201},
        {"now": RFC_CREATED + timedelta(minutes=6)},
        {"now": RFC_CREATED - timedelta(minutes=1)},
    ],
)
def test_the_example_of_the_rfc_changed_does_not_hold(changed: dict[str, object]) -> None:
    with pytest.raises(BadSignature):
        _rfc(**{"headers": RFC_HEADERS, **changed})  # type: ignore[arg-type]


# Ours


def _signed(body: bytes = BODY, now: datetime = NOW, covered: tuple[str, ...] = COVERED) -> dict[str, str]:
    return sign(KEY, "POST", URL, {"Content-Type": "application/json"}, body, now=now, covered=covered, label="sig-pp")


def _check(
    headers: Mapping[str, str], body: bytes = BODY, now: datetime = NOW, method: str = "POST", url: str = URL
) -> str:
    return check(Message(headers, method, url), body, KEYS, now=now, skew=SKEW)


def test_what_we_sign_holds_and_is_der() -> None:
    headers = _signed()
    assert _check(headers) == "ours"
    decode_dss_signature(base64.b64decode(headers["Signature"].removeprefix("sig-pp=:").removesuffix(":")))
    assert f";created={int(NOW.timestamp())};" in headers["Signature-Input"]
    assert f";expires={int(NOW.timestamp()) + 60}" in headers["Signature-Input"]


@pytest.mark.parametrize("body", [b"", b"\x00", b"x" * 100_000, "é".encode()])
def test_any_body_can_be_signed(body: bytes) -> None:
    headers = _signed(body)
    assert _check(headers, body) == "ours"
    with pytest.raises(BadSignature, match="another body"):
        _check(headers, body + b" ")


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"method": "PUT"},
        {"url": URL + "x"},
        {"url": URL.replace("mutuelle", "musa")},
        {"url": URL.replace("https://mutuelle.example.org", "https://mutuelle.example.org:8443")},
    ],
)
def test_a_signature_is_for_one_address(elsewhere: dict[str, str]) -> None:
    with pytest.raises(BadSignature, match="doesn't hold"):
        _check(_signed(), **elsewhere)


def test_a_query_and_a_standard_port_do_not_matter_to_what_is_covered() -> None:
    assert _check(_signed(), url=URL.replace(".org", ".org:443")) == "ours"


@pytest.mark.parametrize(
    ("seconds", "holds"), [(-11, False), (-10, True), (0, True), (60, True), (70, True), (71, False), (9e8, False)]
)
def test_it_holds_for_its_time(seconds: float, holds: bool) -> None:
    headers, now = _signed(), NOW + timedelta(seconds=seconds)
    if holds:
        _check(headers, now=now)
    else:
        with pytest.raises(BadSignature, match="outside its time"):
            _check(headers, now=now)


@pytest.mark.parametrize(("seconds", "holds"), [(0, True), (310, True), (311, False)])
def test_no_signature_holds_longer_than_five_minutes_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch, seconds: int, holds: bool
) -> None:
    monkeypatch.setattr(signatures, "LIFE", timedelta(days=1))
    headers, now = _signed(), NOW + timedelta(seconds=seconds)
    if holds:
        _check(headers, now=now)
    else:
        with pytest.raises(BadSignature, match="outside its time"):
            _check(headers, now=now)


@pytest.mark.parametrize("name", ["Signature", "signature-input", "Content-Digest"])
def test_a_header_is_read_only_so_far(name: str) -> None:
    with pytest.raises(BadSignature, match="too long"):
        _check({**_signed(), name: "x" * 4097})


@pytest.mark.parametrize("missing", ["@method", "@authority", "@path", "content-digest"])
def test_what_covers_too_little_does_not_hold(missing: str) -> None:
    covered = tuple(one for one in COVERED if one != missing)
    headers = _signed(covered=covered)
    if missing == "content-digest":  # the library puts it at the end
        headers["Signature-Input"] = headers["Signature-Input"].replace(' "content-digest"', "")
    with pytest.raises(BadSignature):
        _check(headers)


def test_a_key_that_is_not_known_is_told_apart() -> None:
    with pytest.raises(UnknownKey):
        check(Message(_signed(), "POST", URL), BODY, {}, now=NOW, skew=SKEW)
    with pytest.raises(BadSignature) as told:
        check(Message(_signed(now=NOW - timedelta(days=1)), "POST", URL), BODY, {}, now=NOW, skew=SKEW)
    assert not isinstance(told.value, UnknownKey)  # an old one is not worth asking for keys
    other = {"ours": ec.generate_private_key(ec.SECP256R1()).public_key()}
    with pytest.raises(BadSignature, match="doesn't hold"):
        check(Message(_signed(), "POST", URL), BODY, other, now=NOW, skew=SKEW)


@pytest.mark.parametrize(
    "params",
    [
        'keyid="ours"', 'created="x";keyid="ours"', "created=1.5;keyid=\"ours\"", 'created=?1;keyid="ours"',
        f"created={NOW.timestamp():.0f}", f"created={NOW.timestamp():.0f};keyid=ours",
        f'created={NOW.timestamp():.0f};expires=99999999999999999999;keyid="ours"',
        'created=999999999999999;expires=999999999999999;keyid="ours"', 'created=-1;keyid="ours"',
        f'created={NOW.timestamp():.0f};keyid="ours";alg="rsa-v1_5-sha256"',
    ],
)  # fmt: skip
def test_odd_parameters_are_at_worst_bad(params: str) -> None:
    headers = _signed()
    listed = headers["Signature-Input"].partition(")")[0]
    with pytest.raises(BadSignature):
        _check(headers | {"Signature-Input": f"{listed});{params}"})


HEADER = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=60)


@given(st.sampled_from(["Signature", "Signature-Input", "Content-Digest", "Content-Type"]), HEADER, st.integers(0, 200))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_header_is_at_worst_bad(name: str, text: str, at: int) -> None:
    headers = _signed()
    changed = headers[name][:at] + text + headers[name][at + len(text) :]
    try:
        _check(headers | {name: changed})
    except BadSignature:
        return
    assert changed.strip() == headers[name] or name in ("Signature", "Signature-Input")


# Keys


def test_only_a_p_256_key_is_a_key() -> None:
    def pem(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    assert read_public_key(pem(KEY.key.public_key())) == KEY.key.public_key()
    odd = [ec.generate_private_key(ec.SECP384R1()).public_key(), rsa.generate_private_key(65537, 2048).public_key()]
    for each in (*map(pem, odd), b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", RFC_KEY[:100]):
        with pytest.raises(BadKey):
            read_public_key(each)
        with pytest.raises(BadKey):
            read_private_key(each)
