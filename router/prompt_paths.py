"""Names of prompts in paths: a slash that is encoded belongs to the name, one that is not ends it (3.3.2)."""

from urllib.parse import unquote

from metering.middleware import Scope

BELOW = ("/api/v1/prompts/", "/api/public/v2/prompts/")
# Characters for private use, which no name has: the first stands for an encoded slash on its way to the route.
SLASH = "\ue000"
_NO_SLASH = "\ue001"


def keep_slashes(scope: Scope) -> None:
    """Keep the encoded slashes of a path apart from the others, if it is one of prompts.

    A server decodes a path before anybody routes by it, after which `a%2Fb` is `a/b`. Here it becomes one component,
    which `name_in` turns back. What a client writes as that character itself stays another one: no name has two
    spellings.
    """
    path: str = scope["path"]
    if not path.startswith(BELOW):
        return
    raw: bytes = scope.get("raw_path", b"")
    if SLASH not in path and b"%2F" not in raw and b"%2f" not in raw:
        return
    pieces = raw.replace(b"%2f", b"%2F").split(b"%2F")
    scope["path"] = SLASH.join(unquote(piece.decode("latin-1")).replace(SLASH, _NO_SLASH) for piece in pieces)


def name_in(component: str) -> str:
    """Return the name that a component of a path is, as the client wrote it."""
    return component.replace(SLASH, "/")
