"""Examples that models are shown: of outlines, ours, in the language in which they are to write."""

import json
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from agents.messages import Message

Outlined = tuple[str, dict[str, Any]]
ECHO = 0.75  # of the words of a line that stand in one line of an example: it was copied
FEWEST_WORDS = 4  # of a line that is told by its words; a shorter one is told by its letters
SAME = 0.9
_WORD = re.compile(r"[^\W\d_]{4,}")

_BOOKING: Outlined = (
    "decide whether a guest may cancel a hotel booking for free, given the rules of the hotel and the guest's mail",
    {
        "opening": "You are a booking agent who decides whether a guest may cancel for free under a hotel's rules.",
        "variables": [
            {"name": "HOTEL_RULES", "about": "the rules of the hotel", "long": True},
            {"name": "GUEST_MAIL", "about": "the mail of the guest", "long": True},
        ],
        "steps": [
            "Find in {{GUEST_MAIL}} the date of arrival and the reason for cancelling.",
            "Quote the sentences of {{HOTEL_RULES}} that apply to this case.",
            "Compare dates and conditions, then decide: free, charged or unclear.",
        ],
        "rules": [
            "Rely on the rules of this hotel alone, never on what is usual elsewhere.",
            "If the date of arrival is missing, decide unclear and say what to ask the guest.",
        ],
        "judges": True,
        "answer": "The decision in one word, then one sentence with the rule that it rests on.",
    },
)
_CAPTION: Outlined = (
    "write a caption for a museum photo, for {audience}, from the data sheet [SHEET], in at most forty words",
    {
        "opening": "You are a museum guide who writes captions for photos of works of art.",
        "variables": [
            {"name": "audience", "about": "the readers of the caption", "long": False},
            {"name": "SHEET", "about": "the data sheet of the work", "long": True},
        ],
        "steps": [
            "Note from {{SHEET}} the title, the artist, the date and the technique.",
            "Choose one visible detail that speaks to {{audience}}.",
            "Write a caption that opens with this detail and ends with title and date.",
        ],
        "rules": [
            "Forty words at most.",
            "Invent neither artist nor date: what the sheet does not say is not in the caption.",
        ],
        "judges": False,
        "answer": "The caption alone, opening with the chosen detail.",
    },
)
_RESERVATION: Outlined = (
    "décider si un client peut annuler sa chambre sans frais, étant donné le règlement de l'hôtel et le courrier reçu",
    {
        "opening": "Vous êtes chargé des réservations et décidez si un client peut annuler sans frais.",
        "variables": [
            {"name": "REGLEMENT_HOTEL", "about": "le règlement de l'hôtel", "long": True},
            {"name": "COURRIER_RECU", "about": "le courrier du client", "long": True},
        ],
        "steps": [
            "Relevez dans {{COURRIER_RECU}} la date d'arrivée et le motif de l'annulation.",
            "Citez les phrases de {{REGLEMENT_HOTEL}} qui s'appliquent à ce cas.",
            "Comparez les dates et les conditions, puis décidez : gratuit, payant ou incertain.",
        ],
        "rules": [
            "Appuyez-vous sur ce seul règlement, jamais sur les usages d'autres hôtels.",
            "Si la date d'arrivée manque, décidez incertain et dites quoi demander au client.",
        ],
        "judges": True,
        "answer": "La décision en un mot, puis une phrase qui cite la règle appliquée.",
    },
)
_LEGENDE: Outlined = (
    "rédiger la légende d'une photo de musée pour {public}, d'après la fiche [FICHE], en quarante mots au plus",
    {
        "opening": "Vous êtes médiateur de musée et rédigez les légendes de photos d'œuvres.",
        "variables": [
            {"name": "public", "about": "le public visé", "long": False},
            {"name": "FICHE", "about": "la fiche de l'œuvre", "long": True},
        ],
        "steps": [
            "Relevez dans {{FICHE}} le titre, l'artiste, la date et la technique.",
            "Choisissez un détail visible qui parle à {{public}}.",
            "Rédigez une légende qui part de ce détail et finit par le titre et la date.",
        ],
        "rules": [
            "Quarante mots au plus.",
            "N'inventez ni artiste ni date : ce que la fiche ne dit pas manque dans la légende.",
        ],
        "judges": False,
        "answer": "La légende seule, qui s'ouvre sur le détail choisi.",
    },
)
_GENERATED: dict[str, Sequence[Outlined]] = {"en": (_BOOKING, _CAPTION), "fr": (_RESERVATION, _LEGENDE)}
_IMPROVED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "en": (
        "Write a product text for {{PRODUCT}}. Make it sound good. 80 words.",
        "It promises things that are not in the sheet.",
        {
            "opening": "You are a copywriter who writes product texts that keep to the facts.",
            "variables": [{"name": "PRODUCT", "about": "the sheet of the product", "long": True}],
            "steps": [
                "List the facts that {{PRODUCT}} states: use, material, size.",
                "Choose the two that matter most to a buyer.",
                "Write a text of 80 words that opens with the use and builds on these two facts.",
            ],
            "rules": ["Promise nothing that the sheet does not state.", "No superlatives; short sentences."],
            "judges": False,
            "answer": "One paragraph of 80 words.",
        },
    ),
    "fr": (
        "Écris un texte de vente pour {{PRODUIT}}. Il doit bien sonner. 80 mots.",
        "Il promet des choses qui ne sont pas dans la fiche.",
        {
            "opening": "Vous êtes rédacteur et écrivez des textes de vente fidèles aux faits.",
            "variables": [{"name": "PRODUIT", "about": "la fiche du produit", "long": True}],
            "steps": [
                "Relevez les faits que donne {{PRODUIT}} : usage, matière, taille.",
                "Choisissez les deux qui comptent le plus pour un acheteur.",
                "Écrivez un texte de 80 mots qui s'ouvre sur l'usage et s'appuie sur ces deux faits.",
            ],
            "rules": ["Ne promettez rien que la fiche ne dise.", "Pas de superlatifs ; des phrases courtes."],
            "judges": False,
            "answer": "Un seul paragraphe de 80 mots.",
        },
    ),
}


