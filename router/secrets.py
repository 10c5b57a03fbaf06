"""Secrets: what makes one too weak, and the ones that development makes for itself."""

import os
import secrets as randomness
from pathlib import Path

LEAST_BYTES = 32
LEAST_DISTINCT = 8
MEND = "make one with `openssl rand -base64 48`"
# What defaults and examples are made of: a secret with little else in it is known to everybody.
KNOWN_PARTS = (
    "a-string-secret-at-least-256-bits-long",
    "your-256-bit-secret",
    "change",
    "default",
    "example",
    "insecure",
    "password",
    "secret",
    "sk-admin-",
    "sk-1234",
    "test",
    "your",
    "me",
    "key",
    "jwt",
    "0123456789",
    "abcdef",
)


def too_short(secret: str) -> str | None:
    """Return why the secret is too short, and the mend; None when it is long enough."""
    if len(secret.encode()) < LEAST_BYTES:
        return f"is shorter than {LEAST_BYTES} bytes; {MEND}"
    return None


def weakness(secret: str) -> str | None:
    """Return why the secret may not guard production, and the mend; None when it may."""
    if len(set(secret)) < LEAST_DISTINCT:
        return f"has fewer than {LEAST_DISTINCT} different characters; {MEND}"
    rest = secret.lower()
    for part in KNOWN_PARTS:
        rest = rest.replace(part, "")
    if len(set(rest)) < LEAST_DISTINCT:
        return f"is a well-known example; {MEND}"
    return too_short(secret)


def own_secret(folder: Path, name: str) -> str:
    """Return the secret kept in `folder`, made once with 384 random bits and readable by its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(randomness.token_urlsafe(48))
        try:
            # A link appears whole or not at all, and the first of several makers wins.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii").strip()
