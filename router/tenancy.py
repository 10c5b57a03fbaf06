"""Keys, projects and who calls: the parts of a process that know, and the tasks that keep them knowing."""

import hmac
from collections.abc import Awaitable, Callable

from msgspec import Struct

from accounts.keys.key import PREFIXES
from accounts.keys.keys import Keys
from accounts.keys.last_uses import LastUses
from accounts.keys.service_accounts import ServiceAccounts
from accounts.projects import Projects
from accounts.revision import Revision
from router.access_tokens import AccessTokens
from router.auth import Authenticator
from router.secrets import own_secret
from router.settings import Settings, rotation_keys
from storage.script import Database

PEPPER_LABEL = b"routeur-ia: pepper of key digests"


class Tenancy(Struct, frozen=True, kw_only=True):
    """Everything that knows who may call."""

    database: Database
    revision: Revision
    api_keys: Keys
    projects: Projects
    service_accounts: ServiceAccounts
    uses: LastUses
    authenticator: Authenticator

    @property
    def tasks(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """What has to run for as long as the process serves: looking for changes, writing the last uses of keys."""
        return self.revision.watch, self.uses.watch


def tenancy_of(settings: Settings, database: Database) -> Tenancy:
    """Return the parts, made around a database; nothing is looked up yet."""
    revision = Revision(database)
    keys = Keys(database, pepper_of(settings))
    uses = LastUses(database)
    return Tenancy(
        database=database,
        revision=revision,
        api_keys=keys,
        projects=Projects(database, revision),
        service_accounts=ServiceAccounts(database),
        uses=uses,
        authenticator=Authenticator(tokens_of(settings), keys, revision, uses, admin_key_of(settings)),
    )


def tokens_of(settings: Settings) -> AccessTokens:
    """Return the maker and checker of tokens."""
    return AccessTokens(_jwt_secret(settings), rotation_keys(settings.jwt_keys))


def admin_key_of(settings: Settings) -> str | None:
    """Return the first admin key; in development it is made once and kept in the data folder."""
    if settings.admin_key is not None or not settings.development:
        return settings.admin_key
    return PREFIXES["admin"] + own_secret(settings.data_dir, "admin_key")


def pepper_of(settings: Settings) -> str:
    """Return the pepper of key digests: the setting, or one derived from the secret of tokens."""
    if settings.key_pepper is not None:
        return settings.key_pepper
    return hmac.digest(_jwt_secret(settings).encode(), PEPPER_LABEL, "sha256").hex()


def _jwt_secret(settings: Settings) -> str:
    return settings.jwt_secret or own_secret(settings.data_dir, "jwt_secret")