def echoes(line: str) -> bool:
    """Tell whether a line says what an example says: small models copy instead of writing."""
    words = _words(line)
    if len(words) >= FEWEST_WORDS:
        return any(len(words & shown) >= ECHO * len(words) for shown in map(_words, _SHOWN))
    alike = (SequenceMatcher(None, line, shown) for shown in _SHOWN)
    return any(each.real_quick_ratio() >= SAME and each.ratio() >= SAME for each in alike)


def generated(language: str) -> list[Message]:
    """Return requests and their outlines, in a language of ours."""
    shots: list[Message] = []
    for request, outline in _GENERATED[language]:
        shots += [Message("user", f"<request>\n{request}\n</request>"), Message("assistant", _json(outline))]
    return shots


def improved(language: str) -> list[Message]:
    """Return a prompt, feedback on it, and the outline of a better one, in a language of ours."""
    prompt, feedback, outline = _IMPROVED[language]
    shown = f"<prompt>\n{prompt}\n</prompt>\n<feedback>\n{feedback}\n</feedback>"
    return [Message("user", shown), Message("assistant", _json(outline))]


def _json(outline: dict[str, Any]) -> str:
    return json.dumps(outline, ensure_ascii=False, separators=(",", ":"))


def _words(line: str) -> frozenset[str]:
    return frozenset(_WORD.findall(line.casefold()))


_SHOWN = [
    line
    for outline in (
        *(outline for shown in _GENERATED.values() for _, outline in shown),
        *(outline for _, _, outline in _IMPROVED.values()),
    )
    for line in (*outline["steps"], *outline["rules"])
]
