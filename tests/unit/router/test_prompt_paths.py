"""A prompt's name in a path is what the client wrote, its encoded slashes among it, and nothing else is."""

import pytest

from router.prompt_paths import SLASH, keep_slashes, name_in


def routed(path: str, raw: bytes) -> str:
    scope = {"type": "http", "path": path, "raw_path": raw}
    keep_slashes(scope)
    return scope["path"]


@pytest.mark.parametrize(
    ("path", "raw", "components"),
    [
        ("/api/v1/prompts/a/b", b"/api/v1/prompts/a%2Fb", ["a/b"]),
        ("/api/v1/prompts/a/b", b"/api/v1/prompts/a%2fb", ["a/b"]),
        ("/api/v1/prompts/a/b/versions", b"/api/v1/prompts/a%2Fb/versions", ["a/b", "versions"]),
        ("/api/v1/prompts/a/b/versions", b"/api/v1/prompts/a/b%2Fversions", ["a", "b/versions"]),
        ("/api/public/v2/prompts/é /b", b"/api/public/v2/prompts/%C3%A9%20%2Fb", ["é /b"]),
        # Decoded once, as every server does: a doubled escape is text of the name.
        ("/api/v1/prompts/a%2Fb", b"/api/v1/prompts/a%252Fb", ["a%2Fb"]),
        ("/api/v1/prompts/%/", b"/api/v1/prompts/%%2F", ["%/"]),
        ("/api/v1/prompts/%2", b"/api/v1/prompts/%2", ["%2"]),
        ("/api/v1/prompts/../x", b"/api/v1/prompts/..%2Fx", ["../x"]),
        ("/api/v1/prompts/\x00/", b"/api/v1/prompts/%00%2F", ["\x00/"]),
        # What is no UTF-8 is replaced, on either side of a slash.
        ("/api/v1/prompts/\ufffd/\ufffd", b"/api/v1/prompts/%C3%2F%A9", ["\ufffd/\ufffd"]),
    ],
)
def test_encoded_slash_is_part_of_the_name(path: str, raw: bytes, components: list[str]) -> None:
    found = routed(path, raw).partition("prompts/")[2]

    assert [name_in(component) for component in found.split("/")] == components


def test_no_name_has_two_spellings() -> None:
    """What stands for a slash inside is not what a client can write for one."""
    found = routed(f"/api/v1/prompts/a{SLASH}b", b"/api/v1/prompts/a%EE%80%80b")

    assert name_in(found.rpartition("/")[2]) not in {"a/b", f"a{SLASH}b"}


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/api/v1/prompts/a b", b"/api/v1/prompts/a%20b"),
        ("/projects/a/b", b"/projects/a%2Fb"),
        ("/api/v1/keys/a/b", b"/api/v1/keys/a%2Fb"),
        ("/api/v1/prompts", b"/api/v1/prompts"),
    ],
)
def test_other_paths_stay_as_they_are(path: str, raw: bytes) -> None:
    assert routed(path, raw) == path


def test_an_encoded_slash_before_the_name_leads_nowhere() -> None:
    assert not routed("/api/v1/prompts/x", b"/api%2Fv1/prompts/x").startswith("/api/v1/")
