"""What can be wrong with documents; each docstring is the text that callers read."""


class DocumentError(Exception):
    """The documents cannot do that.

    Args:
        detail: What it is about, told after the text.
        param: The field at fault.

    """

    def __init__(self, detail: str = "", *, param: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param

    def __str__(self) -> str:
        """Return the docstring's first line, and what it is about."""
        text = (type(self).__doc__ or "").partition("\n")[0]
        return f"{text.removesuffix('.')}: {self.detail}." if self.detail else text


class DocumentUnknown(DocumentError):
    """This project has no such document."""


class SourcesUnknown(DocumentError):
    """This project has no such documents."""


class ProjectFull(DocumentError):
    """This project has as many documents as it may; delete some first."""


class UploadExpired(DocumentError):
    """The upload paused for too long; send it again."""


class Unreadable(DocumentError):
    """The document cannot be read."""


class ParserDown(DocumentError):
    """Documents cannot be read now."""


class EmbeddingFailed(DocumentError):
    """The embeddings of a text cannot be had."""


class EmbeddingRefused(EmbeddingFailed):
    """The embeddings of this text will not be had: another try would end the same way."""


class EmbeddingDelayed(EmbeddingFailed):
    """The embeddings of a text must wait."""
