"""What storage can fail with."""


class StorageError(Exception):
    """The books could not be read or written."""


class StorageDown(StorageError):
    """The database cannot take writes now; nothing was accepted, try again shortly."""
