"""Audio through OpenAI's SDK: its own models, the embedded ones and whatever speaks the same wire."""

import asyncio
import re
from typing import Literal

import httpx2
from openai import AsyncOpenAI, OpenAIError, omit

from agents.messages import Done, Prompt
from agents.providers.audio_sound import read_events, read_pcm
from agents.providers.audio_transcript import read_transcript
from agents.providers.sdk_wire import NO_KEY, NOWHERE, Wire, client, malformed, rehearse
from agents.providers.transport import Transport

VOICE = "alloy"
# These transcribe as plain JSON only, without language or times, and speak as events, the last of which has the usage.
# Source: OpenAI, "Speech to text" guide; `stream_format` in the API reference, "Create speech".
_BY_TOKENS = re.compile(r"gpt-")
# Times of words take time of their own, and serve to join the parts of a recording, which are longer than this.
WORDS_FROM_S = 30


class OpenAI:
    """The SDK, with an HTTP client."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._sdk = AsyncOpenAI(api_key=NO_KEY, base_url=f"{NOWHERE}/v1", max_retries=0, timeout=None, http_client=http)

    async def hear(self, prompt: Prompt) -> Done:
        """Return the transcript of the prompt's clip."""
        clip, model = prompt.clip, prompt.model
        assert clip is not None  # noqa: S101 - what makes it a prompt of this kind
        timed = not _BY_TOKENS.match(model.upstream)
        grain: list[Literal["word", "segment"]] = ["segment", "word"] if clip.seconds > WORDS_FROM_S else ["segment"]
        with clip.wav() as wav:
            try:
                answer = await self._sdk.audio.transcriptions.with_raw_response.create(
                    file=("audio.wav", wav, "audio/wav"),
                    model=model.upstream,
                    language=prompt.language or omit,
                    response_format="verbose_json" if timed else "json",
                    timestamp_granularities=grain if timed else omit,
                )
            except OpenAIError:
                raise malformed() from None
        return await asyncio.to_thread(read_transcript, answer.content, model, clip.seconds)

    async def say(self, prompt: Prompt) -> Done:
        """Return the sound of the prompt's text."""
        model = prompt.model
        try:
            answer = await self._sdk.audio.speech.with_raw_response.create(
                input="".join(message.content for message in prompt.messages),
                model=model.upstream,
                voice=VOICE,
                response_format="pcm",
                stream_format="sse" if _BY_TOKENS.match(model.upstream) else omit,
                # Only the embedded voices are chosen by their language; others hear it in the text.
                extra_body={"language": prompt.language} if model.embedded and prompt.language else None,
            )
        except OpenAIError:
            raise malformed() from None
        headers = answer.headers
        media_type = headers["content-type"]
        if media_type.startswith("text/event-stream"):
            return await asyncio.to_thread(read_events, answer.content)
        return read_pcm(answer.content, media_type, headers.get("x-busy-seconds", ""))

    async def aclose(self) -> None:
        """Close the SDK's client."""
        await self._sdk.close()


def opened(transport: Transport) -> OpenAI:
    """Open the SDK on a transport."""
    rehearse(OpenAI)
    return OpenAI(client(Wire(transport)))
