"""What the bench asks and what its upstream answers: sixteen questions, each with an answer of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice

import msgspec

VARIANTS = 16
PIECES = 100
MODELS = ("bench-fast", "bench-slow")
MARK = "Dossier "
# Accents, quotes and characters outside the basic plane: what a gateway re-encodes is where it errs.
WORDS = (
    "La facture d'énergie",
    " d'un « petit » modèle",
    " reste à vérifier:",
    " 3 € de calcul,",
    ' "mesurés" 🌍 par',
    " kilomètre\n",
    " de réseau parcouru",
    " selon l'heure et",
    " la zone du",
    " centre de données.",
    " Puis vient",
)


@dataclass(frozen=True)
class Answer:
    """One answer as upstream states it; `cost_eur` is only stated by the stand-in for a gateway."""

    pieces: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int = 300
    cost_eur: float = 0.0042

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)

    @property
    def total_tokens(self) -> int:
        """Tokens read and generated."""
        return self.prompt_tokens + self.completion_tokens


@cache
def answer(variant: int) -> Answer:
    """Return the answer to question `variant`: no two have the same text or the same token counts."""
    words = islice(cycle(WORDS), variant, None)
    return Answer(pieces=(f"[{variant:02d}]", *islice(words, PIECES - 1)), prompt_tokens=240 + variant)


@cache
def question(variant: int) -> str:
    """Return question `variant`, about 1 KB; upstream finds its number after the mark."""
    return f"{MARK}{variant:02d} : " + "résume ce relevé de consommation en trois phrases, puis chiffre-le. " * 15


BEFORE = (
    {"role": "user", "content": "Bonjour, de quoi parle ce relevé ?"},
    {"role": "assistant", "content": "De mars."},
)
PROMPT = "bench"  # the name of a kept prompt that says the same: these turns, then the question, a variable of it


def chat_whole(given: Answer, model: str) -> bytes:
    """Return `given` as an OpenAI chat completion, about 2.3 KB."""
    message = {"role": "assistant", "content": given.text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return msgspec.json.encode(
        {**_chat_head(model), "object": "chat.completion", "choices": [choice], "usage": _chat_usage(given)}
    )


def chat_events(given: Answer, model: str, *, usage: bool) -> Iterator[bytes]:
    """Yield `given` as OpenAI stream events: the pieces, the stop, the usage when asked for, the end mark."""
    head = {**_chat_head(model), "object": "chat.completion.chunk"}

    def event(**fields: object) -> bytes:
        return b"data: " + msgspec.json.encode({**head, "usage": None, **fields}) + b"\n\n"

    def choices(delta: dict[str, object], finish: str | None = None) -> list[object]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]

    role: dict[str, object] = {"role": "assistant", "refusal": None}
    for piece in given.pieces:
        yield event(choices=choices({**role, "content": piece}))
        role = {}
    yield event(choices=choices({}, "stop"))
    if usage:
        yield event(choices=[], usage=_chat_usage(given))
    yield b"data: [DONE]\n\n"


def receipt_whole(given: Answer, model: str) -> bytes:
    """Return `given` in the gateway's own shape: it lets the checks be checked without a gateway."""
    return msgspec.json.encode({"response": given.text, "model": model, "metadata": _receipt(given)})


def receipt_events(given: Answer, model: str) -> Iterator[bytes]:
    """Yield `given` as the gateway's stream events; the last carries the receipt."""
    rows: list[dict[str, object]] = [
        {"content": piece, "done": False, "metadata": {"model": model, "agent": "V2"}} for piece in given.pieces
    ]
    rows.append({"content": "", "done": True, "metadata": _receipt(given)})
    for row in rows:
        yield b"data: " + msgspec.json.encode(row) + b"\n\n"


def _chat_head(model: str) -> dict[str, object]:
    return {
        "id": "chatcmpl-BenchBenchBenchBenchBench00",
        "created": 1_790_000_000,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_bench0000",
    }


def _chat_usage(given: Answer) -> dict[str, object]:
    return {
        "prompt_tokens": given.prompt_tokens,
        "completion_tokens": given.completion_tokens,
        "total_tokens": given.total_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _receipt(given: Answer) -> dict[str, object]:
    return {
        "usage": {"total_tokens": given.total_tokens},
        "usage_source": "provider",
        "emissions_kgCO2eq": 0.000123,
        "pricing": {"currency": "EUR", "total_cost": given.cost_eur},
    }
