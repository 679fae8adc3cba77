"""Which operators an installation has keys for: the one list of all providers. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable

from gateway.payments.providers.airtel_money import AirtelMoney
from gateway.payments.providers.base import Connected
from gateway.payments.providers.daraja import Daraja
from gateway.payments.providers.gsma import Gsma
from gateway.payments.providers.mpesa_openapi import MpesaOpenApi
from gateway.payments.providers.mtn_momo import MtnMomo
from gateway.payments.providers.orange_money import OrangeMoney
from gateway.payments.providers.pawapay import PawaPay
from gateway.settings import Settings

ORANGE_DEVELOPERS = "dev"  # Orange's own play money, for whatever country


def connected(settings: Settings) -> dict[str, Connected]:
    """The providers whose keys are set, by name, each with the environments that it serves with them."""
    made = ((name, make(settings)) for name, make in EACH.items())
    return {name: one for name, one in made if one is not None}


def _mtn_momo(settings: Settings) -> Connected | None:
    if not settings.mtn_momo_api_user:
        return None
    return Connected(MtnMomo.from_settings(settings), frozenset({settings.mtn_momo_target_environment}))


def _pawapay(settings: Settings) -> Connected | None:
    return Connected(PawaPay.from_settings(settings)) if settings.pawapay_api_token.get_secret_value() else None


def _mpesa_openapi(settings: Settings) -> Connected | None:
    if not settings.mpesa_api_key.get_secret_value():
        return None
    return Connected(MpesaOpenApi.from_settings(settings), frozenset({"vodacomDRC"}))


def _daraja(settings: Settings) -> Connected | None:
    if not settings.daraja_consumer_key:
        return None
    return Connected(Daraja.from_settings(settings), frozenset({"safaricomKE"}))


def _airtel_money(settings: Settings) -> Connected | None:
    if not settings.airtel_money_client_id:
        return None
    return Connected(AirtelMoney.from_settings(settings), frozenset({settings.airtel_money_country}))


def _orange_money(settings: Settings) -> Connected | None:
    if not settings.orange_money_client_id:
        return None
    country = settings.orange_money_country
    return Connected(
        OrangeMoney.from_settings(settings), None if country == ORANGE_DEVELOPERS else frozenset({country})
    )


def _gsma(settings: Settings) -> Connected | None:
    if not settings.gsma_api_key.get_secret_value():
        return None
    return Connected(Gsma.from_settings(settings), frozenset({settings.gsma_environment}))


EACH: dict[str, Callable[[Settings], Connected | None]] = {
    "mtn_momo": _mtn_momo,
    "pawapay": _pawapay,
    "mpesa_openapi": _mpesa_openapi,
    "daraja": _daraja,
    "airtel_money": _airtel_money,
    "orange_money": _orange_money,
    "gsma": _gsma,
}


def play_money(settings: Settings) -> list[str]:
    """The operators' sandboxes that are connected, by name: what is paid there is no money."""
    sandboxes = {
        "MTN MOMO'S SANDBOX": settings.mtn_momo_target_environment == "sandbox",
        "PAWAPAY'S SANDBOX": settings.pawapay_api_token.get_secret_value() and "sandbox" in settings.pawapay_base_url,
        "M-PESA'S SANDBOX": settings.mpesa_api_key.get_secret_value() and settings.mpesa_environment == "sandbox",
        "DARAJA'S SANDBOX": settings.daraja_consumer_key and "sandbox" in settings.daraja_base_url,
        "AIRTEL'S TEST HOST": settings.airtel_money_client_id and "openapiuat" in settings.airtel_money_base_url,
        "ORANGE'S DEVELOPERS' COUNTRY": settings.orange_money_client_id
        and settings.orange_money_country == ORANGE_DEVELOPERS,
    }
    return [name for name, connected_now in sandboxes.items() if connected_now]
