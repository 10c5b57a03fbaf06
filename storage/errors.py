"""What can go wrong between a unit of work and the disk."""


class StorageError(Exception):
    """The store cannot do what was asked."""


class StorageDown(StorageError):
    """The store cannot be written or read now: it is locked, full, failing or closed."""


class OutcomeUnknown(StorageDown):
    """The store was lost while it committed: nobody knows yet whether the work is in."""


class UnitRefused(StorageError):
    """The store refuses this unit of work for what it holds; a second try would fail as well."""


class SchemaNewer(StorageError):
    """The database was written by a newer version of the gateway; start that version, or name another database."""


class DatabaseUnsupported(StorageError):
    """ROUTER_DATABASE_URL is neither of the form sqlite:///path nor postgresql://user:password@host:port/name."""
