"""Days with everything going wrong, from seeds: a small share of what ``make simulate`` runs; and it can fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "18"))
PARTS = 3


def _simulate(*words: str, first: str = "from simulation.__main__ import main") -> subprocess.CompletedProcess[str]:
    code = f"import sys; {first}; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_doubled_or_invented(part: int) -> None:
    each = SEEDS // PARTS
    done = _simulate("--seeds", str(each), "--first", str(1 + part * each), "--processes", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    # The runs were stormy, and money moved in them.
    total = re.search(r"(\d+) seeds, (\d+) faults, (\d+) collections of which (\d+) paid", done.stdout)
    assert total is not None
    seeds, faults, collections, paid = (int(figure) for figure in total.groups())
    assert seeds == each
    assert faults > 10 * seeds
    assert collections > paid > 2 * seeds


@pytest.mark.parametrize("seed", [3, 21])
def test_the_same_on_postgresql(postgres_url: str, seed: int) -> None:
    done = _simulate("--seed", str(seed), "--database", postgres_url)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_a_seed_is_always_the_same_run() -> None:
    once, again, another = (_simulate("--seed", seed) for seed in ("21", "21", "22"))
    assert once.stdout == again.stdout
    assert once.stdout != another.stdout


BREAKAGES = {
    "what was paid is not posted": ("asking.post_paid = lambda *_: None", "paid for|listed as"),
    "what an operator's SMS tells is dropped": ("forwarded.see = lambda *_: None", "an SMS told of it"),
    "no answer is taken for a refusal": (
        "asking.isinstance = lambda one, of: isinstance(one, asking.Unclear | of if of is asking.Refused else of)",
        "never said so",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_gateway_is_found(name: str) -> None:
    broken, found = BREAKAGES[name]
    patched = (
        "from gateway.payments.push import asking; from gateway.payments.unasked import forwarded; "
        f"{broken}; from simulation.__main__ import main"
    )
    done = _simulate("--seeds", "24", "--first", "1000", "--processes", "1", "--until-wrong", first=patched)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(found, done.stdout), done.stdout
