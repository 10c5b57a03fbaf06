"""What can be wrong with recorded speech; each docstring is what the caller reads."""


class AudioError(Exception):
    """The audio cannot be used."""


class AudioUnreadable(AudioError):
    """The content is not audio that can be decoded."""


class AudioTooLong(AudioError):
    """The audio is longer than is allowed."""


class DecoderDown(AudioError):
    """Audio cannot be decoded now."""
