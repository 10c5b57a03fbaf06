"""What is wrong with a body, in the two languages that callers read."""

from collections.abc import Mapping

from msgspec import Struct


class Words(Struct, frozen=True):
    """The sentences of one language; braces are filled with what the request holds."""

    types: Mapping[str, str]
    either: str
    whole: str
    unknown: str
    missing: str
    wrong_type: str
    not_allowed: str
    out_of_bounds: str
    no_json: str
    too_deep: str
    send_json: str
    at_most: str


FRENCH = Words(
    types={
        "str": "une chaîne",
        "int": "un entier",
        "float": "un nombre",
        "bool": "true ou false",
        "array": "un tableau",
        "object": "un objet",
        "null": "null",
    },
    either=" ou ",
    whole="le corps",
    unknown="champ inconnu « {name} »",
    missing="champ obligatoire « {name} » absent",
    wrong_type="« {subject} » doit être {wanted}",
    not_allowed="« {subject} » a une valeur qui n'est pas permise",
    out_of_bounds="« {subject} » a une valeur hors limites ({told})",
    no_json="le corps n'est pas du JSON valide",
    too_deep="le JSON est trop profond",
    send_json="envoyez du application/json",
    at_most="au plus {limit} octets",
)
ENGLISH = Words(
    types={
        "str": "a string",
        "int": "an integer",
        "float": "a number",
        "bool": "true or false",
        "array": "an array",
        "object": "an object",
        "null": "null",
    },
    either=" or ",
    whole="the body",
    unknown="unknown field '{name}'",
    missing="required field '{name}' is missing",
    wrong_type="'{subject}' must be {wanted}",
    not_allowed="'{subject}' has a value that is not allowed",
    out_of_bounds="'{subject}' has a value out of bounds ({told})",
    no_json="the body is not valid JSON",
    too_deep="the JSON is too deep",
    send_json="send application/json",
    at_most="at most {limit} bytes",
)
