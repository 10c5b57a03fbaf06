"""What callers send to the core surface, closed and bounded (2.2)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from agents.messages import Message, Sampling
from router.errors import Refused

LONGEST_TEXT = 200_000  # characters of a message (2.2)
MOST_TURNS = 1000
MOST_SOURCES = 1000
DEFAULT_MODEL = "gpt-4o"
DEFAULT_AGENT: Literal["V2"] = "V2"
DEFAULT_TEMPERATURE = 0.7

Content = Annotated[str, Meta(max_length=LONGEST_TEXT)]


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of the conversation so far."""

    role: Literal["user", "assistant"]
    content: Content


class CompletionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /completion`."""

    message: Content
    model: Annotated[str, Meta(min_length=1, max_length=256)] = DEFAULT_MODEL
    agent: str | None = None
    stream: bool = False
    temperature: Annotated[float, Meta(ge=0, le=2)] = DEFAULT_TEMPERATURE
    conversation_history: Annotated[tuple[Turn, ...], Meta(max_length=MOST_TURNS)] = ()
    project_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    sources: Annotated[tuple[str, ...], Meta(max_length=MOST_SOURCES)] = ()
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    user: Annotated[str, Meta(max_length=256)] | None = None
    metadata: Annotated[dict[str, Annotated[str, Meta(max_length=512)]], Meta(max_length=16)] | None = None
    agent_type: str | None = None

    def agent_name(self) -> str:
        """Return the pipeline asked for, by either name of the field.

        Raises:
            Refused: The two names disagree.

        """
        if self.agent is not None and self.agent_type is not None and self.agent != self.agent_type:
            raise Refused(
                "invalid_request",
                "« agent » et « agent_type » se contredisent ; n'envoyez que « agent »",
                param="agent_type",
            )
        named = self.agent if self.agent is not None else self.agent_type
        return DEFAULT_AGENT if named is None else named

    def turns(self) -> tuple[Message, ...]:
        """Return the history in the words of the agents."""
        return tuple(Message(turn.role, turn.content) for turn in self.conversation_history)

    def sampling(self) -> Sampling:
        """Return how the answer is to be drawn."""
        return Sampling(self.temperature, self.top_p, self.max_tokens)


def check(request: CompletionRequest) -> None:
    """Refuse what the types cannot express.

    Raises:
        Refused: `invalid_request`, naming the field.

    """
    if not request.message.strip():
        raise Refused("invalid_request", "« message » est vide", param="message")
    if request.sources and request.project_id is None:
        raise Refused("invalid_request", "« sources » demande « project_id »", param="sources")
