"""What clients may send as text, closed type by type, and what the socket itself tells them (2.6.1, 2.6.2)."""

from contextlib import suppress
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from agents.voice.candidate import Candidate
from agents.voice.turns import Ask
from router.decoding import decode
from router.errors import Refused
from router.requests import DEFAULT_AGENT, MOST_SOURCES

MOST_TEXT_BYTES = 65_536
MOST_RATE = 48_000

Name = Annotated[str, Meta(min_length=1, max_length=256)]


class Frame(Struct, frozen=True, forbid_unknown_fields=True):
    """Any text frame."""

    type: str
    payload: Raw = Raw(b"{}")


class Asking(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a client may say of the turns that follow (2.6.4)."""

    model: Name | None = None
    agent: str | None = None
    agent_type: str | None = None
    project_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    sources: Annotated[tuple[str, ...], Meta(max_length=MOST_SOURCES)] = ()

    def ask(self) -> Ask:
        """Return it in the words of the conversation.

        Raises:
            Refused: Two fields contradict each other, or one needs another.

        """
        if self.agent is not None and self.agent_type is not None and self.agent != self.agent_type:
            raise Refused(
                "invalid_request",
                "« agent » et « agent_type » se contredisent ; n'envoyez que « agent »",
                param="agent_type",
            )
        if self.sources and self.project_id is None:
            raise Refused("invalid_request", "« sources » demande « project_id »", param="sources")
        agent = self.agent or self.agent_type or DEFAULT_AGENT
        return Ask(model=self.model, agent=agent, project_id=self.project_id, sources=self.sources)


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """`ping`, `audio.end`, `interrupt`, `cancel`: their type says all."""


class Credential(Struct, frozen=True, forbid_unknown_fields=True):
    """`auth`."""

    token: Annotated[str, Meta(min_length=1, max_length=4096)]


class WrittenMessage(Asking, frozen=True, kw_only=True):
    """`message`."""

    text: str


class Offer(Asking, frozen=True, kw_only=True):
    """`offer`."""

    sdp: Annotated[str, Meta(min_length=1)]
    type: Literal["offer"] = "offer"


class CandidateInit(Struct, frozen=True, forbid_unknown_fields=True):
    """A way to reach the peer, as browsers write it; an empty `candidate` says that there are no others."""

    candidate: str = ""
    sdpMid: str | None = None  # noqa: N815 - the browser's own name
    sdpMLineIndex: Annotated[int, Meta(ge=0, le=65_535)] | None = None  # noqa: N815 - as above
    usernameFragment: str | None = None  # noqa: N815 - as above

    def in_words(self) -> Candidate:
        """Return it in the words of the conversation."""
        return Candidate(self.candidate, self.sdpMid, self.sdpMLineIndex, self.usernameFragment)


class NestedCandidate(Struct, frozen=True, forbid_unknown_fields=True):
    """The same within one more object, as many pages send it; null says that there are no others."""

    candidate: CandidateInit | None


class SoundBegins(Asking, frozen=True, kw_only=True):
    """`audio.start`: binary frames follow."""

    format: Literal["pcm16", "opus"] = "pcm16"
    rate: Annotated[int, Meta(ge=8_000, le=MOST_RATE)] = 16_000


Sent = Nothing | Credential | WrittenMessage | Offer | CandidateInit | SoundBegins
TYPES: dict[str, type[Sent]] = {
    "auth": Credential,
    "message": WrittenMessage,
    "ping": Nothing,
    "offer": Offer,
    "ice-candidate": CandidateInit,
    "audio.start": SoundBegins,
    "audio.end": Nothing,
    "interrupt": Nothing,
    "cancel": Nothing,
}
_frame = msgspec.json.Decoder(Frame)
_nested = msgspec.json.Decoder(NestedCandidate)
_payloads = {name: msgspec.json.Decoder(shape) for name, shape in TYPES.items()}


def read(text: str) -> tuple[str, Sent]:
    """Return the type of a text frame and its payload.

    Raises:
        Refused: `invalid_request`, naming the field, or `body_too_large`.

    """
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > MOST_TEXT_BYTES:
        raise Refused("body_too_large", f"un message texte a au plus {MOST_TEXT_BYTES} octets")
    frame = decode(_frame, body)
    decoder = _payloads.get(frame.type)
    if decoder is None:
        raise Refused("invalid_request", f"« type » doit être {', '.join(TYPES)}", param="type")
    if frame.type == "ice-candidate":
        with suppress(msgspec.ValidationError):
            return frame.type, _nested.decode(frame.payload).candidate or CandidateInit()
    return frame.type, decode(decoder, bytes(frame.payload))


class Connected(Struct, frozen=True):
    """`connected`: the session, and whose it is: `required` until a credential comes, else `anonymous` or `token`."""

    session_id: str
    auth: Literal["required", "anonymous", "token"]


class Pong(Struct, frozen=True):
    """`pong`: the time here, in milliseconds of the epoch."""

    ts: int


class Answer(Struct, frozen=True):
    """`answer`: to an offer."""

    sdp: str
    type: Literal["answer"] = "answer"


class Failure(Struct, frozen=True, omit_defaults=True):
    """`error`: in one of the codes of C-10."""

    code: str
    message: str
    param: str | None = None


class Closing(Struct, frozen=True):
    """`closing`: why the session ends, told before its close code."""

    code: int
    reason: str
