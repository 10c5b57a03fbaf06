"""What is heard and spoken: in tokens at most and most likely, and how much of a provider's count is believed."""

from collections.abc import Sequence
from decimal import Decimal
from math import ceil

from msgspec.structs import replace

from metering.usage import Usage, UsageAbsurd, most_input
from pricing_tables.model import Model

# What OpenAI documents: a token for 100 ms that are heard, for 50 ms that are spoken (api/docs/guides/realtime-costs).
HEARD_TOKENS_S = 10
SPOKEN_TOKENS_S = 20
CHARACTERS_S = 15  # of a text that is read out: 150 words a minute, of six characters with the space behind them

MOST_INSTRUCTIONS = 64  # tokens of text beside what is heard: its language, and what frames it
# Nothing is read out slower: ten seconds of silence around it, and every character spelt, half a second long.
SILENCE_S = 10
SLOWEST_CHARACTERS_S = 2


def most_heard(model: Model, audio_s: Decimal) -> int:
    """Return the most tokens that a transcription of so many seconds reads."""
    return MOST_INSTRUCTIONS + ceil(audio_s * model.audio_tokens_s)


def most_written(model: Model) -> int:
    """Return the most tokens of one transcript: a model that goes round in circles stops nowhere else."""
    if model.audio_tokens_s == 0:
        return 0
    return model.context_window if model.max_output_tokens is None else model.max_output_tokens


def most_spoken(model: Model, characters: int) -> int:
    """Return the most tokens that a speech of so many characters is."""
    return ceil((SILENCE_S + characters / SLOWEST_CHARACTERS_S) * model.audio_tokens_s)


def likely_heard(model: Model, audio_s: Decimal) -> int:
    """Return how many tokens so many seconds are, where nobody counted."""
    return ceil(audio_s * min(HEARD_TOKENS_S, model.audio_tokens_s))


def likely_spoken(model: Model, characters: int, sound_s: float | None) -> int:
    """Return how many tokens a speech is, where nobody counted: by its sound, else by its text."""
    seconds = characters / CHARACTERS_S if sound_s is None else sound_s
    return min(ceil(seconds * min(SPOKEN_TOKENS_S, model.audio_tokens_s)), most_spoken(model, characters))


def believed(
    usage: Usage, model: Model, audio_s: Decimal | None, characters: int | None, texts: Sequence[str] = ()
) -> Usage:
    """Return a provider's count with the seconds and characters that are owed: never more than were sent.

    Args:
        usage: What it counted; seconds or characters that it does not say are those that were sent.
        model: Who heard or spoke.
        audio_s: How much was sent to a transcription model, None to another.
        characters: How much was sent to a speech model, None to another.
        texts: What was sent to a speech model.

    Raises:
        UsageAbsurd: It counted more tokens than the sound or the text can have.

    """
    if not model.audio_tokens_s:
        # Where no token costs anything none is held of a limit, so none is counted.
        usage = Usage(source=usage.source, busy_s=usage.busy_s, audio_s=usage.audio_s, characters=usage.characters)
    else:
        if audio_s is not None:
            if usage.input_tokens > most_heard(model, audio_s):
                raise UsageAbsurd("more tokens than its audio can have")
            if not usage.audio_input:
                # A count without its parts is of what was sent, which is sound.
                usage = replace(usage, audio_input=usage.input_uncached, input_uncached=0)
        elif usage.input_tokens > most_input(texts):
            raise UsageAbsurd("more tokens than its text can have")
        most = most_written(model) if characters is None else most_spoken(model, characters)
        if usage.output_tokens > most:
            raise UsageAbsurd("more tokens than its answer can have")
    if audio_s is not None and usage.audio_s is not None:
        audio_s = max(Decimal(0), min(usage.audio_s, audio_s))
    if characters is not None and usage.characters is not None:
        characters = max(0, min(usage.characters, characters))
    return replace(usage, audio_s=audio_s, characters=characters)
