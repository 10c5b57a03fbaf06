"""A model asked for JSON: constrained where its provider can, told its fault once, else given up."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Raw, Struct

from agents.errors import ModelUnavailable, PromptRefused, PromptTooLong, ProviderError
from agents.messages import Message, Prompt, Sampling
from agents.plan import object_in, whole
from agents.providers.provider import Provider
from pricing_tables.model import Model

TRIES = 2
# Cold first, for it follows best; warmer then, or it would say the same again.
TEMPERATURES = (0.0, 0.4)
T = TypeVar("T")


class Question(Struct, frozen=True):
    """What a model is asked: the messages, the shape of its answer, how long that may be."""

    messages: Sequence[Message]
    schema: Raw
    tokens: int


class Unusable(Exception):
    """An answer that is not as it must be; its text tells the model why."""


async def answered(question: Question, read: Callable[[str], T], model: Model, models: Provider) -> T | None:
    """Return what a model answers; None where it cannot be reached, or twice says nothing usable.

    Args:
        question: Its last message is the user's.
        read: Makes the answer of a JSON text, or raises Unusable.
        model: Each try is a call of it.
        models: Of the request.

    Raises:
        AccountError: A budget cannot cover the call.
        StorageError: The books cannot say so.

    """
    schema: Raw | None = question.schema
    messages = list(question.messages)
    for temperature in TEMPERATURES[:TRIES]:
        sampling = Sampling(temperature=temperature, max_tokens=question.tokens)
        try:
            text = await whole(Prompt(model, messages, sampling, schema=schema), models)
        except PromptRefused:
            # Some models take no schema; the shape stands in the instructions as well.
            schema = None
            continue
        except (ModelUnavailable, ProviderError, PromptTooLong):
            return None
        try:
            # What it is held against may be long, and everybody else waits for this thread.
            return await asyncio.to_thread(read, object_in(text))
        except Unusable as fault:
            last = question.messages[-1]
            told = f"{last.content}\n\nAn earlier answer could not be used: {fault}. Mend that."
            messages = [*question.messages[:-1], Message(last.role, told)]
    return None
