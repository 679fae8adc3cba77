"""What every provider must do, whoever the operator is: one suite, run against a server that plays the operator."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

import pytest
from playing import PATIENCE_S

from gateway.kernel.atomic import transaction_open
from gateway.kernel.faults import NetworkInsideTransaction
from gateway.kernel.ids import operator_key
from gateway.kernel.masking import mask_number
from gateway.kernel.money import EXPONENT, Money
from gateway.payments.providers.base import (
    MAX_SAID,
    Accepted,
    AnswersNotices,
    BadNotice,
    Hint,
    NotFound,
    NoticeAnswer,
    Order,
    Paid,
    Provider,
    Reason,
    Refused,
    Unclear,
    Waiting,
)

T = TypeVar("T")

PAYER = "+2290161000001"
CARD = "123456782"

# Notices that no operator sends: whatever is made of them, nothing else than BadNotice may be raised.
ODD_NOTICES = [
    b"", b" ", b"\x00", b"null", b"true", b"17", b'"text"', b"[]", b"{}", b'{"status": null}', b"{", b'{"a": }',
    b'{"status": "FAILED", "status": "SUCCESSFUL"}', b'{"amount": NaN}', b'{"amount": -Infinity}',
    b'{"amount": 1e999999999}', b'{"amount": ' + b"9" * 5000 + b"}", b'\xef\xbb\xbf{"status": "SUCCESSFUL"}',
    b"\xff\xfe{\x00}\x00", b'{"status": "\\ud800"}', b'{"status": {"status": []}, "reason": 5, "payer": "x"}',
    b"[" * 30_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"status=SUCCESSFUL&amount=1500", b"<xml/>",
    b'{"status": "' + b"x" * 200_000 + b'"}',
]  # fmt: skip
UNREADABLE_NOTICES = [b"", b"{", b"\xff\xfe{\x00}\x00", b"status=SUCCESSFUL", b'{"x": "' + b"x" * 200_000 + b'"}']


class Played(Protocol):
    """A stand-in as the contract needs it; each method is about the operator, in no operator's words."""

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S) -> Provider:
        """A new provider towards the stand-in, or towards ``url``."""

    def debits(self, key: str) -> int: ...
    def asked(self, key: str) -> int:
        """How often a request with this key arrived and was understood."""

    def tokens(self) -> int:
        """How often a token was asked for."""

    def approve(self, key: str, amount: str | None = None) -> None:
        """The payer types the PIN; the operator reports ``amount`` where one is given."""

    def refuse(self, key: str, word: str) -> None: ...
    def status(self, key: str, word: str) -> None:
        """The order's status is reported with this word."""

    def drop_before(self) -> None:
        """The next request for money is lost."""

    def drop_after(self) -> None:
        """The next request for money is debited, and its answer is lost."""

    def slow(self, seconds: float) -> None:
        """The next request for money is recorded, and answered late."""

    def answer(self, call: str, status: int, body: object, times: int = 1, after_s: float = 0.0) -> None:
        """The next ``times`` of ``call`` (``ask``, ``find``, ``token``) are answered with this and do nothing."""

    def revoke_tokens(self) -> None: ...
    def secrets(self) -> list[str]:
        """All that must never stand in a log."""

    def notice(self, key: str) -> bytes:
        """The body of a good notice about an order."""


def order(amount: Money | None = None, payer: str = PAYER, url: str | None = None) -> Order:
    """A new order, of 1500 francs."""
    return Order(operator_key(), payer, Money(1500, "XOF") if amount is None else amount, CARD, "BJ", url)


