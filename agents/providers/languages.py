"""Languages as speech models name them, by their ISO 639-1 codes."""

import re

# Whisper answers with the English name of the language that it heard.
# Source: LANGUAGES in whisper/tokenizer.py of the openai/whisper repository.
_NAMES = """
en english|zh chinese|de german|es spanish|ru russian|ko korean|fr french|ja japanese|pt portuguese|tr turkish
pl polish|ca catalan|nl dutch|ar arabic|sv swedish|it italian|id indonesian|hi hindi|fi finnish|vi vietnamese
he hebrew|uk ukrainian|el greek|ms malay|cs czech|ro romanian|da danish|hu hungarian|ta tamil|no norwegian
th thai|ur urdu|hr croatian|bg bulgarian|lt lithuanian|la latin|mi maori|ml malayalam|cy welsh|sk slovak
te telugu|fa persian|lv latvian|bn bengali|sr serbian|az azerbaijani|sl slovenian|kn kannada|et estonian|mk macedonian
br breton|eu basque|is icelandic|hy armenian|ne nepali|mn mongolian|bs bosnian|kk kazakh|sq albanian|sw swahili
gl galician|mr marathi|pa punjabi|si sinhala|km khmer|sn shona|yo yoruba|so somali|af afrikaans|oc occitan
ka georgian|be belarusian|tg tajik|sd sindhi|gu gujarati|am amharic|yi yiddish|lo lao|uz uzbek|fo faroese
ht haitian creole|ps pashto|tk turkmen|nn nynorsk|mt maltese|sa sanskrit|lb luxembourgish|my myanmar|bo tibetan
tl tagalog|mg malagasy|as assamese|tt tatar|ln lingala|ha hausa|ba bashkir|jv javanese|jw javanese|su sundanese
"""
_PAIRS = {name: code for code, _, name in (entry.partition(" ") for entry in re.split(r"[|\n]", _NAMES.strip()))}
_BY_NAME = _PAIRS | {"cantonese": "yue", "hawaiian": "haw"}
_CODE = re.compile(r"([a-z]{2}|yue|haw)(?:[-_].*)?")


def code_of(told: str) -> str | None:
    """Return the code of a language that a model names by its code, its locale or its English name."""
    name = told.strip().lower()
    found = _CODE.fullmatch(name)
    if found is None:
        return _BY_NAME.get(name)
    return "jv" if found[1] == "jw" else found[1]
