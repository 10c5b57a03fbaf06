"""One chat completion upstream: a prompt out, its answer in, as events."""

from collections.abc import Callable

from agents.errors import ProviderDown, ProviderError
from agents.messages import Events, Prompt, Text
from agents.providers.chat_answer import Reading, read_whole
from agents.providers.failure import refusal
from agents.providers.transport import Answer, Transport

_PATH = "/chat/completions"
_SUCCESS = range(200, 300)


class Chat:
    """A provider that speaks chat completions over `transport`; `ask` writes a prompt as its vendor wants it."""

    def __init__(self, transport: Transport, ask: Callable[[Prompt], bytes]) -> None:
        self._transport = transport
        self._ask = ask

    async def stream(self, prompt: Prompt) -> Events:
        """Stream the answer; a whole one comes as one Text, a streamed one as one Text for each network read."""
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
                    raise reading.failure
            answer.finish()
            yield reading.done()
        finally:
            answer.close()

    async def aclose(self) -> None:
        """Close every connection to the provider."""
        await self._transport.aclose()


def _streams(answer: Answer, *, asked: bool) -> bool:
    """Whether to read events: as asked, unless the answer says that it is the other kind."""
    if asked:
        return answer.content_type != "application/json"
    return answer.content_type == "text/event-stream"


def _refused(answer: Answer) -> ProviderError:
    answer.finish()
    return refusal(answer.status, answer.retry_after)
