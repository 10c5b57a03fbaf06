"""Tokens counted offline from verified vocabulary files, for prompts and for answers whose provider gave no usage."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Literal

import tiktoken
from msgspec import Struct

from pricing_tables.model import Tokenizer

# Past a million blanks in a row the regular expression panics; slices of this length are as exact to 0.04 % of prose.
SLICE_CHARS = 16_000
# Counting more than this takes over a second of a core: the estimate by bytes is good enough there.
MOST_BYTES = 2_000_000
BYTES_PER_TOKEN = 4

# A letter's case classes as both families cut words, and what follows a word in each.
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_REST = r"\s*[\r\n]+|\s+(?!\S)|\s+"


def _words(ending: str, digits: str) -> str:
    """Spell the pattern that o200k and tekken share but for contractions and the length of numbers."""
    head = r"[^\r\n\p{L}\p{N}]?"
    return (
        f"{head}{_UPPER}*{_LOWER}+{ending}|{head}{_UPPER}+{_LOWER}*{ending}|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_REST}"
    )


class Vocabulary(Struct, frozen=True, kw_only=True):
    """A vocabulary file as it lies in the tokenizers folder: lines of base64 bytes and rank.

    `file` is the name that tiktoken's own cache gives it (the SHA-1 of its address) where it has one.
    `pattern` cuts text before merging; it belongs to the vocabulary.
    """

    file: str
    sha256: str
    size: int
    pattern: str


# Names, hashes and patterns: tiktoken 0.14.0, tiktoken_ext/openai_public.py. tekken: the first 130 072 entries of
# Mistral's tekken_240718.json, and the pattern in its `config`.
VOCABULARIES: dict[Tokenizer, Vocabulary] = {
    "cl100k_base": Vocabulary(
        file="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        size=1_681_126,
        pattern=r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "o200k_base": Vocabulary(
        file="fb374d419588a4632f3f557e76b4b70aebbca790",
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        size=3_613_922,
        pattern=_words(_CONTRACTION, r"\p{N}{1,3}"),
    ),
    "tekken": Vocabulary(
        file="tekken_240718.tiktoken",
        sha256="64a081edb3cbb8639a4eea9a7135ab9a0467c50676c672b217ba655f4d50e127",
        size=2_269_158,
        pattern=_words("", r"\p{N}"),
    ),
}


class Counted(Struct, frozen=True):
    """A count and where it comes from; "bytes" is an estimate the caller must warn of."""

    tokens: int
    source: Literal["tokenizer", "bytes"]


class Tokens:
    """Counts tokens without the network, off the event loop, one text at a time.

    A single thread of its own loads each vocabulary at its first use (0.3 s and up to 50 MB each; the interpreter is
    held once for 0.1 to 0.2 s of it) and counts: hostile texts queue behind each other, never before a request.
    """

    def __init__(self, tokenizers_dir: Path) -> None:
        self._dir = tokenizers_dir
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokens")
        self._encodings: dict[Tokenizer, tiktoken.Encoding | None] = {}

    async def count(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Counted:
        """Count the tokens of `texts`; nothing in a text has a special meaning.

        The count is ceil(UTF-8 bytes / 4), marked "bytes", when the texts together pass 2 MB or when the vocabulary
        is missing or not the published one.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._count, tokenizer, tuple(texts))

    async def count_prompt(self, tokenizer: Tokenizer, turns: Sequence[tuple[str, str]]) -> Counted:
        """Count a conversation of (role, content) turns as its provider's chat template frames it.

        Source: OpenAI cookbook, How to count tokens with tiktoken (3 a message, its role, 3 for the reply);
        mistral-common 1.13.1 (one to begin, two around a user or system turn, one to end an assistant's).

        """
        counted = await self.count(tokenizer, [content for _, content in turns])
        return Counted(counted.tokens + _framing(tokenizer, [role for role, _ in turns]), counted.source)

    def close(self) -> None:
        """End the thread, dropping counts that have not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _count(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Counted:
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        encoding = self._encoding(tokenizer) if size <= MOST_BYTES else None
        if encoding is None:
            return Counted(-(-size // BYTES_PER_TOKEN), "bytes")
        return Counted(sum(_tokens(encoding, text) for text in texts), "tokenizer")

    def _encoding(self, tokenizer: Tokenizer) -> tiktoken.Encoding | None:
        if tokenizer not in self._encodings:
            self._encodings[tokenizer] = _load(tokenizer, self._dir)
        return self._encodings[tokenizer]


def counter(tokenizer: Tokenizer, tokenizers_dir: Path) -> Callable[[str], int]:
    """Load a vocabulary here and now, and return what counts a text with it; a quarter of its bytes without it."""
    encoding = _load(tokenizer, tokenizers_dir)
    if encoding is None:
        return lambda text: -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
    return lambda text: _tokens(encoding, text)


def _tokens(encoding: tiktoken.Encoding, text: str) -> int:
    slices = (text[start : start + SLICE_CHARS] for start in range(0, len(text), SLICE_CHARS))
    return sum(len(encoding.encode_ordinary(part)) for part in slices)


def _framing(tokenizer: Tokenizer, roles: Sequence[str]) -> int:
    if tokenizer == "tekken":
        return 1 + sum(1 if role == "assistant" else 2 for role in roles)
    return 3 + 4 * len(roles)


def _load(tokenizer: Tokenizer, folder: Path) -> tiktoken.Encoding | None:
    """Build the encoding from bytes that were verified: tiktoken's own loader would download on a mismatch."""
    vocabulary = VOCABULARIES[tokenizer]
    ranks = _ranks(vocabulary, folder)
    if not ranks:
        return None
    encoding = tiktoken.Encoding(tokenizer, pat_str=vocabulary.pattern, mergeable_ranks=ranks, special_tokens={})
    # It counts with its own copy and would keep this one as well, a third of what a vocabulary takes.
    ranks.clear()
    return encoding


def _ranks(vocabulary: Vocabulary, folder: Path) -> dict[bytes, int]:
    """Return the rank of each token; none when the file is missing or not the published one."""
    try:
        data = (folder / vocabulary.file).read_bytes()
    except OSError:
        return {}
    if hashlib.sha256(data).hexdigest() != vocabulary.sha256:
        return {}
    # Line by line: a list of all lines would take four times the file.
    pairs = (line.split() for line in BytesIO(data))
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
