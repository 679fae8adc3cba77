"""Cotisa: enrolment and contributions for community health insurers, by USSD, SMS and mobile money."""

__version__ = "0.1.0"
