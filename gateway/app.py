"""The web application: webhooks in, the office, health out; every route is registered here."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from gateway.api import web as api
from gateway.api.parts import Parts as ApiParts
from gateway.console.parts import Parts
from gateway.console.web import compress, console_blueprint
from gateway.health.web import Counted, health_blueprint
from gateway.network.api_keys import ApiKey
from gateway.payments.web import LARGEST_NOTICE, payments_blueprint
from gateway.privacy.looking import Looker, looked
from gateway.settings import Settings
from gateway.sms.web import sms_blueprint
from gateway.store.unit import Store
from gateway.ussd.gateways.africastalking import africastalking_blueprint
from gateway.ussd.gateways.hollatags import hollatags_blueprint
from gateway.ussd.gateways.oltranz import oltranz_blueprint
from gateway.ussd.simulator.web import Demonstration, phone_blueprint
from gateway.wiring import Runtime


def create_app(settings: Settings) -> Flask:
    """The WSGI application for ``settings``."""
    return create_app_on(Runtime(settings))


def create_app_on(runtime: Runtime) -> Flask:
    """The WSGI application on parts that are made already."""
    app = Flask("gateway", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_NOTICE
    app.config["MAX_FORM_PARTS"] = 100
    secret = runtime.settings.webhook_secret.get_secret_value()
    app.register_blueprint(africastalking_blueprint(runtime.engine, runtime.sessions, runtime.store, secret))
    app.register_blueprint(oltranz_blueprint(runtime.engine, secret))
    app.register_blueprint(hollatags_blueprint(runtime.engine, secret))
    app.register_blueprint(payments_blueprint(runtime.store, secret, runtime.asked, runtime.sources))
    app.register_blueprint(sms_blueprint(runtime.store, secret))
    app.register_blueprint(health_blueprint(runtime.store, runtime.redis))
    app.register_blueprint(console_blueprint(Parts(runtime.settings, runtime.services, runtime.redis), runtime.sources))
    others = ApiParts(runtime.settings, runtime.services, runtime.redis, partial(_shown, runtime.store))
    app.register_blueprint(api.api_blueprint(others, runtime.sources))
    compress(app)
    if runtime.settings.demo or runtime.settings.ussd_phone_page:
        app.register_blueprint(
            phone_blueprint(
                runtime.engine,
                runtime.store,
                runtime.network,
                runtime.redis,
                runtime.settings.secret_key.get_secret_value(),
                language=runtime.settings.default_language,
                secure=runtime.settings.public_url.startswith("https:"),
                demo=_demonstration(runtime.settings) if runtime.settings.demo else None,
            )
        )
    _take_also(app, runtime.settings.webhook_secret_before.get_secret_value(), secret)
    app.wsgi_app = Counted(app.wsgi_app)  # type: ignore[method-assign]

    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> Response:
        if api.is_api(request.path):
            return api.sorry(error, runtime.settings.default_language)
        return Response(f"{error.name}\n", status=error.code, content_type="text/plain; charset=utf-8")

    return app


def _take_also(app: Flask, before: str, secret: str) -> None:
    """Let the secret that was before stand for ``secret`` wherever a path holds one (as ``given``), if there is one."""
    if not before:
        return

    @app.url_value_preprocessor
    def as_the_one_now(_: str | None, values: dict[str, Any] | None) -> None:
        if values and hmac.compare_digest(str(values.get("given", "")).encode(), before.encode()):
            values["given"] = secret


def _shown(store: Store, key: ApiKey, household_ids: Sequence[int], at: datetime) -> None:
    """A key was shown some households."""
    looked(store, Looker.key(key.id, f"API {key.prefix} {key.name}"), household_ids, at)


def _demonstration(settings: Settings) -> Demonstration:
    """What the phone page shows of the demonstration: PIN prompts as the stand-in holds them, and its sample's PINs."""
    from gateway.demo.handset import Handset
    from gateway.samples.ouake import HOUSEHOLD_PIN, STAFF_PIN

    return Demonstration(partial(Handset, settings), STAFF_PIN, HOUSEHOLD_PIN)
