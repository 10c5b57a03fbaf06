"""The language that a caller says a recording is in, by the query or by the form (2.4.1)."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from agents.audio.languages import CODES
from metering.middleware import Scope
from router.decoding import LONGEST_ECHO
from router.errors import Refused
from router.forms import unknown_field

LANGUAGE = "language"
QUERY, BODY = "query", "body"


def asked_language(scope: Scope) -> str | None:
    """Return the language that the query says, None where it says none.

    Raises:
        Refused: It is no code of ISO 639-1, is said twice, or the query says something else.

    """
    said = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for name, _ in said:
        if name != LANGUAGE:
            raise unknown_field(name, QUERY)
    codes = {_code(value, QUERY) for _, value in said}
    if len(codes) > 1:
        raise Refused("invalid_request", "« language » est donné deux fois", param=LANGUAGE, source=QUERY)
    return next(iter(codes), None)


def agreed_language(asked: str | None, fields: Mapping[str, str]) -> str | None:
    """Return the language that the query or the form says.

    Raises:
        Refused: They disagree, or that of the form is no code of ISO 639-1.

    """
    value = fields.get(LANGUAGE)
    if value is None:
        return asked
    told = _code(value, BODY)
    if asked not in {None, told}:
        reason = f"« language » est {asked} dans l'adresse et {told} dans le formulaire"
        raise Refused("invalid_request", reason, param=LANGUAGE)
    return told


def _code(value: str, source: str) -> str:
    code = value.lower()
    if code not in CODES:
        shown = value[:LONGEST_ECHO]
        reason = f"« language » doit être un code ISO 639-1 tel que fr, ou absent ; « {shown} » n'en est pas un"
        raise Refused("invalid_request", reason, param=LANGUAGE, source=source)
    return code
