"""How large a call of each kind may be: what is reserved before it is made."""

from decimal import Decimal
from math import ceil

from agents.messages import Prompt
from metering.bound import Size, most_input
from pricing_tables.model import Model

# Tokens that a second of audio is read as: 12.5 by Voxtral, about 17 by gpt-4o-transcribe, by their vendors' prices a
# minute. Nobody says more than 6 words a second, and no tokenizer makes more than 4 tokens of most of them.
TOKENS_HEARD_A_SECOND = 20
TOKENS_WRITTEN_A_SECOND = 25
# gpt-4o-mini-tts writes some 21 tokens a second of speech (12 USD a million against 0.015 a minute). A character is
# spoken in 0.07 s; digits and signs, which are spoken as words, in up to 0.5 s.
TOKENS_SPOKEN_A_CHARACTER = 10
LEAST_TOKENS = 64  # what frames a short clip or text


def size_of(prompt: Prompt, max_tokens: int) -> Size:
    """Return the most that one call can be, of a chat whose answer has `max_tokens` where the prompt says none."""
    model = prompt.model
    texts = [message.content for message in prompt.messages]
    match model.kind:
        case "transcription":
            return hearing(model, Decimal(0) if prompt.clip is None else prompt.clip.seconds)
        case "speech":
            return saying(model, "".join(texts))
        case "embeddings":
            return Size(model.name, most_input(texts), 0)
        case "chat":
            if prompt.schema is not None:
                texts.append(bytes(prompt.schema).decode())
            return Size(model.name, most_input(texts), prompt.sampling.max_tokens or max_tokens)


def hearing(model: Model, seconds: Decimal) -> Size:
    """Return the most that it can be to have so much audio transcribed in one call."""
    read = LEAST_TOKENS + ceil(seconds * TOKENS_HEARD_A_SECOND)
    written = LEAST_TOKENS + ceil(seconds * TOKENS_WRITTEN_A_SECOND)
    return Size(model.name, read, written, audio_s=seconds)


def saying(model: Model, text: str) -> Size:
    """Return the most that it can be to have a text spoken in one call."""
    spoken = LEAST_TOKENS + len(text) * TOKENS_SPOKEN_A_CHARACTER
    return Size(model.name, most_input([text]), spoken, characters=len(text))
