"""The one place where the parts are put together, for the web, the workers and the commands alike."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import redis

from gateway.exchange.webhooks import following
from gateway.exchange.webhooks.delivering import Delivering
from gateway.kernel.clock import Clock, ShiftedClock, SystemClock
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.sealing import keys_of
from gateway.kernel.sources import Sources, read_by_name, read_networks
from gateway.membership.importing.keeping import IMPORT, UNDO
from gateway.membership.importing.taking import Taking
from gateway.membership.importing.undoing import Undoing
from gateway.network.organisations import Defaults, Network
from gateway.payments.giving_back import GivingBack
from gateway.payments.providers.base import Connected, Provider
from gateway.payments.providers.connected import EACH, connected, play_money
from gateway.payments.push.asking import Cashier
from gateway.payments.push.breaker import Breakers
from gateway.payments.push.operators import Operators
from gateway.payments.reconciliation import handed_in
from gateway.payments.unasked.forwarded import Forwarded
from gateway.services import Services
from gateway.settings import Settings
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.aggregators import Aggregators
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.choosing import Choosing
from gateway.sms.campaigns.sending import Sending
from gateway.sms.newcomers import Welcome
from gateway.sms.outgoing import PACE, TOPIC, Sender
from gateway.sms.port import NoSms, SmsPort
from gateway.sms.relay import Relay
from gateway.sms.smpp.line import Centre
from gateway.sms.smpp.port import Price, Smpp
from gateway.store.bell import RqBell
from gateway.store.engine import open_engine
from gateway.store.outbox import Handler
from gateway.store.pace import Pace
from gateway.store.unit import Store
from gateway.ussd.engine import Engine
from gateway.ussd.sessions import Sessions, open_redis
from gateway.words import every_word

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """A process's own parts, made from the settings at the first use."""

    settings: Settings
    patient: bool = False  # no statement time-outs: for loading and reports

    @cached_property
    def clock(self) -> Clock:
        return ShiftedClock(Path(self.settings.demo_clock)) if self.settings.demo_clock else SystemClock()

    @cached_property
    def redis(self) -> redis.Redis:
        return open_redis(self.settings.redis_url)

    @cached_property
    def store(self) -> Store:
        engine = open_engine(self.settings.database_url, patient=self.patient, pool_size=self.settings.web_threads + 2)
        return Store(engine, self.clock, RqBell(self.redis))

    @cached_property
    def defaults(self) -> Defaults:
        return Defaults(
            country=self.settings.default_country,
            currency=self.settings.currency,
            time_zone=self.settings.time_zone,
            language=self.settings.default_language,
            septets=self.settings.ussd_septets,
            quiet_from=self.settings.quiet_from,
            quiet_until=self.settings.quiet_until,
        )

    @cached_property
    def network(self) -> Network:
        return Network(self.store, self.defaults)

    @cached_property
    def providers(self) -> Mapping[str, Connected]:
        """The operators that this installation has keys for."""
        return connected(self.settings)

    @cached_property
    def asked(self) -> Mapping[str, Provider]:
        """The same, for whoever asks them and reads their notices."""
        return {name: one.provider for name, one in self.providers.items()}

    @cached_property
    def sources(self) -> Sources:
        """From where operators may call us."""
        allowed = read_by_name(self.settings.callback_addresses)
        for name in allowed:
            if name not in EACH:
                raise Fault(f"CALLBACK_ADDRESSES: {name} is none of {', '.join(sorted(EACH))}")
        return Sources(allowed, read_networks(self.settings.trusted_proxies))

    @cached_property
    def breakers(self) -> Breakers:
        return Breakers(self.store)

    @cached_property
    def operators(self) -> Operators:
        """The plan of countries and operators; the target environment must be one of theirs."""
        operators = Operators.load(self.settings.operators_file or None)
        environment = self.settings.mtn_momo_target_environment
        known = {push.environment for one in operators.all for push in one.pushes if push.provider == "mtn_momo"}
        if environment not in ("", "sandbox", *known):
            raise Fault(f"MTN_MOMO_TARGET_ENVIRONMENT {environment} is no operator's in the plan: correct it")
        return operators

    @cached_property
    def services(self) -> Services:
        return Services(
            store=self.store,
            clock=self.clock,
            network=self.network,
            defaults=self.defaults,
            operators=self.operators,
            providers=self.providers,
            breakers=self.breakers,
            push_delay=timedelta(seconds=self.settings.push_delay_s),
        )

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.redis, self.settings.secret_key.get_secret_value())

    @cached_property
    def engine(self) -> Engine:
        return Engine(self.services, self.sessions)

    @cached_property
    def sms(self) -> SmsPort:
        """The aggregators that this installation has keys for, behind one port."""
        every = (("africastalking", self._africastalking()), ("smpp", self._smpp()))
        ports = {name: port for name, port in every if port is not None}
        if not ports:
            return NoSms()
        first = sorted(ports, key=lambda name: name != self.settings.sms_first)
        aggregators = Aggregators(self.store, self.network, (TOPIC, keeping.SEND))
        return Relay(aggregators, *((name, ports[name]) for name in first))

    def _africastalking(self) -> SmsPort | None:
        settings = self.settings
        if not settings.africastalking_username:
            return None
        return AfricasTalking(
            settings.africastalking_username,
            settings.africastalking_api_key.get_secret_value(),
            settings.africastalking_sender_id,
            settings.africastalking_base_url,
        )

    def _smpp(self) -> SmsPort | None:
        settings = self.settings
        if not settings.smpp_host:
            return None
        centre = Centre(
            settings.smpp_host,
            settings.smpp_port,
            settings.smpp_system_id,
            settings.smpp_password.get_secret_value(),
            settings.smpp_system_type,
            ssl.create_default_context() if settings.smpp_tls else None,
        )
        return Smpp(
            centre,
            self.store,
            sender=settings.smpp_sender,
            price=Price(settings.smpp_price, settings.currency),
            ids=settings.smpp_ids,
            no_credit=frozenset(int(code, 16) for code in settings.smpp_no_credit_statuses.split(",") if code),
        )

    def keep_sms_lines(self) -> None:
        """See to it that what aggregators deliver over a line of ours finds one; never raises."""
        if isinstance(self.sms, Relay):
            try:
                self.sms.keep()
            except Unavailable as down:
                log.warning("how the SMS lines are can't be kept: %s", down)
            except Exception:
                log.exception("the SMS lines aren't looked after: a defect")

    @cached_property
    def pace(self) -> Pace:
        """How fast SMS may be handed over, by all workers together."""
        return Pace(per_s={PACE: self.settings.sms_per_second})

    @cached_property
    def cashier(self) -> Cashier:
        """Who asks operators for money, and what became of it."""
        secret = self.settings.webhook_secret.get_secret_value()
        return Cashier(
            self.store,
            self.network,
            self.services.chart,
            self.asked,
            self.breakers,
            f"{self.settings.public_url}/payments/{{provider}}/{secret}/{{key}}",
        )

    @cached_property
    def handlers(self) -> Mapping[str, Handler]:
        """What a worker does with each topic of the outbox."""
        cashier = self.cashier
        giving = GivingBack(self.store, self.network, self.services.chart, self.asked, self.breakers)
        return {
            "refund.give": giving.give,
            "refund.look": giving.look,
            "collection.ask": cashier.ask,
            "collection.look": cashier.look,
            "collection.hint": cashier.hint,
            handed_in.TOPIC: handed_in.Handling(self.store, self.network, self.services.chart),
            "sms.send": Sender(self.store, self.sms, self.settings.receipts_after_stop, self.pace),
            keeping.CHOOSE: Choosing(self.store, self.network),
            keeping.SEND: Sending(self.store, self.network, self.sms, self.pace, self.settings.sms_recipients),
            following.TOPIC: self._webhooks,
            IMPORT: Taking(self.store, self.network, self.services.chart, Welcome(self.clock)),
            UNDO: Undoing(self.store, self.network, self.services.chart),
            "sms.read": Forwarded(self.store, self.network, self.services.chart, words=every_word(self.services)),
        }

    @property
    def _webhooks(self) -> Delivering:
        keys = keys_of(self.settings.secret_key.get_secret_value())
        return Delivering(self.store, keys, private=self.settings.webhooks_to_private_addresses, network=self.network)

    def warn_at_start(self) -> None:
        """Say loudly what works and yet isn't fit for people's money."""
        if not self.settings.demo:
            for operator in play_money(self.settings):
                log.warning("%s IS CONNECTED: its payments are play money, and are posted all the same.", operator)
        if self.settings.ussd_phone_page and not self.settings.demo:
            log.warning(
                "THE PHONE PAGE IS ON: whoever reaches /phone can act as any phone number, read its SMS and ask its "
                "wallet for money. It is for trials only: unset USSD_PHONE_PAGE."
            )
        self._warn_of_forgetful_redis()

    def _warn_of_forgetful_redis(self) -> None:
        """Say loudly when Redis keeps no append-only file: the jobs' bell and the sessions would die with it."""
        try:
            kept = dict(self.redis.config_get("appendonly")).get("appendonly")
        except redis.RedisError as refused:
            log.warning("could not ask Redis whether it keeps an append-only file: %s", type(refused).__name__)
            return
        if kept != "yes":
            log.warning(
                "REDIS KEEPS NO APPEND-ONLY FILE: a restart of Redis loses open sessions. "
                "Set 'appendonly yes' in redis.conf. No money or message depends on it."
            )
