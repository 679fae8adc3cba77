"""Cotisa: enrolment and contributions for community health insurers, by USSD, SMS and mobile money."""

import os

__version__ = "0.1.0"

# polars' allocator keeps for ten seconds what is freed, a third of what a large statement takes. It is told to give it
# back at once, which it reads when polars is imported, so here. An administrator's own setting stands.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
