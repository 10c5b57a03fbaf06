"""One call upstream, chat, embeddings or audio: a prompt out, its answer in, as events."""

from collections.abc import Callable

from agents.errors import ProviderDown, ProviderError
from agents.messages import Events, Prompt, Text
from agents.providers import embeddings
from agents.providers.audio import Audio
from agents.providers.chat_answer import Reading, read_whole
from agents.providers.failure import refusal
from agents.providers.transport import Answer, Transport

_PATH = "/chat/completions"
_SUCCESS = range(200, 300)


class Chat:
    """A provider that speaks chat completions and embeddings, and hears and says what its audio models can.

    Args:
        transport: How it is reached.
        ask: Writes a prompt to a chat model as its vendor wants it.
        ask_to_embed: Writes a prompt to an embeddings model.
        audio: Asks its audio models.

    """

    def __init__(
        self,
        transport: Transport,
        ask: Callable[[Prompt], bytes],
        ask_to_embed: Callable[[Prompt], bytes],
        audio: Audio,
    ) -> None:
        self._transport = transport
        self._ask = ask
        self._ask_to_embed = ask_to_embed
        self._audio = audio

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer.

        Of chat a whole one comes as one Text, a streamed one as one Text for each network read; all else comes at once.
        """
        if prompt.model.kind == "chat":
            return self._chat(prompt)
        return self._embed(prompt) if prompt.model.kind == "embeddings" else self._audio.stream(prompt)

    async def _embed(self, prompt: Prompt) -> Events:
        answer = await self._transport.post(embeddings.PATH, self._ask_to_embed(prompt))
        try:
            if answer.status not in _SUCCESS:
                raise _refused(answer)
            yield await embeddings.read_vectors(await answer.body(), len(prompt.messages))
        finally:
            answer.close()

    async def _chat(self, prompt: Prompt) -> Events:
        answer = await self._transport.post(_PATH, self._ask(prompt))
        try:
            if answer.status not in _SUCCESS:
                raise _refused(answer)
            if not _streams(answer, asked=prompt.stream):
                text, done = read_whole(await answer.body())
                yield Text([text])
                yield done
                return
            reading = Reading()
            while not reading.ended:
                try:
                    chunk = await answer.read()
                except ProviderDown as failed:
                    raise reading.broken(failed.code) from None
                pieces = reading.take(chunk)
                if pieces:
                    yield Text(pieces)
                if reading.failure is not None:
                    reading.fail()
            answer.finish()
            yield reading.done()
        finally:
            answer.close()

    async def aclose(self) -> None:
        """Close every connection to the provider."""
        await self._audio.aclose()
        await self._transport.aclose()


def _streams(answer: Answer, *, asked: bool) -> bool:
    """Whether to read events: as asked, unless the answer says that it is the other kind."""
    if asked:
        return answer.content_type != "application/json"
    return answer.content_type == "text/event-stream"


def _refused(answer: Answer) -> ProviderError:
    answer.finish()
    return refusal(answer.status, answer.retry_after)
