"""What can be wrong with prompts; each docstring is the text that callers read, with the detail behind it."""


class PromptError(Exception):
    """The prompt cannot be used so.

    Args:
        detail: What is wrong and the mend, in English: every surface of prompts speaks it (X-3).
        param: The field at fault.

    """

    def __init__(self, detail: str = "", *, param: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param


class PromptInvalid(PromptError):
    """What is said of a prompt is not as it must be."""


class PromptUnknown(PromptError):
    """There is no such prompt, version, label or sample; for a run, none in production (3.1.3)."""


class PromptTaken(PromptError):
    """Another prompt of the project has the name."""


class VersionFixed(PromptError):
    """Only a draft can be edited or deleted (3.2.1)."""


class VariablesMissing(PromptError):
    """A run does not give every variable; all that are missing are named (3.3.3)."""
