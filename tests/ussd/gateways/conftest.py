"""Assertions of the gateways' contract explain themselves."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.ussd.gateways.contract", "tests.ussd.gateways.line")
