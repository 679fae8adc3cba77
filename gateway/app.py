"""The web application: webhooks in, health out; every route is registered here."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from gateway.health.web import Counted, health_blueprint
from gateway.payments.web import LARGEST_NOTICE, payments_blueprint
from gateway.settings import Settings
from gateway.sms.web import sms_blueprint
from gateway.ussd.africastalking import say_sorry, ussd_blueprint
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
    app.register_blueprint(ussd_blueprint(runtime.engine, secret))
    app.register_blueprint(payments_blueprint(runtime.store, secret, runtime.providers))
    app.register_blueprint(sms_blueprint(runtime.store, secret))
    app.register_blueprint(health_blueprint(runtime.store, runtime.redis))
    app.wsgi_app = Counted(app.wsgi_app)  # type: ignore[method-assign]

    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> Response:
        # A phone shows a line of text or nothing: whatever is wrong with a hop, it gets one.
        if request.endpoint == "ussd.hop" and error.code != 404:
            return say_sorry(runtime.engine)
        return Response(f"{error.name}\n", status=error.code, content_type="text/plain; charset=utf-8")

    return app
