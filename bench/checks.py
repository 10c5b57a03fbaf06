"""How an answer is checked: parsed to its end, the words upstream sent, its tokens as stated, a price above zero."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from payload import BEFORE, PROMPT, VARIANTS, answer, question

TEXTS = [answer(v).text for v in range(VARIANTS)]
TOKENS = [answer(v).total_tokens for v in range(VARIANTS)]


class Pricing(msgspec.Struct):
    """Euros of the answer."""

    total_cost: float


class Usage(msgspec.Struct):
    """Tokens of the answer."""

    total_tokens: int


class Receipt(msgspec.Struct):
    """The figures an answer of the gateway must carry; a null or a missing one fails to decode."""

    pricing: Pricing
    usage: Usage
    usage_source: str
    emissions: float = msgspec.field(name="emissions_kgCO2eq")


class Completion(msgspec.Struct):
    """A whole answer of the gateway."""

    response: str
    metadata: Receipt


class Piece(msgspec.Struct):
    """One stream event of the gateway; `metadata` is the receipt when `done`."""

    content: str
    done: bool
    metadata: msgspec.Raw


class Ran(msgspec.Struct):
    """The answer of a run of a kept prompt."""

    output: str
    metadata: Receipt


class RanPiece(msgspec.Struct):
    """One stream event of a run; the last one has the whole output and the receipt."""

    done: bool
    delta: str = ""
    output: str = ""
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class Message(msgspec.Struct, frozen=True):
    """The words of an OpenAI answer, or of one piece of it."""

    content: str | None = None


class Choice(msgspec.Struct):
    """One alternative of an OpenAI answer."""

    message: Message = Message()
    delta: Message = Message()


class Chat(msgspec.Struct):
    """An OpenAI answer, or one stream event of it."""

    choices: list[Choice]
    usage: Usage | None = None


COMPLETION = msgspec.json.Decoder(Completion)
PIECE = msgspec.json.Decoder(Piece)
RAN = msgspec.json.Decoder(Ran)
RAN_PIECE = msgspec.json.Decoder(RanPiece)
RECEIPT = msgspec.json.Decoder(Receipt)
CHAT = msgspec.json.Decoder(Chat)


class Wrong(ValueError):
    """The answer is not what upstream said."""


def completion_request(model: str, variant: int, *, stream: bool) -> bytes:
    """Return the body of a request to `/completion`, about 1.2 KB."""
    return msgspec.json.encode({"message": question(variant), "model": model, "agent": "V2", "stream": stream})


def completion_whole(body: bytearray, variant: int) -> None:
    """Check a whole answer of the gateway."""
    found = COMPLETION.decode(body)
    _same_text(found.response, variant)
    _paid(found.metadata, variant)


def completion_stream(body: bytearray, variant: int) -> None:
    """Check a stream of the gateway: every event parsed, exactly the last one done."""
    *pieces, last = PIECE.decode_lines(_events(body))
    if not last.done or any(piece.done for piece in pieces):
        raise Wrong("not exactly the last event is done")
    _same_text("".join([piece.content for piece in pieces]), variant)
    _paid(RECEIPT.decode(last.metadata), variant)


def talk_request(model: str, variant: int, *, stream: bool) -> bytes:
    """Return the body of a request to `/completion` with two turns before the question."""
    asked = {"message": question(variant), "model": model, "agent": "V2", "stream": stream}
    return msgspec.json.encode({**asked, "conversation_history": BEFORE})


def run_request(model: str, variant: int, *, stream: bool) -> bytes:
    """Return the body of a run of the kept prompt that says the same."""
    del model
    return msgspec.json.encode({"promptName": PROMPT, "variables": {"question": question(variant)}, "stream": stream})


def run_whole(body: bytearray, variant: int) -> None:
    """Check the answer of a run."""
    found = RAN.decode(body)
    _same_text(found.output, variant)
    _paid(found.metadata, variant)


def run_stream(body: bytearray, variant: int) -> None:
    """Check the stream of a run: its deltas, and the whole answer in the last event."""
    *pieces, last = RAN_PIECE.decode_lines(_events(body))
    if not last.done or any(piece.done for piece in pieces):
        raise Wrong("not exactly the last event is done")
    _same_text("".join([piece.delta for piece in pieces]), variant)
    _same_text(last.output, variant)
    _paid(RECEIPT.decode(last.metadata), variant)


def chat_request(model: str, variant: int, *, stream: bool) -> bytes:
    """Return the body of an OpenAI chat request, about 1.2 KB."""
    asked: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": question(variant)}]}
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(asked)


def chat_whole(body: bytearray, variant: int) -> None:
    """Check a whole OpenAI answer."""
    found = CHAT.decode(body)
    _same_text(found.choices[0].message.content or "", variant)
    _counted(found.usage, variant)


def chat_stream(body: bytearray, variant: int) -> None:
    """Check an OpenAI stream: every event parsed, the usage stated in the last one, the end mark there."""
    mark = b"data: [DONE]\n\n"
    if not body.endswith(mark):
        raise Wrong("no end mark")
    events = CHAT.decode_lines(_events(body[: -len(mark)]))
    _same_text("".join([event.choices[0].delta.content or "" for event in events if event.choices]), variant)
    _counted(events[-1].usage, variant)


def _events(body: bytearray) -> bytearray:
    if body.startswith(b":") or b"\n\n:" in body:
        kept = [event for event in body.split(b"\n\n") if not event.startswith(b":")]
        body = bytearray(b"\n\n").join(kept)
    if not (body.startswith(b"data: ") and body.endswith(b"\n\n")):
        raise Wrong("not a sequence of events")
    return body[6:].replace(b"\n\ndata: ", b"\n")


def _same_text(text: str, variant: int) -> None:
    if text != TEXTS[variant]:
        raise Wrong(f"question {variant}: {len(text)} characters differ from the {len(TEXTS[variant])} sent")


def _counted(usage: Usage | None, variant: int) -> None:
    if usage is None or usage.total_tokens != TOKENS[variant]:
        raise Wrong(f"question {variant}: {usage} where upstream stated {TOKENS[variant]}")


def _paid(receipt: Receipt, variant: int) -> None:
    _counted(receipt.usage, variant)
    if not receipt.pricing.total_cost > 0:
        raise Wrong("a total cost that is not above zero")
    if not receipt.emissions > 0 or receipt.usage_source != "provider":
        raise Wrong(f"emissions {receipt.emissions}, usage from {receipt.usage_source}")


@dataclass(frozen=True)
class Shape:
    """How one kind of service is asked, and how its answers are checked (Wrong or a decoding error when not right)."""

    request: Callable[..., bytes]
    whole: Callable[[bytearray, int], None]
    stream: Callable[[bytearray, int], None]


SHAPES = {
    "completion": Shape(completion_request, completion_whole, completion_stream),
    "talk": Shape(talk_request, completion_whole, completion_stream),
    "run": Shape(run_request, run_whole, run_stream),
    "chat": Shape(chat_request, chat_whole, chat_stream),
}
