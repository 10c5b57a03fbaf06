"""What each try of a prompt leaves on the request's meter: its time, its tokens, how it ended."""

from agents.errors import AnswerCut, PromptRefused, ProviderBusy, ProviderError, ProviderTimeout
from agents.messages import Done, Event, Prompt
from metering.call import Call
from metering.meter import Meter
from metering.receipt import CallStatus

STATUS: dict[type[ProviderError], CallStatus] = {
    ProviderTimeout: "timeout",
    ProviderBusy: "busy",
    PromptRefused: "refused",
    AnswerCut: "cut",
}


class MeteredTry:
    """One upstream call, timed from now on and given up after `longest_s` seconds."""

    __slots__ = ("_call",)

    def __init__(self, meter: Meter, prompt: Prompt, longest_s: float) -> None:
        turns = [(message.role, message.content) for message in prompt.messages]
        self._call = Call(
            prompt.model,
            turns,
            streamed=prompt.stream,
            max_tokens=prompt.sampling.max_tokens,
            longest_s=longest_s,
            audio_s=None if prompt.clip is None else prompt.clip.seconds,
            characters=sum(len(text) for _, text in turns) if prompt.model.kind == "speech" else None,
        )
        meter.begin(self._call)

    @property
    def call(self) -> Call:
        """The call on the meter."""
        return self._call

    def saw(self, event: Event) -> None:
        """Note an event; the last one ends the call."""
        if isinstance(event, Done):
            if event.transcript is not None:
                self._call.saw([event.transcript.text])
            if event.sound is not None:
                self._call.sounded(event.sound.seconds)
            self._call.answered(event.usage, event.usage_refused)
        else:
            self._call.saw(event.pieces)

    def failed(self, error: ProviderError) -> None:
        """End the call by an error."""
        call = self._call
        call.failed(STATUS.get(type(error), "error"), error.code, accepted=error.accepted or bool(call.pieces))

    def left(self) -> None:
        """End the call that its caller left: a client that hangs up still owes for what it consumed."""
        self._call.abandoned()
