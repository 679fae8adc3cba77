"""Given names and surnames that are common where a sample lies; combined at random, they name nobody in particular.

Names of people whom the published reports mention are left out on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Names:
    """The names of one country; ``shared_surname``: do children bear the surname of the head?"""

    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[str, ...]
    shared_surname: bool

    def given(self, random: Random, sex: str) -> str:
        return pick(random, self.women if sex == "F" else self.men)

    def surname(self, random: Random) -> str:
        return pick(random, self.surnames)


def pick(random: Random, among: Sequence[Item]) -> Item:
    """One of them; several times faster than ``Random.choice``, which counts where millions are drawn."""
    return among[int(random.random() * len(among))]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# In Burundi everybody has a surname of their own.
BURUNDI = Names(
    women=_words(
        "Aline Alice Béatrice Bernadette Chantal Christine Claudette Claudine Clémence Consolate Daphrose Devote "
        "Divine Donavine Dorothée Élisabeth Emelyne Esther Euphrasie Évelyne Fabiola Floride Francine "
        "Gaudence Générose Gloriose Godelieve Goreth Grâce Honorine Immaculée Jacqueline Jeanine Joséphine Judith "
        "Julienne Léa Léonie Liberate Marceline Marguerite Marie Médiatrice Nadine Nadège Odette Pascasie Pélagie "
        "Perpétue Philomène Révérianne Rose Sandrine Scholastique Séraphine Spéciose Sylvie Thérèse Triphonie "
        "Vénérande Violette Virginie Yvonne Zita"
    ),
    men=_words(
        "Adrien Albert Alexis Ananias Anicet Antoine Apollinaire Arthémon Barnabé Bonaventure Célestin Charles "
        "Cyriaque Daniel Déogratias Désiré Dieudonné Dismas Donatien Édouard Égide Élie Emmanuel Ézéchiel Ferdinand "
        "Frédéric Gabriel Gaspard Gérard Gervais Gilbert Grégoire Hilaire Ildephonse Innocent Isaïe Jérôme Joachim "
        "Joseph Juvénal Lazare Léonard Léonidas Léopold Libère Marc Mathias Méthode Michel Nestor Nicodème Onésime "
        "Oscar Pascal Pontien Prosper Raphaël Rénovat Samuel Salvator Siméon Stany Sylvestre Tharcisse Théogène "
        "Venant Vianney Vincent Vital Zacharie Zénon"
    ),
    surnames=_words(
        "Barutwanayo Bigirimana Bizimana Bucumi Bukuru Butoyi Ciza Gahungu Gakobwa Habonimana Hakizimana Harerimana "
        "Hatungimana Havyarimana Inamahoro Iradukunda Irakoze Ishimwe Kabura Kwizera Manirakiza Manirambona Mbonimpa "
        "Minani Misago Mpawenimana Mugisha Nahimana Nahayo Ndabarushimana Ndayikengurukiye Ndayisenga Ndayizeye "
        "Ndereyimana Ndihokubwayo Ndikumana Nduwayo Nduwimana Ngendakumana Nibigira Nibizi Nijimbere Nimbona "
        "Nimubona Nininahazwe Nishimwe Nitunga Niyokwizera Niyomwungere Niyongabo Niyonkuru Niyonzima Nizigama "
        "Nizigiyimana Nkeshimana Nsabimana Nsengiyumva Nshimirimana Ntahomvukiye Ntakarutimana Ntirampeba "
        "Nyabenda Nyandwi Nzambimana Nzeyimana Rukundo Ruberintwari Sabushimike Sibomana Simbananiye Sindayigaya "
        "Sinzinkayo Toyi Uwimana Vyizigiro"
    ),
    shared_surname=False,
)

BENIN = Names(
    women=_words(
        "Adama Adiza Afissatou Aïchatou Aïssatou Alimatou Amina Assana Awaou Azara Barikissou Bibata Déborah Djamila "
        "Esther Fatima Fatouma Fousséna Habibatou Hadiza Kadidjatou Latifatou Mariama Maimouna Mémounatou Nafissatou "
        "Rachidatou Rafiatou Ramatou Rékiatou Rissikatou Sahadatou Sakinatou Salamatou Samiratou Sikiratou Sofiatou "
        "Zénabou Zoulahatou"
    ),
    men=_words(
        "Abdoulaye Abdou Alassane Aliou Amadou Amidou Arouna Aziz Bachirou Boukari Djibril Fousséni Garba Gafarou "
        "Hamidou Ibrahim Idrissou Inoussa Ismaïla Issifou Kassim Lassissi Latifou Mamoudou Mohamed Mouftaou Moussa "
        "Nouhoum Ousmane Razaki Sahadou Salifou Sanoussi Souleymane Taïrou Yacoubou Yaya Zakari"
    ),
    surnames=_words(
        "Adamou Aboudou Agnoro Alassani Arouna Assoumanou Atakora Bachabi Biao Bouraïma Chabi Djafarou Djobo Gado "
        "Gomina Goumbé Issaka Kadiri Kora Kouma Lafia Mama Moumouni Napo Ouorou Sabi Sanni Séibou Soumaïla Tchabi "
        "Tchalla Tchando Traoré Wari Yarou Zimé"
    ),
    shared_surname=True,
)
