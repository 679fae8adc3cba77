"""What every provider that gives money back must do, whoever the operator is: one suite, as the contract is one."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from gateway.kernel.atomic import transaction_open
from gateway.kernel.faults import NetworkInsideTransaction
from gateway.kernel.ids import operator_key
from gateway.kernel.money import EXPONENT, Money
from gateway.payments.providers.base import (
    Accepted,
    NotFound,
    Order,
    Paid,
    Provider,
    Reason,
    Refunder,
    Refused,
    Repayment,
    Unclear,
    Waiting,
)


class Both(Provider, Refunder, Protocol):
    """Asks for money and gives it back."""


class Hand(Protocol):
    """A stand-in and the provider towards it, as this suite needs them."""

    def provider(self, *, url: str | None = None) -> Both: ...
    def play(self, path: str, given: dict[str, Any] | None = None) -> Any: ...
    def script(self, **words: Any) -> None: ...
    def approve(self, key: str) -> None: ...
    def calls(self, name: str) -> int: ...


@dataclass(frozen=True)
class Given:
    """How often money went back for one order, and what was sent."""

    times: int
    sent: dict[str, Any]


class GivingBack:
    """Inherit, give the fixture ``operator`` (a :class:`Hand`) and the words; all of this must pass."""

    PAYER: str
    COUNTRY: str
    CURRENCY: str
    FIND: str  # the stand-in's word for the call that asks what became of it
    UNKNOWN: dict[str, Any]  # a report by which that call has a word that nobody knows
    REFUSAL: tuple[str, Reason]  # a word by which the operator says finally that it won't
    MISSING: type[object] = NotFound  # what is said of what never arrived
    PARTS = True  # whether a part of a payment can go back

    def money(self, whole: int) -> Money:
        return Money(whole * 10 ** EXPONENT[self.CURRENCY], self.CURRENCY)

    def paid(self, operator: Hand) -> tuple[Both, Repayment]:
        """A payment of 1500, and what is to be given back of it: all."""
        provider = operator.provider()
        one = Order(operator_key(), self.PAYER, self.money(1500), "123456782", self.COUNTRY)
        answer = provider.ask(one)
        assert isinstance(answer, Accepted)
        one = replace(one, handle=answer.handle)
        operator.approve(one.key)
        found = provider.find(one)
        assert isinstance(found, Paid)
        return provider, Repayment(operator_key(), one, found.operator_id, one.amount)

    def back(self, repayment: Repayment) -> str:
        """How the stand-in names what is given back."""
        return repayment.key

    def given(self, operator: Hand, repayment: Repayment) -> Given:
        """What went back, of all that the operator holds."""
        held = operator.play("requests")["requests"]
        found = [one for one in held if one["key"] == self.back(repayment)]
        return Given(sum(one["debits"] for one in found), found[0]["sent"] if found else {})

    def ask(self, provider: Both, repayment: Repayment) -> Repayment:
        """Ask that it be given back; as it is kept afterwards."""
        answer = provider.give_back(repayment)
        assert isinstance(answer, Accepted), answer
        return replace(repayment, handle=answer.handle)

    def test_it_is_a_refunder(self, operator: Hand) -> None:
        assert isinstance(operator.provider(), Refunder)

    def test_it_is_accepted_waits_and_is_back(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        repayment = self.ask(provider, repayment)
        assert isinstance(provider.find_back(repayment), Waiting)
        operator.approve(self.back(repayment))
        found = provider.find_back(repayment)
        assert isinstance(found, Paid)
        assert found.amount == repayment.amount
        assert found.operator_id
        assert found.payer in (self.PAYER, None)
        assert provider.find_back(repayment) == found

    def test_a_part_goes_back_or_is_refused_unasked(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        repayment = replace(repayment, amount=self.money(500))
        if not self.PARTS:
            answer = provider.give_back(repayment)
            assert isinstance(answer, Refused)
            assert answer.reason is Reason.AMOUNT
            assert operator.calls("give_back") == 0
            return
        repayment = self.ask(provider, repayment)
        operator.approve(self.back(repayment))
        found = provider.find_back(repayment)
        assert isinstance(found, Paid)
        assert found.amount == self.money(500)

    @pytest.mark.parametrize("amount", [0, -1500])
    def test_an_amount_that_is_not_positive_is_refused_unasked(self, operator: Hand, amount: int) -> None:
        provider, repayment = self.paid(operator)
        answer = provider.give_back(replace(repayment, amount=self.money(amount)))
        assert isinstance(answer, Refused)
        assert answer.reason is Reason.AMOUNT
        assert operator.calls("give_back") == 0

    def test_what_was_never_asked_for_is_not_back(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        assert isinstance(provider.find_back(repayment), self.MISSING)

    # Never twice

    def test_asked_for_again_and_again_it_goes_back_once(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        with ThreadPoolExecutor(5) as threads:
            answers = list(threads.map(lambda _: provider.give_back(repayment), range(5)))
        assert any(isinstance(answer, Accepted) for answer in answers)
        assert all(isinstance(answer, Accepted | Unclear) for answer in answers)
        operator.approve(self.back(repayment))
        assert isinstance(provider.give_back(repayment), Accepted)
        assert self.given(operator, repayment).times == 1

    def test_lost_on_the_way_back_it_is_unclear_and_then_back(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        operator.script(on="give_back", drop_after=True)
        answer = provider.give_back(repayment)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        assert isinstance(provider.find_back(repayment), Paid)
        assert isinstance(provider.give_back(repayment), Accepted)
        assert self.given(operator, repayment).times == 1

    def test_lost_on_the_way_there_it_is_unclear_and_goes_back_once(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        operator.script(on="give_back", drop_before=True)
        answer = provider.give_back(repayment)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        assert isinstance(provider.find_back(repayment), self.MISSING)
        repayment = self.ask(provider, repayment)
        operator.approve(self.back(repayment))
        assert isinstance(provider.find_back(repayment), Paid)
        assert self.given(operator, repayment).times == 1

    def test_with_nobody_listening_nothing_was_begun(self, operator: Hand, closed_url: str) -> None:
        _, repayment = self.paid(operator)
        provider = operator.provider(url=closed_url)
        answer = provider.give_back(repayment)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is not None
        assert isinstance(provider.find_back(repayment), Unclear)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_that_is_ill_decides_nothing(self, operator: Hand, status: int) -> None:
        provider, repayment = self.paid(operator)
        operator.script(on="give_back", http={"status": status, "body": {}})
        answer = provider.give_back(repayment)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        repayment = self.ask(provider, repayment)
        operator.script(on=self.FIND, http={"status": status, "body": {}})
        assert isinstance(provider.find_back(repayment), Unclear)

    # Words

    def test_more_than_is_left_is_never_given(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        repayment = self.ask(provider, repayment)
        operator.approve(self.back(repayment))
        second = replace(repayment, key=operator_key(), handle=None)
        provider.give_back(second)
        assert self.given(operator, repayment).times == 1
        held = operator.play("requests")["requests"]
        assert sum(one["debits"] for one in held) == 2  # the payment, and its way back

    def test_an_unknown_word_is_kept_and_shouted_and_decides_nothing(
        self, operator: Hand, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider, repayment = self.paid(operator)
        repayment = self.ask(provider, repayment)
        operator.script(on=self.FIND, report=self.UNKNOWN)
        found = provider.find_back(repayment)
        assert isinstance(found, Unclear)
        assert found.reason == "unknown-word"
        assert "MOONSTRUCK" in found.said
        assert any(record.levelno >= logging.ERROR and "MOONSTRUCK" in record.getMessage() for record in caplog.records)

    def test_an_unknown_answer_leaves_it_open_and_is_shouted(
        self, operator: Hand, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider, repayment = self.paid(operator)
        operator.script(on="give_back", http={"status": 418, "body": {"code": "MOONSTRUCK"}})
        answer = provider.give_back(repayment)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        assert any(record.levelno >= logging.ERROR for record in caplog.records)

    def test_a_final_no_is_told_with_our_reason(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        word, reason = self.REFUSAL
        operator.script(on="give_back", outcome=self.failed(), reason=word)
        answer = provider.give_back(repayment)
        found = provider.find_back(repayment) if isinstance(answer, Accepted) else answer  # told at once, or later
        assert isinstance(found, Refused)
        assert found.reason is reason
        assert self.given(operator, repayment).times == 0

    def failed(self) -> str:
        return "FAILED"

    # The house

    @pytest.mark.parametrize("key", ["", "x", "../../token", "00000000-0000-1000-8000-000000000000"])
    def test_a_key_of_another_form_is_a_defect_and_sends_nothing(self, operator: Hand, key: str) -> None:
        provider, repayment = self.paid(operator)
        with pytest.raises(ValueError, match="UUID"):
            provider.give_back(replace(repayment, key=key))
        with pytest.raises(ValueError, match="UUID"):
            provider.find_back(replace(repayment, key=key))
        assert operator.calls("give_back") == 0

    def test_it_is_not_to_be_called_inside_a_transaction(self, operator: Hand) -> None:
        provider, repayment = self.paid(operator)
        with transaction_open():
            with pytest.raises(NetworkInsideTransaction):
                provider.give_back(repayment)
            with pytest.raises(NetworkInsideTransaction):
                provider.find_back(repayment)
        assert operator.calls("give_back") == 0
