"""What can go wrong between a prompt and its answer; each docstring is what the caller reads."""


class AgentError(Exception):
    """The request could not be answered."""


class ModelUnavailable(AgentError):
    """The model is not available on this gateway now."""


class ProviderError(AgentError):
    """The provider failed to answer.

    Attributes:
        accepted: The provider took the prompt (it answered 200, or went silent after it had the whole request),
            so its tokens are owed.
        retryable: A second try may succeed and costs nothing already paid: no byte of an answer had come.
        retry_after: Seconds the provider asked to wait, if it did.

    """

    accepted: bool = False
    retryable: bool = False
    retry_after: float | None = None
    code: str = "error"


class ProviderDown(ProviderError):
    """The provider refused, reset or broke the connection, or answered with an error."""


class ProviderTimeout(ProviderError):
    """The provider did not answer in time."""


class ProviderBusy(ProviderError):
    """The provider limits the rate of requests."""


class PromptRefused(ProviderError):
    """The provider refused the request as it is."""


class AnswerCut(ProviderError):
    """The provider broke off before the answer was complete."""


class PromptTooLong(AgentError):
    """The message is too long for the model's context window.

    Attributes:
        tokens: Of the shortest prompt that holds the message.
        window: Of the model, in tokens.
        room: Tokens of the window that are kept for the answer.
        detail: The three, as they were compared.

    """

    def __init__(self, tokens: int, window: int, room: int) -> None:
        super().__init__(tokens, window, room)
        self.tokens = tokens
        self.window = window
        self.room = room
        self.detail = f"{tokens} + {room} > {window}"
