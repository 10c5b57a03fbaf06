"""What keeps the embedded models from starting or from answering; no client of the gateway ever meets these."""


class LocalModelError(Exception):
    """The embedded models cannot be served."""


class WeightsUnavailable(LocalModelError):
    """A data file could not be had from any of its sources."""


class EngineFailed(LocalModelError):
    """The child process that serves the embedded models did not become ready."""


class TextsRefused(LocalModelError):
    """Texts that the embeddings model does not take as they are."""


class ClipRefused(LocalModelError):
    """Audio that the transcription model does not take as it is."""


class SpeechRefused(LocalModelError):
    """Words that the voices cannot say."""
