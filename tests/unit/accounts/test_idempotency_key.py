"""Which header is a key, and which requests are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import IdempotencyKeyWrong
from accounts.idempotency.idempotency import digest_of, key_of

parts = st.tuples(st.text(max_size=3), st.text(max_size=3), st.binary(max_size=3), st.text(max_size=3))


@pytest.mark.parametrize("key", [b"a", b"0 ~!", b"x" * 255])
def test_a_key_is_up_to_255_printable_characters(key: bytes) -> None:
    assert key_of([(b"accept", b"*/*"), (b"idempotency-key", key)]) == key.decode()


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"caf\xc3\xa9", b"a\tb", b"a\nb", b"\x7f", b"a\x00"])
def test_another_key_is_refused_by_the_name_of_its_header(key: bytes) -> None:
    with pytest.raises(IdempotencyKeyWrong) as wrong:
        key_of([(b"idempotency-key", key)])

    assert "Idempotency-Key" in str(wrong.value)
    assert wrong.value.param == "Idempotency-Key"


def test_two_keys_are_one_too_many() -> None:
    with pytest.raises(IdempotencyKeyWrong):
        key_of([(b"idempotency-key", b"a"), (b"idempotency-key", b"a")])


def test_a_request_without_the_header_has_no_key() -> None:
    assert key_of([(b"x-idempotency-key", b"a")]) is None


@given(parts, parts)
def test_two_requests_have_one_digest_only_if_they_are_the_same(
    one: tuple[str, str, bytes, str], other: tuple[str, str, bytes, str]
) -> None:
    assert (digest_of(*one) == digest_of(*other)) is (one == other)
