"""A pair of keys: its secret is the credential, and what is no pair is refused without a word of it (X-1)."""

from base64 import b64encode

import pytest

from router.credentials import credential_of, without_basic
from router.errors import Refused

SECRET = b"sk-proj-" + b"q" * 48


def basic(pair: bytes, scheme: bytes = b"Basic") -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"authorization", scheme + b" " + b64encode(pair))]


@pytest.mark.parametrize("scheme", [b"Basic", b"basic", b"BASIC"])
@pytest.mark.parametrize("secret", [SECRET, b"a.b.c", b"sk_with:colon"])
def test_secret_of_a_pair_is_the_credential(scheme: bytes, secret: bytes) -> None:
    assert credential_of(without_basic(basic(b"pk-lf-1:" + secret, scheme))) == secret


def test_key_beside_a_pair_must_be_its_secret() -> None:
    same = [*basic(b"pk:" + SECRET), (b"x-api-key", SECRET)]
    other = [*basic(b"pk:" + SECRET), (b"x-api-key", SECRET[:-1])]

    assert credential_of(without_basic(same)) == SECRET
    with pytest.raises(Refused):
        credential_of(without_basic(other))


@pytest.mark.parametrize("headers", [[(b"authorization", b"Bearer " + SECRET)], [(b"x-api-key", SECRET)]])
def test_other_credentials_stay_as_they_are(headers: list[tuple[bytes, bytes]]) -> None:
    assert credential_of(without_basic(headers)) == SECRET


@pytest.mark.parametrize("pair", [b"", b":", b"pk:", b":" + SECRET, SECRET, b"pk:  "])
def test_what_is_no_pair_is_refused(pair: bytes) -> None:
    with pytest.raises(Refused) as caught:
        credential_of(without_basic(basic(pair)))

    assert (caught.value.code, caught.value.reason) == ("unauthorized", "")


@pytest.mark.parametrize("value", [b"Basic", b"Basic !!!", b"Basic \xff\xfe", b"Basic " + SECRET + b"="])
def test_what_is_no_base64_is_refused(value: bytes) -> None:
    with pytest.raises(Refused):
        credential_of(without_basic([(b"authorization", value)]))


def test_pairs_are_no_credential_where_they_are_not_asked_for() -> None:
    with pytest.raises(Refused):
        credential_of(basic(b"pk:" + SECRET))
