"""Languages by their two letters (ISO 639-1), and which of them a text is in by its commonest words."""

import re

# Source: ISO 639-1:2002 and the registry of its authority (Library of Congress), without codes that were withdrawn.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
    "en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it "
    "iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt "
    "my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl "
    "sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo "
    "za zh zu"
)
MOST_READ = 20_000  # characters: more would not change the guess
CODES = frozenset(_CODES.split())

# Words that are only of their language, and in most of its sentences.
_COMMON_WORDS = {
    "fr": "le la les des est et vous nous je pas que qui pour dans une du au ce il elle avec sur bonjour",
    "en": "the is and you we to of that for with this it are in have be not what hello good your",
    "de": "der die das und ist nicht ich wir sie ein eine mit für auf den dem",
    "es": "el los las y es usted por con una para pero muy hola del está son",
    "it": "il gli è e di che per con una non sono della questo ciao anche",
}
_COMMON = {language: frozenset(words.split()) for language, words in _COMMON_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")


def likely_language(text: str) -> str | None:
    """Return the language of a text by its commonest words, None where its beginning has none of them."""
    words = {word.lower() for word in _WORD.findall(text[:MOST_READ])}
    found = {language: len(words & common) for language, common in _COMMON.items()}
    likeliest = max(found, key=lambda language: found[language])
    return likeliest if found[likeliest] else None
