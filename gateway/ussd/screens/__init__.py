"""The screens, one file a journey; importing this package makes all of them known."""

from gateway.ussd.screens import cover, home, language, pay, register

__all__ = ["cover", "home", "language", "pay", "register"]
