"""What pawaPay says of its operators: on what terms each takes deposits, whose a number is, and which work now.

No money hangs on these calls: when they fail, a deposit is sent all the same and pawaPay decides.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Never

from gateway.kernel.money import EXPONENT, Money
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.kernel.strict_json import Unreadable, read_json
from gateway.payments.providers.base import Availability, Order, Reason, Refused, Unclear, keep_said
from gateway.payments.providers.common import REASK_S, json_body, read_figure
from gateway.payments.providers.http import Answer, Http
from gateway.payments.providers.kept import Good, Kept
from gateway.payments.providers.pawapay_words import (
    ACTIVE_CONF,
    AVAILABILITY,
    COUNTRIES,
    DECIMALS,
    NO_NUMBER,
    PREDICT,
    WHOLE_ONLY,
    WORKS,
    alpha2,
    country_of,
    failure,
    figure,
    no_help,
    not_told,
    objects,
    read_code,
    said,
)

TERMS_GOOD_FOR_S = 60.0
TERMS_ASKED_AGAIN_AFTER_S = 10.0  # when they were not to be had
PREDICTED_AGAIN_AFTER_S = 60.0  # when no prediction was to be had, and an order can do without

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """On what terms one operator takes deposits in one currency, as active-conf says.

    ``code`` is pawaPay's of the operator, ``status`` its word (``OPERATIONAL``, ``DELAYED``, ``CLOSED``), ``least`` and
    ``most`` the bounds of one payment where told, ``auth`` how payers agree, ``payee`` the name that the prompt shows,
    ``prompts`` whether the prompt comes by itself.
    """

    code: str
    currency: str
    status: str
    decimals: int
    least: Money | None
    most: Money | None
    auth: str
    payee: str
    prompts: bool

    @property
    def by_phone(self) -> bool:
        """Whether a basic phone is enough to pay."""
        return self.auth == "PROVIDER_AUTH"


@dataclass(frozen=True)
class Suggestion:
    """Which operator a number most likely belongs to, by pawaPay: numbers are ported, so never more than that."""

    code: str
    country: str | None
    msisdn: str


class Toolkit:
    """The calls beside those about money, for one account; what they bring is kept for a moment."""

    def __init__(self, http: Http, headers: Mapping[str, str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._headers = dict(headers)
        self._monotonic = monotonic
        self._terms: dict[str, Kept[tuple[Terms, ...] | Refused | Unclear, Never]] = {
            country: Kept(partial(self._fetch_terms, country), monotonic) for country in COUNTRIES
        }
        self._predicts_again_at = 0.0

    def terms(self, country: str) -> tuple[Terms, ...] | Refused | Unclear:
        """The operators that deposits can be asked of in a country (ISO alpha-2), and on what terms.

        What was told less than a minute ago is told again. Empty where pawaPay serves nobody.
        """
        kept = self._terms.get(country)
        return kept.get() if kept else ()

    def available(self) -> tuple[Availability, ...] | Unclear:
        """Which operators take deposits now; in a word that isn't known, ``up`` is None."""
        answer = self._http.call("pawapay", "GET", f"{AVAILABILITY}?operationType=DEPOSIT", self._headers)
        if isinstance(answer, Answer) and answer.status == 200:
            try:
                found = read_json(answer.body or b"")
            except Unreadable:
                found = None
            if isinstance(found, list):
                return tuple(_availabilities(found))
        return not_told("the availability", answer)

    def predict(self, msisdn: str) -> Suggestion | Refused | Unclear:
        """Which operator an E.164 number likely belongs to; ``Refused(NO_WALLET)`` when it fits none.

        pawaPay errs for 0.12 % of numbers, and for 6 % in Benin, where many are ported (its own figures).
        """
        body = json_body({"phoneNumber": msisdn.removeprefix("+")})
        answer = self._http.call("pawapay", "POST", PREDICT, {**self._headers, **JSON}, body, reading=True)
        found = answer.fields() if isinstance(answer, Answer) and answer.status in (200, 400) else {}
        if isinstance(answer, Answer) and failure(found)[0] in NO_NUMBER:
            return Refused(Reason.NO_WALLET, said(answer))
        code, number = read_code(found.get("provider")), found.get("phoneNumber")
        if code and isinstance(number, str):
            try:
                return Suggestion(code, alpha2(found.get("country")), read_caller(number))
            except BadMsisdn:
                pass  # told as what it is: an answer that can't be read
        return no_help("a prediction", answer)

    def whose(self, order: Order) -> str | Refused | Unclear:
        """The code of the operator to ask for an order; why nobody is to be asked, where there is none.

        The plan's operator is a guess by the number's first digits, which knows of no ported number; pawaPay's guess is
        measured. Where they differ the predicted one is asked, in the plan's place, if it is of the same country and
        takes the currency from a basic phone; else nobody is, and the refusal names it: the plan's operator most likely
        has no such wallet. Only one operator is ever asked for one key, so no answer can debit twice. Without a
        prediction the plan's operator is asked, and without a plan nobody.
        """
        planned = order.environment
        if planned and self._monotonic() < self._predicts_again_at:
            return planned
        predicted = self.predict(order.payer)
        if isinstance(predicted, Suggestion):
            if predicted.code == planned or not planned or self._takes(predicted, planned, order.amount.currency):
                if planned and predicted.code != planned:
                    log.warning("pawapay: %s is asked of %s, as predicted, not %s", order.key, predicted.code, planned)
                return predicted.code
            return Refused(Reason.NO_WALLET, f"pawaPay takes the number for one of {predicted.code}, not of {planned}")
        if not planned:
            if isinstance(predicted, Refused):
                return predicted
            return Unclear(predicted.reason, predicted.said, predicted.safe_to_ask_again_after_s or REASK_S)
        if isinstance(predicted, Unclear):
            self._predicts_again_at = self._monotonic() + PREDICTED_AGAIN_AFTER_S
        return planned

    def forbids(self, code: str, amount: Money) -> Refused | None:
        """Why an operator won't take this amount, as far as it is known without asking for the money."""
        currency = amount.currency
        terms = next((one for one in self._known_terms(code) if (one.code, one.currency) == (code, currency)), None)
        whole = terms.decimals == 0 if terms else (code, currency) in WHOLE_ONLY
        if whole and amount.minor % 10 ** EXPONENT[currency]:
            return Refused(Reason.AMOUNT, f"{code} takes {currency} without decimals")
        if terms is None:
            return None
        if not terms.by_phone:
            log.error("pawapay: %s can't be paid from a basic phone: %s", code, terms.auth)
            return Refused(Reason.CONFIGURATION, f"{code} wants {terms.auth}")
        if (terms.least and amount.minor < terms.least.minor) or (terms.most and terms.most.minor < amount.minor):
            bounds = " to ".join(figure(one) if one else "any" for one in (terms.least, terms.most))
            return Refused(Reason.AMOUNT, f"{code} takes {bounds} {currency}")
        return None

    def _known_terms(self, code: str) -> tuple[Terms, ...]:
        """The terms of an operator's country; empty where they are not to be had."""
        country = country_of(code)
        listed = self.terms(country) if country else ()
        return listed if isinstance(listed, tuple) else ()

    def _takes(self, predicted: Suggestion, planned: str, currency: str) -> bool:
        """Whether the predicted operator can be asked in the place of the planned one, as far as it is known."""
        if predicted.country is None or predicted.country != country_of(planned):
            return False
        listed = self._known_terms(predicted.code)
        fits = [one for one in listed if (one.code, one.currency) == (predicted.code, currency) and one.by_phone]
        return bool(fits) or not listed

    def _fetch_terms(self, country: str) -> Good[tuple[Terms, ...] | Refused | Unclear]:
        path = f"{ACTIVE_CONF}?country={COUNTRIES[country]}&operationType=DEPOSIT"
        answer = self._http.call("pawapay", "GET", path, self._headers)
        if isinstance(answer, Answer) and answer.status == 200:
            found = answer.fields().get("countries")
            if isinstance(found, list):
                return Good(tuple(_terms(found, COUNTRIES[country])), TERMS_GOOD_FOR_S)
        return Good(no_help("active-conf", answer), TERMS_ASKED_AGAIN_AFTER_S)


