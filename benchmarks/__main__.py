"""``make bench``: measures everything, or what is named; prints what docs/performance.md holds. ARGS="hops money".

``--large N`` sets by how much the large network is multiplied (50 makes a million households and takes a while);
``--full`` computes the cover of a million households too, which takes half an hour and 12 GB of disk, and matches a
statement of a million lines.
"""

from __future__ import annotations

import argparse
import os
import platform

from benchmarks import api, cover, duplicates, hops, indicators, memory, money, pages, reconciliation, sms, statements
from benchmarks.place import place, tell

PARTS = ("hops", "money", "growth", "memory", "cover", "statements", "sms", "pages", "indicators", "duplicates", "api")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    arguments.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    arguments.add_argument("--large", type=int, default=5, metavar="N", help="the large network, × 20 312 households")
    arguments.add_argument("--full", action="store_true", help="a million households, a million lines")
    chosen = arguments.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, PostgreSQL, Redis; 16 connections.")
    with place() as here:
        if "cover" in chosen.parts:
            _section("Cover of everybody", cover.measure(here, cover.FULL if chosen.full else cover.SIZES))
        if "statements" in chosen.parts:
            sizes = statements.FULL if chosen.full else statements.SIZES
            _section("Statements read and matched", statements.measure(here, sizes))
            _section("Statements reconciled with the books", reconciliation.measure(here, sizes))
        if "sms" in chosen.parts:
            _section("Campaigns", sms.measure(here))
        if "pages" in chosen.parts:
            _section("The office's pages", pages.measure(here, pages.FULL if chosen.full else pages.SIZES))
        if "indicators" in chosen.parts:
            sizes = indicators.FULL if chosen.full else indicators.SIZES
            _section("Indicators of a whole network", indicators.measure(here, sizes))
        if "duplicates" in chosen.parts:
            sizes = duplicates.FULL if chosen.full else duplicates.SIZES
            _section("Households registered twice", duplicates.measure(here, sizes))
        if "api" in chosen.parts:
            _section("A card checked over the API", api.measure(here, api.FULL if chosen.full else api.SIZES))
        if set(chosen.parts) <= {"cover", "statements", "sms", "pages", "indicators", "duplicates", "api"}:
            return
        usual = here.database("usual", 1)
        if "hops" in chosen.parts:
            _section("Hops", hops.measure(here, usual))
            _section("Hops without SQL", hops.without_sql(here, usual))
        if "money" in chosen.parts:
            _section("Posting", money.posting(usual))
            _section("Callbacks", money.callbacks(here, usual))
        if "growth" in chosen.parts:
            small, large = here.database("small", None), here.database("large", chosen.large)
            _section(
                f"Growth (small: 120 households; large: {chosen.large * 20312 + 120:,})",
                hops.growth(here, small, large),
            )
        if "memory" in chosen.parts:
            _section("Memory", memory.measure(here, here.settings("usual")))


def _section(title: str, lines: list[str]) -> None:
    print(f"\n## {title}\n")
    print("\n".join(lines), flush=True)
    tell(f"{title}: done")


if __name__ == "__main__":  # whoever measures in processes of their own loads this anew
    main()
