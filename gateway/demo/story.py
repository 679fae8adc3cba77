"""One family's story, played for real: registration, payment, receipt, cover; with an operator that repeats itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import requests
from rq import Worker

from gateway.demo.handset import Handset, framed, wait_for
from gateway.demo.servers import Servers
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.accounts import balances, first_difference
from gateway.locale import show_money
from gateway.membership.households import by_phone
from gateway.network.organisations import UnknownOrganisation
from gateway.network.report import as_text, network_report
from gateway.network.staff import everybody
from gateway.payments.collections import newest
from gateway.payments.readers import readers
from gateway.samples.ouake import STAFF_PIN
from gateway.ussd.phone import Phone
from gateway.wiring import Runtime

CODE = "*384*229#"
MOTHER = "+2290166000123"
MONTH_AND_A_DAY = timedelta(days=31)


@dataclass
class Story:
    """Plays the story on running servers; ``tell`` shows a person what happens."""

    servers: Servers
    parts: Runtime
    tell: Callable[[str], None]

    def play(self) -> None:
        """From the first dial to the cover, then the books."""
        self.phone = Phone(MOTHER, f"{self.servers.url}/ussd/africastalking/{self._secret()}")
        self.handset = Handset(self.parts.settings, MOTHER)
        self._register()
        self._pay()
        self._cover_begins()
        self._at_the_centre()
        self._books()

    def _secret(self) -> str:
        return self.parts.settings.webhook_secret.get_secret_value()

    def _say(self, line: str) -> None:
        self.tell(f"\n── {line}")

    def _dial(self, code: str = CODE) -> None:
        self.tell(f"  ☎ {code}")
        self.phone.dial(code)
        self.tell(self.phone.drawn())

    def _type(self, *answers: str) -> None:
        for answer in answers:
            self.tell(f"  > {answer}")
            self.phone.answer(answer)
            self.tell(self.phone.drawn())

    def _sms(self, handset: Handset, who: str) -> None:
        for text in handset.wait_for_sms():
            self.tell(framed(f"SMS {who}", text))

    def _register(self) -> None:
        self._say("A mother in Ouaké dials the mutuelles' short code, in French, and registers her family of four.")
        self._dial()
        self._type("1", "1", "Adjara Tchédré", "1", "1991", "Ouaké", "3")
        self._type("1", "Moussa Tchédré", "1986", "2", "Idrissou Tchédré", "2015", "3", "Rahina Tchédré", "2026", "8")
        while "98 " in self.phone.screen:
            self._type("98")
        self._type("1", "2")
        self._sms(self.handset, "to the mother")
        self._say("She looks at her cover: nothing is paid yet.")
        self._dial()
        self._type("1")

    def _pay(self) -> None:
        self._say("She pays what is due. The menu closes first: the operator's PIN prompt can't open over it.")
        self._dial()
        self._type("2", "1", "1")
        prompt = self.handset.wait_for_prompt()
        self.tell(framed("MTN MoMo, on her screen", str(prompt["text"])))
        self._say(
            "She types her PIN. At this moment the worker for money is killed, and the operator tells us three times."
        )
        victim = self._kill_money_worker()
        self.handset.answer_prompt(True)
        with self.parts.store.read() as connection:
            key = newest(connection, 1)[0].key
        for _ in range(3):
            requests.post(
                f"{self.servers.url}/payments/mtn_momo/{self._secret()}/{key}",
                json={"externalId": key, "status": "SUCCESSFUL"},
                timeout=5,
            ).raise_for_status()
        self.tell(f"  worker {victim} killed (kill -9); 3 notices sent, each answered 200 once it was stored")
        self._sms(self.handset, "to the mother")
        treasurer = Handset(self.parts.settings, self._treasurer())
        self._sms(treasurer, "to the treasurer")
        with self.parts.store.read() as connection:
            posted = newest(connection, 1, "paid")[0]
        if posted.key != key or posted.paid is None:
            raise Fault("the payment was not posted: a defect")
        self.tell(f"  posted once: {show_money(posted.paid, 'en')}, state {posted.state}")

    def _kill_money_worker(self) -> int:
        own = wait_for(
            lambda: [one for one in Worker.all(connection=self.parts.redis) if one.queue_names() == ["money"]],
            10,
            "no worker for money was found",
        )
        pid = own[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return int(pid)

    def _treasurer(self) -> str:
        tree = self.parts.network.tree()
        with self.parts.store.read() as connection:
            family = by_phone(connection, tree, MOTHER)[0]
            books = tree.books_of(family.section_id)
            return readers(connection, tree, books, family.id, None, MOTHER).treasurers[0].msisdn

    def _cover_begins(self) -> None:
        self._say("Her cover: paid, and in the waiting period.")
        self._dial()
        self._type("1")
        self._say("31 days later (the demonstration's clock moves), she dials again: the family is covered.")
        self.servers.move_clock(int(MONTH_AND_A_DAY.total_seconds()))
        self._dial()
        self._type("1", "98")

    def _at_the_centre(self) -> None:
        self._say("A child is ill. At the health centre the nurse types the card's number on her own phone.")
        with self.parts.store.read() as connection:
            family = by_phone(connection, self.parts.network.tree(), MOTHER)[0]
            nurse = next(one for one in everybody(connection) if one.role == "agent")
        self.phone = Phone(nurse.msisdn, self.phone.url)
        self._dial()
        self._type("1", STAFF_PIN, family.card, "3", "1")
        self.phone = Phone(MOTHER, self.phone.url)

    def _books(self) -> None:
        self._say("The books of her mutuelle: debits and credits net to zero.")
        tree = self.parts.network.tree()
        with self.parts.store.read() as connection:
            family = by_phone(connection, tree, MOTHER)[0]
            books = tree.books_of(family.section_id)
            for one in balances(connection, books.path):
                debit = show_money(Money(abs(one.amount_minor), one.currency), "en")
                side = f"{debit:>14}  {'':14}" if one.amount_minor > 0 else f"{'':14}  {debit:>14}"
                self.tell(f"  {one.code:>5} {one.role:<11}{side}")
            difference = first_difference(connection)
        self.tell(f"  {'the ledger holds: every entry nets to zero' if difference is None else difference}")
        try:
            platform = tree.named("pamusab")
        except UnknownOrganisation:
            return
        self._say("In the same database: a network of Burundi, with the figures that it published for 2020.")
        with self.parts.store.read() as connection:
            self.tell(as_text(network_report(connection, tree, platform, 2020)))
