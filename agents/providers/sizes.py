"""How large a call of each kind may be: what is reserved before it is made."""

from decimal import Decimal

from agents.messages import Prompt
from metering.bound import Size, most_input
from pricing_tables.model import Model


def size_of(prompt: Prompt, max_tokens: int) -> Size:
    """Return the most that one call can be, of a chat whose answer has `max_tokens` where the prompt says none.

    How many tokens sound has follows from its seconds, and those of a speech from its characters, by the model.
    """
    name = prompt.model.name
    texts = [message.content for message in prompt.messages]
    match prompt.model.kind:
        case "transcription":
            return hearing(prompt.model, Decimal(0) if prompt.clip is None else prompt.clip.seconds)
        case "speech":
            return Size(name, most_input(texts), 0, characters=sum(map(len, texts)))
        case "embeddings":
            return Size(name, most_input(texts), 0)
        case "chat":
            if prompt.schema is not None:
                texts.append(bytes(prompt.schema).decode())
            return Size(name, most_input(texts), prompt.sampling.max_tokens or max_tokens)


def hearing(model: Model, seconds: Decimal) -> Size:
    """Return the most that it can be to have so much audio transcribed in one call."""
    return Size(model.name, 0, 0, audio_s=seconds)
