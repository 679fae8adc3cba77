"""What each word is called, by language, in plain letters: a person may write any of them, whatever they speak.

Those in Kirundi (rn) and Swahili (sw) are drafts that await a native speaker's review; where none stands, the French
one serves. A number may follow a name at once, and in names of five letters or more one slip is forgiven.
"""

from __future__ import annotations

from collections.abc import Mapping

Names = Mapping[str, tuple[str, ...]]

COVER: Names = {
    "fr": ("couverture", "ma couverture", "couvert"),
    "en": ("cover", "my cover"),
    "rn": ("ubwishingizi",),
    "sw": ("bima",),
}
BALANCE: Names = {
    "fr": ("solde", "mon solde", "reste", "reste a payer"),
    "en": ("balance", "my balance"),
    "rn": ("ayasigaye",),
    "sw": ("salio",),
}
PAY: Names = {
    "fr": ("payer", "je paye", "je paie", "je veux payer"),
    "en": ("pay", "i pay"),
    "rn": ("riha", "kuriha"),
    "sw": ("lipa", "kulipa"),
}
PAID: Names = {
    # "payer" too: written badly for "paye", before a number that is no amount.
    "fr": ("paye", "payee", "payer", "j ai paye", "jai paye", "j ai payee", "jai payee", "nous avons paye"),
    "en": ("paid", "i paid", "i have paid", "i ve paid", "ive paid", "we paid", "we have paid"),
    "rn": ("nariha", "narishe"),
    "sw": ("nimelipa",),
}
RECEIPT: Names = {
    "fr": ("recu", "verifier recu", "verifier le recu"),
    "en": ("receipt", "check receipt"),
    "sw": ("risiti",),
}
COMPLAINT: Names = {
    "fr": ("plainte", "reclamation"),
    "en": ("complaint", "complain"),
    "rn": ("ikirego",),
    "sw": ("malalamiko",),
}
LANGUAGE: Names = {
    "fr": ("langue",),
    "en": ("language",),
    "rn": ("ururimi",),
    "sw": ("lugha",),
}
STOP: Names = {
    "fr": ("arret", "arreter"),
    "en": ("stop",),
    "rn": ("hagarika",),
    "sw": ("acha",),
}
START: Names = {
    "fr": ("reprendre",),
    "en": ("start",),
    "rn": ("bandanya",),
    "sw": ("anza",),
}
NEWS: Names = {
    "fr": ("nouvelles", "nouvelle", "actualites"),
    "en": ("news",),
    # Not what people greet with (amakuru, habari): nobody asks for news by saying good morning.
    "rn": ("inkuru",),
    "sw": ("taarifa",),
}
HELP: Names = {
    "fr": ("aide",),
    "en": ("help",),
    "rn": ("mfasha",),
    "sw": ("msaada",),
}
CHECK: Names = {
    "fr": ("verifier", "verification"),
    "en": ("check",),
    "rn": ("suzuma",),
    "sw": ("hakiki",),
}

# How people call the languages themselves, by what we call them.
LANGUAGES: Names = {
    "fr": ("fr", "francais", "french", "igifaransa", "kifaransa"),
    "en": ("en", "anglais", "english", "icongereza", "kiingereza"),
    "rn": ("rn", "kirundi", "ikirundi"),
    "sw": ("sw", "swahili", "kiswahili", "igiswahili"),
}


def every(names: Names) -> tuple[str, ...]:
    """All names of a word, whatever the language."""
    return tuple(dict.fromkeys(name for spoken in names.values() for name in spoken))
