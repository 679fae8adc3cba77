"""The network of PAMUSAB as its report on 2020 publishes it: promoters and totals are real, what lies below is not.

Published (tables 1 and 2 of the report): per promoter and membership year the mutuelles or sections, the households and
the beneficiaries; 89 of 119 communes; 12 unions of health districts by the end of 2020; 65 % of the households renewed,
over 80 % at some promoters; the contracted health facilities of 2020 by kind and ownership. Not published, and so made
up here: which promoter works in which commune, how many households each section has, how loyalty differs between
promoters, every plan's figures, and every facility's name, place and partner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.membership.dues import Terms

YEARS = (2019, 2020)


@dataclass(frozen=True)
class Total:
    """What a promoter reported for one membership year."""

    sections: int
    households: int
    beneficiaries: int


@dataclass(frozen=True)
class Section:
    """A mutuelle or section of a promoter, in one commune."""

    code: str
    name: str
    province: str
    commune: str


@dataclass(frozen=True)
class Promoter:
    """An *acteur promoteur*: its totals by year, and where we put its sections (those of the first year come first).

    ``renewed``: how many households of the first year stay for the second. ``unions``: province → name of the district
    union between the promoter and its sections there. ``leaf``: what a section is called; mutuelles keep books.
    """

    code: str
    name: str
    prefix: str
    merchant_code: str
    leaf: str
    totals: tuple[Total, Total]
    renewed: int
    terms: Terms
    unions: dict[str, str]
    communes: str

    @property
    def sections(self) -> list[Section]:
        """Its sections, in the order in which they were founded."""
        return [
            Section(f"{self.code}-{_code(commune)}", f"{self.prefix} {commune}", province, commune)
            for province, commune in _places(self.communes)
        ]


@dataclass(frozen=True)
class Contracted:
    """How many health facilities of a kind and ownership have an agreement with a mutuelle of the network."""

    kind: str
    ownership: str
    facilities: int


@dataclass(frozen=True)
class Published:
    """A whole network; ``contracted``: its facilities in the last of its years."""

    code: str
    name: str
    promoters: tuple[Promoter, ...]
    contracted: tuple[Contracted, ...] = ()


def _code(name: str) -> str:
    return name.lower().replace(" ", "-")


def _places(text: str) -> Iterator[tuple[str, str]]:
    for row in text.strip().splitlines():
        province, communes = row.split(":")
        for commune in communes.split(","):
            yield province.strip(), commune.strip()


# Amounts are in francs of Burundi and made up; what differs between them is what a plan can say.
_COFFEE = Terms(
    registration_fee_minor=1_500,
    household_minor=6_000,
    beneficiary_minor=3_000,
    instalments=1,
    waiting_days=30,
    grace_days=45,
    activation_percent=100,
    minimum_payment_minor=500,
    year_starts_month=7,  # coffee is paid for after the harvest
)
_TWO_HALVES = Terms(
    registration_fee_minor=1_000,
    household_minor=4_000,
    beneficiary_minor=3_600,
    instalments=2,
    waiting_days=30,
    grace_days=60,
    activation_percent=50,
    minimum_payment_minor=500,
    year_starts_month=1,
)
_PER_HEAD = Terms(
    registration_fee_minor=2_000,
    household_minor=0,
    beneficiary_minor=4_500,
    instalments=2,
    waiting_days=60,
    grace_days=60,
    activation_percent=50,
    minimum_payment_minor=500,
    year_starts_month=1,
)

FEMUSCABU = Promoter(
    code="femuscabu",
    name="FEMUSCABU",
    prefix="MUSCABU",
    merchant_code="257001",
    leaf="mutuelle",
    totals=(Total(28, 4_356, 25_615), Total(32, 4_171, 23_070)),
    renewed=3_528,
    terms=_COFFEE,
    unions={
        "Kayanza": "Union du district de Kayanza",
        "Ngozi": "Union du district de Ngozi",
        "Muyinga": "Union du district de Gashoho",
        "Gitega": "Union du district de Mutaho",
    },
    communes="""
        Kayanza: Butaganzwa, Gahombo, Gatara, Kabarore, Kayanza, Matongo, Muhanga, Muruta, Rango
        Ngozi: Busiga, Gashikanwa, Kiremba, Marangara, Mwumba, Nyamurenza, Ruhororo, Tangara
        Muyinga: Buhinyuza, Butihinda, Gashoho, Gasorwe
        Gitega: Bugendana, Itaba, Mutaho
        Karuzi: Bugenyuzi, Gihogazi
        Kirundo: Gitobe, Vumbi
        Muramvya: Bukeye, Rutegama
        Cibitoke: Mabayi
        Bubanza: Musigati
    """,
)
MEMISA = Promoter(
    code="memisa",
    name="MUSA/MEMISA",
    prefix="MUSA",
    merchant_code="257002",
    leaf="mutuelle",
    totals=(Total(8, 686, 3_887), Total(8, 536, 2_676)),
    renewed=391,
    terms=_PER_HEAD,
    unions={"Kirundo": "Union du district de Kirundo"},
    communes="""
        Kirundo: Bugabira, Busoni, Bwambarangwe, Kirundo, Ntega
        Muyinga: Giteranyi, Muyinga
        Bujumbura: Mutimbuzi
    """,
)
MUNASA = Promoter(
    code="munasa",
    name="MUNASA",
    prefix="MUNASA",
    merchant_code="257003",
    leaf="section",
    totals=(Total(62, 9_025, 45_921), Total(64, 12_203, 59_353)),
    renewed=5_171,
    terms=_TWO_HALVES,
    unions={
        "Bubanza": "Union du district de Bubanza",
        "Muramvya": "Union du district de Muramvya",
        "Bururi": "Union du district de Matana",
        "Makamba": "Union du district de Makamba",
        "Rutana": "Union du district de Rutana",
        "Ruyigi": "Union du district de Ruyigi",
    },
    communes="""
        Gitega: Gitega, Giheta, Bugendana, Buraza, Gishubi, Itaba, Makebuko, Nyarusange
        Muramvya: Bukeye, Kiganda, Mbuye, Muramvya, Rutegama
        Mwaro: Bisoro, Gisozi, Kayokwe, Nyabihanga
        Bubanza: Bubanza, Mpanda
        Cibitoke: Mugina, Murwi, Rugombo
        Bururi: Bururi, Matana, Rutovu
        Makamba: Kayogoro, Mabanda, Makamba
        Rutana: Giharo, Gitanga, Musongati, Rutana
        Ruyigi: Butezi, Bweru, Kinyinya, Ruyigi
        Cankuzo: Cankuzo, Kigamba, Mishiha
        Karuzi: Bugenyuzi, Buhiga, Gitaramuka, Mutumba, Shombo
        Kayanza: Butaganzwa, Gahombo, Gatara, Kayanza, Matongo, Muhanga
        Ngozi: Busiga, Kiremba, Mwumba, Ngozi, Tangara
        Kirundo: Busoni, Kirundo, Vumbi
        Muyinga: Gashoho, Giteranyi, Muyinga
        Bujumbura: Isale
        Rumonge: Rumonge, Bugarama
    """,
)
UCODE = Promoter(
    code="ucode",
    name="UCODE AMR",
    prefix="UCODE",
    merchant_code="257004",
    leaf="section",
    totals=(Total(7, 970, 5_061), Total(8, 1_591, 7_562)),
    renewed=815,
    terms=_TWO_HALVES,
    unions={"Ngozi": "Union du district de Buye"},
    communes="""
        Ngozi: Busiga, Mwumba, Ngozi, Ruhororo, Tangara
        Kayanza: Gatara, Rango
        Kirundo: Vumbi
    """,
)
FVS = Promoter(
    code="fvs",
    name="FVS-AMADE",
    prefix="FVS",
    merchant_code="257005",
    leaf="section",
    totals=(Total(13, 2_308, 7_911), Total(13, 1_811, 6_899)),
    renewed=1_369,
    terms=_PER_HEAD,
    unions={},
    communes="""
        Bujumbura Mairie: Muha, Mukaza, Ntahangwa
        Bururi: Bururi, Rutovu
        Gitega: Gitega, Makebuko
        Makamba: Nyanza-Lac
        Rumonge: Burambi, Buyengero
        Rutana: Rutana
        Ruyigi: Ruyigi
        Cankuzo: Cankuzo
    """,
)

# Table 1 of the report, whose own total is CONTRACTED_TOTAL.
CONTRACTED = (
    Contracted("hospital", "public", 37),
    Contracted("hospital", "private", 9),
    Contracted("hospital", "faith", 4),
    Contracted("centre", "public", 370),
    Contracted("centre", "private", 28),
    Contracted("centre", "faith", 59),
)
CONTRACTED_TOTAL = 507

PAMUSAB = Published("pamusab", "PAMUSAB", (FEMUSCABU, MEMISA, MUNASA, UCODE, FVS), CONTRACTED)
