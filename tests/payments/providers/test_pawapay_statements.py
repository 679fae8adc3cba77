"""pawaPay's statements: what is brought, how long it is waited for, and what is said where nothing can be brought."""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from contract import order
from pawapay_play import CALLBACK_URL, PawaPayPlay

from gateway.kernel.atomic import transaction_open
from gateway.kernel.faults import NetworkInsideTransaction
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import Accepted, Order, Repayment
from gateway.payments.providers.pawapay_statements import NotFetched, PawaPayStatements, Wanted, moments, pieces
from gateway.standins import pawapay as standin
from gateway.standins.pawapay_statements import COLUMNS

MTN, MOOV = ("+2290161000001", "MTN_MOMO_BEN"), ("+2290195000002", "MOOV_BEN")
MAY = Wanted("BJ", "XOF", None, datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
HTML = "<!doctype html><html><body>Sign in</body></html>"


@pytest.fixture(scope="module")
def running() -> Iterator[PawaPayPlay]:
    play = PawaPayPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def pawapay(running: PawaPayPlay) -> PawaPayPlay:
    """pawaPay with nothing asked and nothing scripted."""
    running.reset()
    return running


def statements(pawapay: PawaPayPlay, **given: Any) -> PawaPayStatements:
    account = {"api_token": standin.API_TOKEN, "base_url": pawapay.url, "callback_url": CALLBACK_URL}
    known = {**account, "first_pause_s": 0.01, "connect_timeout_s": 0.5, "read_timeout_s": 0.5}
    return PawaPayStatements(**{**known, **given})


def fetched(pawapay: PawaPayPlay, folder: Path, wanted: Wanted = MAY, wait_s: float = 5, **given: Any) -> bytes:
    file = folder / "brought"
    statements(pawapay, **given).fetch(wanted, file, wait_s)
    return file.read_bytes()


def told(pawapay: PawaPayPlay, folder: Path, wanted: Wanted = MAY, wait_s: float = 5, **given: Any) -> str:
    """The one line that is said when nothing is brought; it gives nothing away."""
    with pytest.raises(NotFetched) as why:
        fetched(pawapay, folder, wanted, wait_s, **given)
    text = str(why.value)
    assert not [one for one in ("\n", standin.API_TOKEN, "/downloads/") if one in text]
    return text


def paid(pawapay: PawaPayPlay, who: tuple[str, str], created: str, *, refused: bool = False) -> Order:
    """A deposit of 1 500 that was asked for then, and that its payer has agreed to or refused."""
    one = replace(order(payer=who[0]), environment=who[1])
    assert isinstance(pawapay.provider(read_timeout_s=2.0).ask(one), Accepted)
    if refused:
        pawapay.refuse(one.key, "PAYMENT_NOT_APPROVED")
    else:
        pawapay.play("approve", {"key": one.key, "report": {"created": created}})
    return one


def rows(brought: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(gzip.decompress(brought).decode())))


