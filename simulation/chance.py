"""What goes wrong in one run, how often, and how often it did: all of it decided by the seed."""

from __future__ import annotations

from collections import Counter
from random import Random

# Everything that can go wrong, by its name in reports; a run has some of them, each with its own frequency, so that
# rare pairs meet often enough.
FAULTS = (
    # our machine
    "worker killed at a statement",
    "worker killed in a call",
    "web killed at a statement",
    "statement fails",
    "commit fails",
    "commit unheard",
    "database down",
    "redis emptied",
    "ring lost",
    # the operator, when it is asked for money
    "order lost",
    "answer lost",
    "error after accepting",
    "busy",
    "unreached",
    "refused at once",
    "decided before the answer",
    "operator down",
    # the operator, when it is asked what became of it
    "look unanswered",
    "look says unknown word",
    "look says not found",
    "look says waiting",
    # what becomes of an order
    "payer refuses",
    "payer does nothing",
    "paid late",
    "paid another amount",
    "paid in another currency",
    "kept in reconciliation",
    "never decided",
    "operator takes its word back",
    # the operator, when it is to give money back
    "giving back lost",
    "giving back unheard",
    "giving back refused",
    "giving back unanswered",
    # what it tells us
    "notice lost",
    "notice repeated",
    "notice late",
    "notice forged",
    # people
    "pays twice at once",
    "hop repeated",
    "wrong reference",
    "no reference",
    "someone else declares it",
    "forwarded twice",
    "never forwarded",
    "push forwarded too",
    "money taken back",
    "group list changed",
    "taking back told first",
    # SMS
    "sms answer lost",
    "sms order lost",
    "sms busy",
    "sms refused",
    "report lost",
    "report early",
    "report repeated",
)


class Chance:
    """The dice of one run."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        # A tenth of the runs are quiet: what fails there fails without any help.
        level = self.random.choice((0.0, *(0.25, 0.5, 0.75, 1.0) * 3))
        self.rates = {
            name: 10 ** self.random.uniform(-2, -0.4) if self.random.random() < level else 0.0 for name in FAULTS
        }
        self.met: Counter[str] = Counter()
        self.on = True

    def hit(self, fault: str, less: float = 1.0) -> bool:
        """Does it go wrong now? ``less`` makes it rarer where there are many occasions for it."""
        rate = self.rates[fault]
        if not self.on or not rate or self.random.random() >= rate * less:
            return False
        self.met[fault] += 1
        return True

    def seconds(self, low: float, high: float) -> float:
        """A length of time, short ones likelier."""
        return float(low * (high / low) ** self.random.random())
