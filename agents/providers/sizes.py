"""How large a call of each kind may be: what is reserved before it is made."""

from decimal import Decimal

from agents.messages import Prompt
from metering.bound import Size
from metering.usage import most_input
from pricing_tables.model import Model


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
    """Return the most that it can be to have so much audio transcribed; how many tokens it is follows by the model."""
    return Size(model.name, 0, 0, audio_s=seconds)


def saying(model: Model, text: str) -> Size:
    """Return the most that it can be to have a text spoken; how many tokens its sound is follows by the model."""
    return Size(model.name, most_input([text]), 0, characters=len(text))