def test_what_was_paid_in_these_days_is_brought_packed(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    paid(pawapay, MTN, "2026-04-30T23:59:59Z")
    last = paid(pawapay, MOOV, "2026-05-31T23:59:59Z").key
    first = paid(pawapay, MTN, "2026-05-01T00:00:00Z")
    paid(pawapay, MTN, "2026-05-02T00:00:00Z", refused=True)
    paid(pawapay, MTN, "2026-06-01T00:00:00Z")
    back = Repayment(operator_key(), first, "1", Money(400, "XOF"))
    assert isinstance(pawapay.provider(read_timeout_s=2.0).give_back(back), Accepted)
    pawapay.play("approve", {"key": back.key, "report": {"created": "2026-05-03T08:00:00Z"}})
    assert rows(fetched(pawapay, tmp_path)) == [
        list(COLUMNS),
        ["2026-05-01T00:00:00Z", MTN[0][1:], first.key, "1500.00", "XOF", "BEN", MTN[1], "DEPOSIT"],
        ["2026-05-03T08:00:00Z", MTN[0][1:], back.key, "400.00", "XOF", "BEN", MTN[1], "REFUND"],
        ["2026-05-31T23:59:59Z", MOOV[0][1:], last, "1500.00", "XOF", "BEN", MOOV[1], "DEPOSIT"],
    ]
    moov = fetched(pawapay, tmp_path, replace(MAY, operator="MOOV_BEN"))
    assert [row[2] for row in rows(moov)] == [COLUMNS[2], last]


# What pawaPay does, and the one line that is told of it.
TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "refused": (
        {"on": "statement", "http": {"status": 403, "body": {"failureReason": {"failureCode": "AUTHORISATION_ERROR"}}}},
        "pawaPay refuses the statement: 403 AUTHORISATION_ERROR",
    ),
    "unknown word for the request": (
        {"on": "statement", "http": {"status": 200, "body": {"status": "QUEUED"}}},
        "pawaPay answers what isn't known when asked for a statement: 200 QUEUED",
    ),
    "accepted without an id": (
        {"on": "statement", "http": {"status": 200, "body": {"status": "ACCEPTED", "statementId": "7/../8"}}},
        "pawaPay answers what isn't known when asked for a statement: 200 ACCEPTED",
    ),
    "failed": (
        {"on": "statement", "outcome": "FAILED", "reason": "UNKNOWN_ERROR"},
        "pawaPay couldn't make the statement: FAILED UNKNOWN_ERROR as played: run it again",
    ),
    "unknown status": (
        {"on": "statement", "outcome": "ARCHIVED"},
        "pawaPay says of the statement what isn't known: ARCHIVED",
    ),
    "made, and nowhere": (
        {"on": "statement", "report": {"downloadUrl": None}},
        "pawaPay says of the statement what isn't known: COMPLETED",
    ),
    "a web page for a status": (
        {"on": "statement_status", "http": {"status": 200, "body": HTML}},
        "pawaPay says of the statement what isn't known: 200",
    ),
    "the token ends meanwhile": (
        {"on": "statement_status", "http": {"status": 401, "body": {}}},
        "pawaPay says of the statement what isn't known: 401",
    ),
    "another's id": (
        {"on": "statement", "report": {"statementId": "00000000-0000-4000-8000-000000000000"}},
        "pawaPay speaks of another statement than it was asked for",
    ),
    "another wallet": (
        {"on": "statement", "report": {"wallet": {"country": "BEN", "currency": "XOF", "provider": "MOOV_BEN"}}},
        "pawaPay speaks of another statement than it was asked for",
    ),
    "other days": (
        {"on": "statement", "report": {"endDate": "2026-05-31T23:00:00"}},
        "pawaPay speaks of another statement than it was asked for",
    ),
    "an address that has run out": (
        {"on": "download", "http": {"status": 403, "body": "<Error>Request has expired</Error>"}},
        "pawaPay's statement can't be downloaded: its address answers 403, and may have run out: run it again",
    ),
    "half of a file": (
        {"on": "download", "truncate": True},
        "pawaPay's statement can't be downloaded: the line broke off (ProtocolError): run it again",
    ),
    "cut before a word": (
        {"on": "download", "drop_before": True},
        "pawaPay's statement can't be downloaded: the line broke off (ConnectionError): run it again",
    ),
    "an address in clear": (
        {"on": "statement", "report": {"downloadUrl": "http://files.invalid/may.csv"}},
        "pawaPay's statement lies at an address without https: it was not downloaded",
    ),
    "a file of this machine": (
        {"on": "statement", "report": {"downloadUrl": "file:///etc/hostname"}},
        "pawaPay's statement lies at an address without https: it was not downloaded",
    ),
    "no address": (
        {"on": "statement", "report": {"downloadUrl": "https://[/"}},
        "pawaPay's statement lies at what is no address: it was not downloaded",
    ),
    "sent on in clear": (
        {"on": "download", "http": {"status": 302, "headers": {"Location": "http://files.invalid/may.csv"}}},
        "pawaPay's statement lies at an address without https: it was not downloaded",
    ),
    "sent round": (
        {"on": "download", "times": 9, "http": {"status": 302, "headers": {"Location": "?again"}}},
        "pawaPay's statement can't be downloaded: more than 3 redirections",
    ),
}


@pytest.mark.parametrize(("script", "line"), TOLD.values(), ids=TOLD.keys())
def test_what_is_told(pawapay: PawaPayPlay, tmp_path: Path, script: dict[str, Any], line: str) -> None:
    pawapay.script(**script)
    assert told(pawapay, tmp_path).strip() == line


