"""A chat completion as it comes, whole or in pieces, read into text, usage and the reason it ended."""

from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.json import Decoder

from agents.errors import AnswerCut, ProviderDown, ProviderError
from agents.messages import Done
from agents.providers.failure import failure
from agents.providers.sse import EventStream
from agents.providers.vendor_usage import read_usage
from metering.usage import UsageAbsurd

_NULL = Raw(b"null")
_END = b"[DONE]"


class Part(Struct, gc=False):
    """One part of a content list; only those of type `text` are part of the answer (others hold its thinking)."""

    type: str = ""
    text: str | None = None


class Words(Struct, gc=False):
    """A message, or the piece of one; a refusal is told instead of content."""

    content: str | list[Part] | None = None
    refusal: str | None = None


class Choice(Struct, gc=False):
    """One answer: `message` in a whole one, `delta` in a stream."""

    message: Words | None = None
    delta: Words | None = None
    finish_reason: str | None = None


class Completion(Struct, gc=False):
    """A whole answer or a chunk of one; `usage` stays JSON, so that an absurd one never breaks an answer."""

    choices: list[Choice] | UnsetType | None = UNSET
    usage: Raw = _NULL
    error: Raw = _NULL


_decode = Decoder(Completion).decode


def read_whole(body: bytes) -> tuple[str, Done]:
    """Return the text and the end of an answer that came in one piece.

    Raises:
        ProviderDown: It is not an answer.

    """
    try:
        completion = _decode(body)
    except (ValueError, RecursionError):
        raise failure(ProviderDown, "malformed", accepted=True) from None
    if completion.error != _NULL:
        raise failure(ProviderDown, "error_object")
    choice = completion.choices[0] if completion.choices else Choice()
    if choice.message is None:
        raise failure(ProviderDown, "malformed", accepted=True)
    text = _text(choice.message)
    if not text and choice.finish_reason is None:
        raise failure(ProviderDown, "malformed", accepted=True)
    return text, _done(completion.usage, choice.finish_reason, wrote=bool(text))


class Reading:
    """A streamed answer being read.

    Attributes:
        wrote: Text has come.
        ended: The provider said that the answer is complete.
        failure: What broke the answer, until it is raised; text that came before it has been returned.

    """

    __slots__ = ("_events", "_finish_reason", "_usage", "ended", "failure", "wrote")

    def __init__(self) -> None:
        self.wrote = False
        self.ended = False
        self.failure: ProviderError | None = None
        self._events = EventStream()
        self._finish_reason: str | None = None
        self._usage = _NULL

    def take(self, chunk: bytes) -> list[str]:
        """Return the pieces of text that `chunk` completes, in order; an empty chunk is the end of the body."""
        pieces: list[str] = []
        try:
            for event in self._events.feed(chunk):
                if event == _END:
                    self.ended = True
                    break
                if event and not self._add(_decode(event), pieces):
                    break
        except (ValueError, RecursionError):
            self.wrote = self.wrote or bool(pieces)
            self.failure = self.broken("malformed")
        if pieces:
            self.wrote = True
        if not chunk or self.ended:
            self._end()
        return pieces

    def done(self) -> Done:
        """Return the end of the answer, with the last usage that was told."""
        return _done(self._usage, self._finish_reason, wrote=self.wrote)

    def fail(self) -> None:
        """Raise what broke the answer, if anything did."""
        failed, self.failure = self.failure, None
        try:
            if failed is not None:
                raise failed
        finally:
            # An error holds the frames it passed: one that is held by any of them would wait for the collector.
            del failed

    def broken(self, code: str) -> ProviderError:
        """Return the error of an answer that broke off here."""
        return failure(AnswerCut if self.wrote else ProviderDown, code, accepted=True)

    def _add(self, chunk: Completion, pieces: list[str]) -> bool:
        if chunk.usage != _NULL:
            self._usage = chunk.usage
        if chunk.error != _NULL:
            self.wrote = self.wrote or bool(pieces)
            # An error in place of an answer owes nothing; one that follows text owes what came.
            self.failure = self.broken("error_object") if self.wrote else failure(ProviderDown, "error_object")
            return False
        if chunk.choices is UNSET and chunk.usage == _NULL:
            self.wrote = self.wrote or bool(pieces)
            self.failure = self.broken("error_object")
            return False
        if chunk.choices:
            choice = chunk.choices[0]
            words = choice.delta or choice.message
            if words is not None:
                content = words.content
                text = content if isinstance(content, str) else _text(words)
                if text:
                    pieces.append(text)
            if choice.finish_reason is not None:
                self._finish_reason = choice.finish_reason
        return True

    def _end(self) -> None:
        # Without the end mark only a finish reason tells a complete answer from one that was cut.
        if self.failure is None and self._finish_reason is None and not (self.ended and self.wrote):
            self.failure = self.broken("cut" if self.wrote else "malformed")
        self.ended = True


def _text(words: Words) -> str:
    content = words.content
    if content is None:
        return words.refusal or ""
    if isinstance(content, str):
        return content
    return "".join(part.text or "" for part in content if part.type == "text")


def _done(usage: Raw, finish_reason: str | None, *, wrote: bool) -> Done:
    if usage == _NULL:
        return Done(finish_reason=finish_reason)
    try:
        return Done(usage=read_usage(usage, wrote=wrote), finish_reason=finish_reason)
    except UsageAbsurd as absurd:
        return Done(usage_refused=str(absurd), finish_reason=finish_reason)
