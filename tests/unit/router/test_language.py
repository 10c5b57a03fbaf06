"""The language of a recording: a code of two letters, by the query or by the form, and the same by both (2.4.1)."""

import pytest

from agents.audio.languages import CODES
from router.errors import Refused
from router.language import agreed_language, asked_language


def asked(query: bytes) -> str | None:
    return asked_language({"query_string": query})


@pytest.mark.parametrize(("query", "code"), [(b"", None), (b"language=fr", "fr"), (b"language=EN", "en")])
def test_query_says_it_or_nothing(query: bytes, code: str | None) -> None:
    assert asked(query) == code


@pytest.mark.parametrize(
    ("query", "param"),
    [
        (b"language=xx", "language"),
        (b"language=", "language"),
        (b"language=fr-FR", "language"),
        (b"language=french", "language"),
        (b"language=%00%ff", "language"),
        (b"language=fr&language=en", "language"),
        (b"langage=fr", "langage"),
    ],
)
def test_query_that_says_anything_else_is_refused_and_named(query: bytes, param: str) -> None:
    with pytest.raises(Refused) as told:
        asked(query)

    assert (told.value.code, told.value.param, told.value.source) == ("invalid_request", param, "query")


def test_unknown_code_is_named_and_cut() -> None:
    with pytest.raises(Refused) as told:
        agreed_language(None, {"language": "x" * 10_000})

    assert "xxx" in told.value.reason
    assert len(told.value.reason) < 200


@pytest.mark.parametrize(
    ("query", "form", "agreed"), [(None, None, None), ("fr", None, "fr"), (None, "Fr", "fr"), ("fr", "fr", "fr")]
)
def test_form_and_query_agree(query: str | None, form: str | None, agreed: str | None) -> None:
    assert agreed_language(query, {} if form is None else {"language": form}) == agreed


def test_form_that_disagrees_with_the_query_is_refused_with_both() -> None:
    with pytest.raises(Refused) as told:
        agreed_language("fr", {"language": "en"})

    assert told.value.param == "language"
    assert all(code in told.value.reason for code in ("fr", "en"))


def test_every_code_has_two_letters() -> None:
    assert len(CODES) == 183
    assert all(len(code) == 2 and code.isalpha() for code in CODES)
