"""The models as one request sees them: every try on its meter and covered, tried again as their provider allows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing

import msgspec

from accounts.gate.gate import Hold
from agents.audio.clip import Clip
from agents.audio.languages import likely_language
from agents.errors import ModelUnavailable, ProviderDown
from agents.messages import Done, Events, Message, Prompt, Sound, Transcript
from agents.providers.failure import failure
from agents.providers.metered import MeteredTry
from agents.providers.provider import Provider
from agents.providers.retry import Retry, RetryPolicy
from agents.providers.sizes import size_of
from agents.window import most_output
from metering.bound import Bound, Size
from metering.call import Call
from metering.meter import Meter
from pricing_tables.model import Model

# What one embeddings call takes: half of the least that a vendor limits a call to (Mistral: 16 384 tokens), by bytes.
MOST_TEXTS = 64
MOST_TEXT_BYTES = 24_000


class Models:
    """What a pipeline is given.

    Args:
        providers: Reaches every model.
        policies: By provider name.
        meter: Of the request.
        hold: What the request holds of its budgets, extended where a call needs more; None where nothing applies.
        max_tokens: How much an answer may have where a hard budget applies and the caller said nothing.

    """

    def __init__(
        self,
        providers: Provider,
        policies: Mapping[str, RetryPolicy],
        meter: Meter,
        hold: Hold | None = None,
        max_tokens: int = 4096,
    ) -> None:
        self._providers = providers
        self._policies = policies
        self._meter = meter
        self._hold = hold if hold is not None and hold.bounded else None
        self._max_tokens = max_tokens

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer of the prompt's model; each try is a call on the meter.

        Raises:
            BudgetSpent: A hard budget cannot cover the call.
            FootprintUnknown: One in grams applies, and the model's have no bound.

        """
        policy = self._policies[prompt.model.provider]
        if self._hold is None:
            return Retry(self._providers, policy, self._begin).stream(prompt)
        return Retry(self._providers, policy, self._begin, self._cover).stream(self._bounded(prompt))

    async def embed(self, model: Model, texts: Sequence[str]) -> tuple[bytes, ...]:
        """Return the vector of each text: float32, little endian, all of one length.

        Any number of texts is split into calls of 64 texts and about 8,000 tokens at most, one after the other, each
        a call on the meter.

        Args:
            model: Of kind embeddings.
            texts: None of them empty; one that is longer than its model reads is refused by its provider.

        Raises:
            ProviderError: A provider failed, or gave something else; the calls before are on the meter.
            ModelUnavailable: The provider cannot be called.
            BudgetSpent: A hard budget cannot cover a call.
            FootprintUnknown: One in grams applies, and the model's have no bound.
            StorageDown: Nobody can tell now.

        """
        vectors: list[bytes] = []
        for batch in batches(texts):
            vectors += await self._vectors(model, batch)
            if len(vectors[0]) != len(vectors[-1]):
                raise failure(ProviderDown, "malformed", accepted=True)
        return tuple(vectors)

    async def transcribe(self, model: Model, clip: Clip, language: str | None = None) -> Transcript:
        """Return what is said in a clip; its times count from the clip's beginning.

        Args:
            model: Of kind transcription.
            clip: No longer than the model takes in one call.
            language: ISO 639-1; None has the model find it; of one that does not tell, the text tells.

        Raises:
            ProviderError: The provider failed, or gave something else.
            ModelUnavailable: The provider cannot be called.
            BudgetSpent: A hard budget cannot cover the call.
            FootprintUnknown: One in grams applies, and the model's have no bound.
            StorageDown: Nobody can tell now.

        """
        done = await self._whole(Prompt(model, (), clip=clip, language=language))
        if done.transcript is None:
            raise failure(ProviderDown, "malformed", accepted=True)
        found = language or done.transcript.language or likely_language(done.transcript.text)
        return msgspec.structs.replace(done.transcript, language=found)

    async def speak(self, model: Model, text: str, language: str | None = None) -> Sound:
        """Return a text as it is spoken.

        Args:
            model: Of kind speech.
            text: Not empty; one that is longer than its model speaks is refused by its provider.
            language: ISO 639-1, to choose the voice by; None leaves it to the model.

        Raises:
            ProviderError: The provider failed, or gave something else.
            ModelUnavailable: The provider cannot be called.
            BudgetSpent: A hard budget cannot cover the call.
            FootprintUnknown: One in grams applies, and the model's have no bound.
            StorageDown: Nobody can tell now.

        """
        done = await self._whole(Prompt(model, (Message("user", text),), language=language))
        if done.sound is None:
            raise failure(ProviderDown, "malformed", accepted=True)
        return done.sound

    async def _vectors(self, model: Model, texts: Sequence[str]) -> tuple[bytes, ...]:
        done = await self._whole(Prompt(model, [Message("user", text) for text in texts]))
        if len(done.vectors) != len(texts):
            raise failure(ProviderDown, "malformed", accepted=True)
        return done.vectors

    async def _whole(self, prompt: Prompt) -> Done:
        """Return the end of an answer that has no text before it, tried again and covered as every other is."""
        tries: list[MeteredTry] = []

        def begin(prompt: Prompt) -> MeteredTry:
            tries.append(self._begin(prompt))
            return tries[-1]

        policy = self._policies.get(prompt.model.provider)
        if policy is None:
            raise ModelUnavailable(prompt.model.name)
        cover = None if self._hold is None else self._cover
        done = Done()
        async with aclosing(Retry(self._providers, policy, begin, cover).stream(prompt)) as events:
            async for event in events:
                done = event if isinstance(event, Done) else Done()
        if self._hold is not None:
            self._spare(self._hold, prompt, tries[-1].call)
        return done

    def _spare(self, hold: Hold, prompt: Prompt, call: Call) -> None:
        """Have what this call left of what was held for it cover the next: a recording may take a hundred calls."""
        consumed = self._meter.consumed(call)
        if consumed is not None:
            hold.spare(self._bound(hold, prompt, size_of(prompt, self._max_tokens)).beyond(consumed))

    def _begin(self, prompt: Prompt) -> MeteredTry:
        return MeteredTry(self._meter, prompt, self._policies[prompt.model.provider].total_s)

    def _bounded(self, prompt: Prompt) -> Prompt:
        asked = prompt.sampling
        if asked.max_tokens is not None:
            return prompt
        # Many servers refuse a prompt that leaves less of the window than its answer may have.
        most = most_output(prompt.model, self._max_tokens)
        return msgspec.structs.replace(prompt, sampling=msgspec.structs.replace(asked, max_tokens=most))

    async def _cover(self, prompt: Prompt) -> None:
        hold = self._hold
        if hold is None:
            return
        size = size_of(prompt, self._max_tokens)
        if not hold.covers(size):
            await hold.cover(self._bound(hold, prompt, size))

    def _bound(self, hold: Hold, prompt: Prompt, size: Size) -> Bound:
        return self._meter.bound(size, self._policies[prompt.model.provider].total_s, hold.opened_at)


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts, in their order, into the largest runs that one embeddings call takes; a long one goes alone."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        weight = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if index > start and (index - start == MOST_TEXTS or size + weight > MOST_TEXT_BYTES):
            yield texts[start:index]
            start, size = index, 0
        size += weight
    if start < len(texts):
        yield texts[start:]
