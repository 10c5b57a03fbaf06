"""The wrapper that times every call and counts each attempt on the request's meter."""

from asyncio import CancelledError
from contextlib import aclosing

from agents.errors import AnswerCut, PromptRefused, ProviderBusy, ProviderError, ProviderTimeout
from agents.messages import Done, Events, Prompt
from agents.providers.provider import Provider
from metering.meter import Meter
from metering.receipt import CallStatus

STATUS: dict[type[ProviderError], CallStatus] = {
    ProviderTimeout: "timeout",
    ProviderBusy: "busy",
    PromptRefused: "refused",
    AnswerCut: "cut",
}


class Metered:
    """A provider whose every call is on the meter, failed and abandoned ones too."""

    def __init__(self, inner: Provider, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    async def stream(self, prompt: Prompt) -> Events:
        """Stream what the inner provider streams, and note it."""
        turns = [(message.role, message.content) for message in prompt.messages]
        call = self._meter.begin(prompt.model, turns, streamed=prompt.stream)
        try:
            async with aclosing(self._inner.stream(prompt)) as events:
                async for event in events:
                    if isinstance(event, Done):
                        call.answered(event.usage, event.usage_refused)
                    else:
                        call.saw(event.pieces)
                    yield event
        except ProviderError as error:
            call.failed(STATUS.get(type(error), "error"), error.code, accepted=error.accepted or bool(call.pieces))
            raise
        except (CancelledError, GeneratorExit):
            # A client that hangs up still owes for what it consumed.
            call.abandoned()
            raise