JSON = {"Content-Type": "application/json"}


def _availabilities(countries: list[Any]) -> Iterator[Availability]:
    """``[{country, providers: [{provider, operationTypes: [{operationType, status}]}]}]``."""
    for country in objects(countries):
        for provider in objects(country.get("providers")):
            code = read_code(provider.get("provider"))
            for each in objects(provider.get("operationTypes")):
                if code and each.get("operationType") == "DEPOSIT":
                    word = each.get("status")
                    up = WORKS.get(word) if isinstance(word, str) else None
                    yield Availability(code, up, keep_said(str(word)))


def _terms(countries: list[Any], wanted: str) -> Iterator[Terms]:
    """What active-conf says of deposits in one country; what has no currency of ours is left out."""
    for country in objects(countries):
        if country.get("country") != wanted:
            continue
        for provider in objects(country.get("providers")):
            for currency in objects(provider.get("currencies")):
                types = currency.get("operationTypes")
                deposit = types.get("DEPOSIT") if isinstance(types, dict) else None
                code, name = provider.get("provider"), currency.get("currency")
                if isinstance(deposit, dict) and isinstance(code, str) and isinstance(name, str) and name in EXPONENT:
                    yield _terms_of(code, name, provider, deposit)


def _terms_of(code: str, currency: str, provider: Mapping[str, Any], deposit: Mapping[str, Any]) -> Terms:
    decimals = deposit.get("decimalsInAmount")
    if str(decimals) not in DECIMALS:
        log.error("pawapay: the decimals of %s are not known: %s", code, keep_said(str(decimals)))
    return Terms(
        code=code,
        currency=currency,
        status=keep_said(str(deposit.get("status") or "")),
        # Whole amounts are taken everywhere.
        decimals=DECIMALS.get(str(decimals), 0),
        # Some of pawaPay's pages have the names of version 1.
        least=read_figure(deposit.get("minAmount") or deposit.get("minTransactionLimit"), currency),
        most=read_figure(deposit.get("maxAmount") or deposit.get("maxTransactionLimit"), currency),
        auth=keep_said(str(deposit.get("authType") or "PROVIDER_AUTH")),
        payee=keep_said(str(provider.get("nameDisplayedToCustomer") or "")),
        prompts=deposit.get("pinPrompt") != "MANUAL",
    )