class ProviderContract:
    """Inherit, give the fixture ``operator`` (a :class:`Played`) and the table; all of this must pass.

    What an operator can't be held to is set to None in its class, with the reason beside it, or written anew there.
    """

    REFUSALS: Mapping[str, Reason]  # the operator's words for "no", and ours
    PAYER = PAYER  # of the operator's country, and in its currency
    COUNTRY = "BJ"
    CURRENCY = "XOF"

    def money(self, whole: int) -> Money:
        """So much of the operator's currency."""
        return Money(whole * 10 ** EXPONENT[self.CURRENCY], self.CURRENCY)

    def order(self, amount: Money | None = None, url: str | None = None) -> Order:
        """A new order, of 1500 francs (or what the currency is called)."""
        money = self.money(1500) if amount is None else amount
        return Order(operator_key(), self.PAYER, money, CARD, self.COUNTRY, url)

    def ask(self, provider: Provider, one: Order) -> Order:
        """Ask for the money; the order as it is kept afterwards, with the operator's handle where there is one."""
        answer = provider.ask(one)
        assert isinstance(answer, Accepted), answer
        return replace(one, handle=answer.handle)

    # Asking, and what becomes of it

    def test_an_order_is_accepted_waits_and_is_paid(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        assert isinstance(provider.find(one), Waiting)
        operator.approve(one.key)
        found = provider.find(one)
        assert isinstance(found, Paid)
        assert found.amount == one.amount
        assert found.payer in (one.payer, None)
        assert found.operator_id
        assert provider.find(one) == found

    def test_a_key_that_was_never_asked_is_not_found(self, operator: Played) -> None:
        assert isinstance(operator.provider().find(self.order()), NotFound)

    def test_the_same_key_again_is_accepted_and_debits_once(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        with ThreadPoolExecutor(5) as threads:
            answers = list(threads.map(lambda _: provider.ask(one), range(5)))
        assert all(isinstance(answer, Accepted) for answer in answers)
        operator.approve(one.key)
        assert isinstance(provider.ask(one), Accepted)
        assert operator.asked(one.key) == 6
        assert operator.debits(one.key) == 1

    def test_an_amount_that_is_not_positive_is_refused_unasked(self, operator: Played) -> None:
        one = self.order(amount=self.money(0))
        answer = operator.provider().ask(one)
        assert isinstance(answer, Refused)
        assert answer.reason is Reason.AMOUNT
        assert operator.asked(one.key) == 0

    @pytest.mark.parametrize("key", ["", "x", "../../token", "00000000-0000-1000-8000-000000000000"])
    def test_a_key_of_another_form_is_a_defect_and_sends_nothing(self, operator: Played, key: str) -> None:
        provider = operator.provider()
        with pytest.raises(ValueError, match="UUID"):
            provider.ask(replace(self.order(), key=key))
        with pytest.raises(ValueError, match="UUID"):
            provider.find(replace(self.order(), key=key))

    def test_each_refusal_is_told_with_our_reason(self, operator: Played, refusal: tuple[str, Reason]) -> None:
        word, reason = refusal
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.refuse(one.key, word)
        found = provider.find(one)
        assert isinstance(found, Refused)
        assert found.reason is reason
        assert word in found.said
        assert operator.debits(one.key) == 0

    def test_money_that_comes_after_a_refusal_is_seen(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.refuse(one.key, next(iter(self.REFUSALS)))
        assert isinstance(provider.find(one), Refused)
        operator.approve(one.key)
        assert isinstance(provider.find(one), Paid)

    def test_an_unknown_reason_is_kept_and_shouted(self, operator: Played, caplog: pytest.LogCaptureFixture) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.refuse(one.key, f"MOON_IN_THE_WRONG_PHASE {self.PAYER} " + "x" * 400)
        found = provider.find(one)
        assert isinstance(found, Refused)
        assert found.reason is Reason.OTHER
        assert f"MOON_IN_THE_WRONG_PHASE {mask_number(self.PAYER)}" in found.said
        assert len(found.said) <= MAX_SAID
        assert any(record.levelno >= logging.ERROR and "MOON" in record.getMessage() for record in caplog.records)

    def test_an_unknown_status_decides_nothing_and_is_shouted(
        self, operator: Played, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.status(one.key, "SUCCESSFULLY_FAILED")
        found = provider.find(one)
        assert isinstance(found, Unclear)
        assert found.reason == "unknown-word"
        assert "SUCCESSFULLY_FAILED" in found.said
        assert any(record.levelno >= logging.ERROR and one.key in record.getMessage() for record in caplog.records)

    # Amounts

    @pytest.mark.parametrize(
        ("reported", "amount"),
        [("1500", 1500), ("1500.00", 1500), ("01500.0", 1500), ("100", 100), ("999999999", 999_999_999)],
    )
    def test_the_amount_that_is_reported_is_what_was_paid(self, operator: Played, reported: str, amount: int) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.approve(one.key, reported)
        found = provider.find(one)
        assert isinstance(found, Paid)
        assert found.amount == self.money(amount)

    @pytest.mark.parametrize(
        "reported", ["1500.50", "0", "-1500", "1 500", "1,500", "1e3", "NaN", "1500 XOF", "", "9" * 40, "١٥٠٠", "1_500"]
    )
    def test_an_amount_that_is_not_exact_is_never_guessed(self, operator: Played, reported: str) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.approve(one.key, reported)
        found = provider.find(one)
        assert isinstance(found, Unclear)
        assert found.reason == "mismatch"

    # The network

    def test_lost_on_the_way_back_it_is_unclear_and_then_paid(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        operator.drop_after()
        answer = provider.ask(one)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        assert isinstance(provider.find(one), Paid)
        assert operator.asked(one.key) == 1  # never sent again by itself
        assert operator.debits(one.key) == 1

    def test_lost_on_the_way_there_it_is_unclear_and_then_not_found(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        operator.drop_before()
        answer = provider.ask(one)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        assert isinstance(provider.find(one), NotFound)
        self.ask(provider, one)
        operator.approve(one.key)
        assert operator.debits(one.key) == 1

    def test_slower_than_the_time_out_is_unclear_and_then_found(self, operator: Played) -> None:
        hasty, one = operator.provider(read_timeout_s=0.4), self.order()
        operator.slow(1.2)
        began = time.monotonic()
        answer = hasty.ask(one)
        assert time.monotonic() - began < 1.2
        assert isinstance(answer, Unclear)
        assert answer.reason == "no-answer"
        assert answer.safe_to_ask_again_after_s is None
        assert isinstance(operator.provider().find(one), Waiting)

    def test_with_nobody_listening_nothing_was_begun(self, operator: Played, closed_url: str) -> None:
        provider, one = operator.provider(url=closed_url), self.order()
        answer = provider.ask(one)
        assert isinstance(answer, Unclear)
        assert answer.reason == "unreached"
        assert answer.safe_to_ask_again_after_s is not None
        found = provider.find(replace(one, handle="x"))
        assert isinstance(found, Unclear)
        assert found.reason == "unreached"

    def test_with_a_name_that_leads_nowhere_nothing_was_begun(
        self, operator: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("no_proxy", "operator.invalid")
        answer = operator.provider(url="http://operator.invalid").ask(self.order())
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is not None

    @pytest.mark.parametrize(
        ("status", "body"),
        [(500, {}), (500, "<html>oops</html>"), (502, ""), (503, {"code": "SERVICE_UNAVAILABLE"}), (504, "")],
    )
    def test_a_server_that_is_ill_decides_nothing(self, operator: Played, status: int, body: object) -> None:
        provider, one = operator.provider(), self.order()
        operator.answer("ask", status, body)
        answer = provider.ask(one)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        one = self.ask(provider, one)
        operator.answer("find", status, body)
        assert isinstance(provider.find(one), Unclear)
        operator.approve(one.key)
        assert isinstance(provider.find(one), Paid)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429])
    def test_no_error_to_a_status_call_is_taken_for_a_refusal(self, operator: Played, status: int) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.answer("find", status, {"code": "WHATEVER", "message": "no"}, times=2)
        assert isinstance(provider.find(one), Unclear)

    @pytest.mark.parametrize(
        "body",
        [
            "", "{", "[]", "null", "<html>", '{"status": "SUCCESSFUL", "status": "FAILED"}', '{"status": NaN}',
            '{"status": 1}', '{"status": ["SUCCESSFUL"]}', '{"pad": "' + "x" * 100_000 + '"}', "[" * 50_000,
        ],
    )  # fmt: skip
    def test_a_status_that_cannot_be_read_decides_nothing(self, operator: Played, body: str) -> None:
        provider, one = operator.provider(), self.order()
        one = self.ask(provider, one)
        operator.approve(one.key)
        operator.answer("find", 200, body)
        assert isinstance(provider.find(one), Unclear)
        assert isinstance(provider.find(one), Paid)

    def test_a_redirect_is_not_followed(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        operator.answer("ask", 302, "")
        assert isinstance(provider.ask(one), Unclear)
        assert operator.asked(one.key) == 0

    # Tokens

    def test_many_calls_at_once_take_one_token(self, operator: Played) -> None:
        provider, before = operator.provider(), operator.tokens()
        assert all(isinstance(answer, Accepted) for answer in _at_once(8, lambda: provider.ask(self.order())))
        assert operator.tokens() - before == 1

    def test_a_token_that_ends_in_a_burst_is_renewed_once(self, operator: Played) -> None:
        provider, burst = operator.provider(), [self.order() for _ in range(8)]
        self.ask(provider, self.order())
        before = operator.tokens()
        operator.revoke_tokens()
        orders = iter(burst)
        assert all(isinstance(answer, Accepted) for answer in _at_once(8, lambda: provider.ask(next(orders))))
        assert operator.tokens() - before == 1
        assert [operator.asked(one.key) for one in burst] == [1] * 8

    def test_a_token_that_is_not_to_be_had_is_tried_for_once_by_all(self, operator: Played) -> None:
        provider, before = operator.provider(), operator.tokens()
        operator.answer("token", 503, {"code": "SERVICE_UNAVAILABLE"}, times=8, after_s=0.2)
        answers = _at_once(8, lambda: provider.ask(self.order()))
        assert all(isinstance(one, Unclear) and one.safe_to_ask_again_after_s is not None for one in answers)
        assert operator.tokens() - before == 1

    def test_a_key_that_is_refused_is_our_fault_and_nothing_was_begun(
        self, operator: Played, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider, one = operator.provider(), self.order()
        operator.answer("token", 401, {"code": "INVALID_CREDENTIALS"}, times=2)
        answer = provider.ask(one)
        assert isinstance(answer, Refused)
        assert answer.reason is Reason.CONFIGURATION
        assert operator.asked(one.key) == 0
        assert any(record.levelno == logging.CRITICAL for record in caplog.records)
        assert isinstance(provider.find(one), Unclear)

    # Notices

    def test_a_notice_is_a_hint_of_its_order(self, operator: Played) -> None:
        key = operator_key()
        hint = operator.provider().read("application/json", operator.notice(key), {})
        assert hint.key == key
        assert hint.said

    def test_a_notice_is_answered_whatever_it_is(self, operator: Played) -> None:
        provider = operator.provider()
        for body in (operator.notice(operator_key()), *ODD_NOTICES):
            answer = provider.answer(body) if isinstance(provider, AnswersNotices) else NoticeAnswer()
            assert answer.status in (200, 204)
            assert len(answer.body) < 1000

    def test_a_notice_that_is_forged_replayed_or_too_early_decides_nothing(self, operator: Played) -> None:
        """Whatever it claims and however often it comes: what the operator says when asked is what counts."""
        provider, one = operator.provider(), self.order()
        claimed = operator.notice(one.key)  # "paid"
        early = _hint(provider, claimed)
        one = self.ask(provider, one)
        assert _hint(provider, claimed) == early
        assert isinstance(provider.find(one), Waiting)
        operator.refuse(one.key, next(iter(self.REFUSALS)))
        assert _hint(provider, claimed) == early
        assert isinstance(provider.find(one), Refused)
        operator.approve(one.key)
        paid = provider.find(one)
        for _ in range(20):
            assert _hint(provider, claimed) == early
        assert isinstance(paid, Paid)
        assert provider.find(one) == paid
        assert operator.debits(one.key) == 1

    @pytest.mark.parametrize("body", ODD_NOTICES, ids=lambda body: repr(body[:24]))
    def test_an_odd_notice_is_bad_or_names_no_order(self, operator: Played, body: bytes) -> None:
        try:
            hint = operator.provider().read("text/plain", body, {"X-Reference-Id": "nonsense"})
        except BadNotice:
            return
        assert isinstance(hint, Hint)
        assert hint.key is None
        assert len(hint.said.encode()) <= 4 * MAX_SAID

    @pytest.mark.parametrize("body", UNREADABLE_NOTICES, ids=lambda body: repr(body[:24]))
    def test_a_notice_that_cannot_be_read_is_bad(self, operator: Played, body: bytes) -> None:
        with pytest.raises(BadNotice):
            operator.provider().read("application/json", body, {})

    # The house

    def test_no_secret_and_no_number_reaches_a_log(self, operator: Played, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        url = "https://mutuelle.example.org/payments/provider/canary-webhook-secret/x"
        provider, one = operator.provider(), self.order(url=url)
        spaced = f"{self.PAYER[:4]} {self.PAYER[4:6]} {self.PAYER[6:8]} {self.PAYER[8:]}"
        one = self.ask(provider, one)
        operator.refuse(one.key, f"UNHEARD_OF {spaced} MSISDN{self.PAYER[1:]}")
        said = [provider.find(one).said]
        for status in (400, 403, 418, 500):
            operator.answer("ask", status, {"code": "X", "message": f"payer {self.PAYER} or {self.PAYER[1:]}"})
            said.append(provider.ask(self.order(url=url)).said)
        operator.answer("token", 401, {"code": "X", "message": f"{self.PAYER[1:]}"}, times=2)
        operator.revoke_tokens()
        said += [provider.ask(self.order()).said, provider.find(one).said]
        operator.drop_after()
        said.append(provider.ask(self.order()).said)
        logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records) + repr(provider)
        assert "UNHEARD_OF" in logged  # something was caught at all
        for canary in (self.PAYER[1:], self.PAYER[4:], spaced, CARD, "canary-webhook-secret", *operator.secrets()):
            assert canary not in logged
            assert canary not in "\n".join(said)

    def test_it_is_not_to_be_called_inside_a_transaction(self, operator: Played) -> None:
        provider, one = operator.provider(), self.order()
        with transaction_open():
            with pytest.raises(NetworkInsideTransaction):
                provider.ask(one)
            with pytest.raises(NetworkInsideTransaction):
                provider.find(one)
        assert operator.asked(one.key) == 0
        assert isinstance(provider.ask(one), Accepted)  # and it is well afterwards


def _hint(provider: Provider, body: bytes) -> Hint | None:
    """What a notice claims; None where the operator's are signed and this one isn't."""
    try:
        return provider.read("application/json", body, {})
    except BadNotice:
        return None


def _at_once(count: int, do: Callable[[], T]) -> list[T]:
    """``do`` on so many threads at the same moment."""
    gate = threading.Barrier(count)

    def go(_: int) -> T:
        gate.wait()
        return do()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(go, range(count)))
