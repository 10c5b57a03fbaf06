"""Audio through Mistral's SDK: Voxtral hears and speaks."""

import asyncio
from typing import TYPE_CHECKING

import httpx2
from mistralai.client import Mistral
from mistralai.client._hooks.sdkhooks import SDKHooks
from mistralai.client.errors import MistralError, NoResponseError, ResponseValidationError
from mistralai.client.models import File
from mistralai.client.utils.logger import NoOpLogger

from agents.messages import Done, Prompt
from agents.providers.audio_sound import read_wav
from agents.providers.audio_transcript import read_transcript
from agents.providers.sdk_wire import NO_KEY, NOWHERE, Wire, client, malformed, rehearse
from agents.providers.transport import Transport

if TYPE_CHECKING:
    from mistralai.client.models import TimestampGranularity

# Each voice speaks its own language. Source: Mistral, "Text to speech", preset voices.
VOICES = {"fr": "fr_marie_neutral", "en": "en_paul_neutral"}
VOICE = VOICES["en"]


class MistralAI:
    """The SDK, with an HTTP client."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._unused = httpx2.Client(transport=httpx2.BaseTransport(), trust_env=False)
        self._sdk = Mistral(
            api_key=NO_KEY,
            server_url=NOWHERE,
            # It would open one of its own, with certificates and proxies.
            client=self._unused,
            async_client=http,
            # The debug logger that a variable of the environment turns on writes keys.
            debug_logger=NoOpLogger(),
        )
        # Its hooks read tokens from files that the environment names, and can send traces of what is asked elsewhere.
        hooks: SDKHooks = self._sdk.sdk_configuration.__dict__["_hooks"]
        for registered in (hooks.before_request_hooks, hooks.after_success_hooks, hooks.after_error_hooks):
            registered.clear()

    async def hear(self, prompt: Prompt) -> Done:
        """Return the transcript of the prompt's clip; with a language it has no times, for the API gives no both."""
        clip, model = prompt.clip, prompt.model
        assert clip is not None  # noqa: S101 - what makes it a prompt of this kind
        grain: list[TimestampGranularity] | None = None if prompt.language else ["segment"]
        with clip.wav() as wav:
            try:
                answer = await self._sdk.audio.transcriptions.complete_async(
                    model=model.upstream,
                    file=File(file_name="audio.wav", content=wav, content_type="audio/wav"),
                    language=prompt.language,
                    timestamp_granularities=grain,
                )
                body = answer.model_dump_json().encode()
            except ResponseValidationError as odd:
                # What it takes exception to may be no more than the usage.
                body = odd.body.encode()
            except (MistralError, NoResponseError):
                raise malformed() from None
        return await asyncio.to_thread(read_transcript, body, model, clip.seconds)

    async def say(self, prompt: Prompt) -> Done:
        """Return the sound of the prompt's text."""
        try:
            answer = await self._sdk.audio.speech.complete_async(
                model=prompt.model.upstream,
                input="".join(message.content for message in prompt.messages),
                voice_id=VOICES.get(prompt.language or "", VOICE),
                # Its bare samples are of another kind than everybody's; a WAV says which.
                response_format="wav",
            )
        except (MistralError, NoResponseError):
            raise malformed() from None
        return await asyncio.to_thread(read_wav, answer.audio_data)

    async def aclose(self) -> None:
        """Close the SDK's clients."""
        self._unused.close()
        await self._http.aclose()


def opened(transport: Transport) -> MistralAI:
    """Open the SDK on a transport."""
    rehearse(MistralAI)
    return MistralAI(client(Wire(transport)))