def test_what_pawapay_rejects_is_told_in_its_words(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    far = replace(MAY, until_at=datetime(2026, 6, 2, tzinfo=UTC))
    assert told(pawapay, tmp_path, far) == (
        "pawaPay refuses the statement: 200 REJECTED INVALID_DATE_RANGE At most 31 days"
    )
    assert "WALLET_NOT_FOUND" in told(pawapay, tmp_path, replace(MAY, operator="ORANGE_BFA"))
    assert "AUTHENTICATION_ERROR" in told(pawapay, tmp_path, api_token="another")
    assert told(pawapay, tmp_path, replace(MAY, country="BI")) == "pawaPay has no wallet in BI"
    assert pawapay.calls("download") == 0


def test_nobody_there(closed_url: str, pawapay: PawaPayPlay, tmp_path: Path) -> None:
    assert told(pawapay, tmp_path, base_url=closed_url) == "pawaPay wasn't reached: no connection: run it again"


def test_it_is_waited_for_and_not_for_ever(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    pawapay.script(on="statement", outcome="PROCESSING")
    waited: list[int] = []
    begun = time.monotonic()
    with pytest.raises(NotFetched, match=r"hasn't made the statement in 1 s \(200 FOUND\): wait for longer"):
        statements(pawapay).fetch(MAY, tmp_path / "brought", 1, waited.append)
    assert 1 <= time.monotonic() - begun < 3
    assert (waited[0], waited[-1]) == (0, 1)
    # Twice as long each time: 10, 20, 40, … 640 ms.
    assert 5 <= pawapay.calls("statement_status") <= 9


def test_a_bad_minute_is_waited_through(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    key = paid(pawapay, MTN, "2026-05-10T10:00:00Z").key
    for bad in (
        {"http": {"status": 503, "body": HTML}},
        {"http": {"status": 200, "body": {"status": "NOT_FOUND"}}},
        {"http": {"status": 429, "body": {}}},
        {"drop_before": True, "times": 2},
        {"slow": 0.7},
        {"report": {"status": "PROCESSING", "downloadUrl": None}},
    ):
        pawapay.script(on="statement_status", **bad)
    assert [row[2] for row in rows(fetched(pawapay, tmp_path))[1:]] == [key]


def test_an_asking_that_a_dead_connection_swallowed_is_made_again(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    pawapay.script(on="statement", drop_before=True)
    assert rows(fetched(pawapay, tmp_path)) == [list(COLUMNS)]


def test_the_download_is_followed_within_https_and_without_our_token(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    # The stand-in's files, like those hosts', are refused to whoever brings a token.
    pawapay.script(on="download", http={"status": 307, "headers": {"Location": "?once"}})
    assert rows(fetched(pawapay, tmp_path)) == [list(COLUMNS)]
    assert pawapay.calls("download") == 2
    real = statements(pawapay, base_url="https://api.pawapay.io")
    with pytest.raises(NotFetched, match="without https"):
        real._download(f"{pawapay.url}/downloads/any", tmp_path / "brought")


def test_what_is_larger_than_allowed_is_not_kept_on_reading(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    pawapay.script(on="download", http={"status": 200, "body": "x" * 200_000})
    line = told(pawapay, tmp_path, max_bytes=100_000)
    assert line == "pawaPay's statement is larger than 0 MB: ask for fewer days"
    assert (tmp_path / "brought").stat().st_size <= 100_000


def test_nothing_is_asked_inside_a_transaction(pawapay: PawaPayPlay, tmp_path: Path) -> None:
    with transaction_open(), pytest.raises(NetworkInsideTransaction):
        fetched(pawapay, tmp_path)
    assert pawapay.calls("statement") == 0


@pytest.mark.parametrize(
    ("first", "last", "spans"),
    [
        ("2026-05-01", "2026-05-01", ["2026-05-01/2026-05-01"]),
        ("2026-05-01", "2026-05-31", ["2026-05-01/2026-05-31"]),
        ("2026-05-01", "2026-06-01", ["2026-05-01/2026-05-31", "2026-06-01/2026-06-01"]),
        ("2026-01-01", "2026-03-31", ["2026-01-01/2026-01-31", "2026-02-01/2026-03-03", "2026-03-04/2026-03-31"]),
    ],
)
def test_many_days_are_several_statements(first: str, last: str, spans: list[str]) -> None:
    found = pieces(date.fromisoformat(first), date.fromisoformat(last))
    assert [f"{one}/{other}" for one, other in found] == spans


def test_days_begin_where_the_mutuelle_is() -> None:
    begins, ends = moments((date(2026, 5, 1), date(2026, 5, 31)), "Africa/Porto-Novo")
    assert (begins, ends) == (datetime(2026, 4, 30, 23, tzinfo=UTC), datetime(2026, 5, 31, 23, tzinfo=UTC))
