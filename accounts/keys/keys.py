"""Keys: made and shown once, kept as digests, listed masked, rotated with a grace, revoked at once (6.7)."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct, json
from msgspec.structs import replace

from accounts.errors import AccountForbidden, KeyExpired, LifeInvalid, LifeTooLong
from accounts.ids import new_id
from accounts.keys import store as keys_store
from accounts.keys.key import OF_PROJECTS, PREFIXES, Key, Kind, MintedKey, OpenKey, iso, key_of, masked, row_of
from accounts.keys.scopes import Scopes
from accounts.keys.service_accounts import ServiceAccount, checked_name, new_account
from accounts.keys.service_accounts import insert as insert_account
from accounts.pages import Cut, Page
from storage.script import Database, Script
from storage.statement import Row

RANDOM_BYTES = 36
LONGEST_LIFE_S = 31_536_000
LONGEST_GRACE_S = 30 * 24 * 3600
MARK_LETTERS = 16  # of a digest in hexadecimal: enough to tell the values of one key apart, useless to find one


class Giver(Struct, frozen=True):
    """A key that makes keys: it gives nothing that it has not, and what it made ends with it."""

    key_id: str
    project_id: str
    scopes: Scopes
    expires_at: datetime | None


class NewKey(Struct, frozen=True, kw_only=True):
    """What is asked for: `scopes` None for what the giver has, but its permissions; `life_s` None for no end."""

    kind: Kind
    project_id: str
    name: str
    scopes: Scopes | None = None
    life_s: int | None = None
    service_account_id: str | None = None


class Keys:
    """Makes, finds, lists and ends keys.

    Args:
        database: Where digests are.
        pepper: The secret that digests are made with: without it, a stolen table opens nothing and proves nothing.

    """

    def __init__(self, database: Database, pepper: str) -> None:
        self._database = database
        self._pepper = pepper.encode()

    def digest(self, value: str) -> str:
        """Return what is kept of a value: HMAC-SHA256 under the pepper, in hexadecimal."""
        return hmac.digest(self._pepper, value.encode("utf-8", "surrogateescape"), "sha256").hex()

    async def create(self, new: NewKey, giver: Giver | None = None) -> MintedKey:
        """Make a key, for an administrator or in the name of a key.

        Raises:
            NameInvalid, LifeInvalid: The request is not as it must be.
            AccountForbidden: The giver would give more than it has.
            KeyEnded: The giver was revoked meanwhile.
            ProjectUnknown, ServiceAccountUnknown: There is no such open project, or service account in it.

        """
        minted, row = self._draft(new, giver)
        maker_id = giver and giver.key_id
        await self._database.write(lambda: keys_store.insert(row, new.project_id, new.service_account_id, maker_id))
        return minted

    async def create_with_account(self, name: str, new: NewKey) -> tuple[ServiceAccount, MintedKey]:
        """Make a service account and its first key, both or neither.

        Raises:
            NameInvalid, LifeInvalid, ProjectUnknown: As above.

        """
        account = new_account(name)
        minted, row = self._draft(replace(new, service_account_id=account.id), None)

        def script() -> Script[None]:
            yield from insert_account(account, new.project_id)
            yield from keys_store.insert(row, new.project_id, account.id, None)

        await self._database.write(script)
        return account, minted

    def _draft(self, new: NewKey, giver: Giver | None) -> tuple[MintedKey, Row]:
        """Return a key that is not written yet, and its row."""
        name = checked_name(new.name)
        now = datetime.now(UTC)
        expires_at = _end_of(now, new.life_s)
        scopes = new.scopes or Scopes()
        if giver is not None:
            scopes, expires_at = _within(giver, new, expires_at)
        value = _new_value(new.kind)
        key = Key(
            id=new_id("key_"),
            kind=new.kind,
            project_id=new.project_id,
            service_account_id=new.service_account_id,
            name=name,
            masked=masked(new.kind, value),
            scopes=scopes,
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
        )
        return MintedKey(key, value), (*row_of(key), self.digest(value))

    async def open(self, value: str) -> OpenKey | None:
        """Return the key that this value opens now.

        Raises:
            KeyExpired: It would, but for the key's own end.
            StorageDown: It cannot be looked up now, which says nothing about the value.

        """
        digest = self.digest(value)
        now = datetime.now(UTC)
        found = await self._database.read(lambda: keys_store.by_digests((digest,), iso(now)))
        return _opened(found, digest[:MARK_LETTERS], now)

    async def reopen(self, key_id: str, mark: str) -> OpenKey | None:
        """Return the key if the value of this mark still opens it.

        Raises:
            KeyExpired: It would, but for the key's own end.
            StorageDown: It cannot be looked up now.

        """
        now = datetime.now(UTC)
        if len(mark) != MARK_LETTERS:
            return None
        found = await self._database.read(lambda: keys_store.by_value_mark(key_id, mark, iso(now)))
        return _opened(found, mark, now)

    async def find(self, key_id: str, project_id: str, kinds: Sequence[Kind] = OF_PROJECTS) -> Key:
        """Return a key of a project, or of the organisation, that is not revoked.

        Raises:
            KeyUnknown: There is none; somebody else's key is none.

        """
        return key_of(await self._database.read(lambda: keys_store.find(key_id, project_id, kinds)))

    async def find_anywhere(self, key_id: str) -> Key:
        """Return a key that is not revoked, whosever it is: for whoever sits at the machine.

        Raises:
            KeyUnknown: There is none.

        """
        return key_of(await self._database.read(lambda: keys_store.anywhere(key_id)))

    async def page(self, project_id: str, cut: Cut, kinds: Sequence[Kind] = OF_PROJECTS) -> Page[Key]:
        """Return some keys that are not revoked, by age."""
        page = await self._database.read(lambda: keys_store.listed(project_id, kinds, cut))
        return Page([key_of(row) for row in page.rows], page.has_more)

    async def revoke(self, key_id: str, project_id: str, kinds: Sequence[Kind] = OF_PROJECTS) -> None:
        """End a key at once and for good, and every key that was made with it.

        Raises:
            KeyUnknown: There is none.

        """
        now = iso(datetime.now(UTC))
        await self._database.write(lambda: keys_store.revoke(key_id, project_id, kinds, now))

    async def rotate(self, key_id: str, project_id: str, grace_s: int) -> MintedKey:
        """Give a key a new value; the old one opens it for `grace_s` seconds more.

        The key stays itself: what is limited, budgeted and counted for it goes on.

        Raises:
            KeyUnknown, KeyEnded: There is no such key, or it has expired.
            LifeInvalid: The grace is negative or longer than 30 days.

        """
        if not 0 <= grace_s <= LONGEST_GRACE_S:
            raise LifeInvalid(f"a grace is 0 to {LONGEST_GRACE_S} seconds", param="grace_seconds")
        key = await self.find(key_id, project_id, (*OF_PROJECTS, "admin"))
        value = _new_value(key.kind)
        fresh = (self.digest(value), masked(key.kind, value))
        now = datetime.now(UTC)
        ends_at = _end_of(now, grace_s) if grace_s else now
        row = await self._database.write(
            lambda: keys_store.rotate(key_id, project_id, fresh, iso(now), iso(ends_at or now))
        )
        return MintedKey(key_of(row), value)

    async def change(self, key_id: str, project_id: str, scopes: Scopes | None, life_s: int | None) -> Key:
        """Replace the scopes of a project's key, its end, or both; None leaves what is there.

        What was made with the key ends no later than it; what it may be used for stays.

        Raises:
            KeyUnknown, KeyEnded, LifeInvalid: As above.

        """
        now = datetime.now(UTC)
        end, listed = _end_of(now, life_s), None if scopes is None else json.encode(scopes.listed()).decode()
        row = await self._database.write(
            lambda: keys_store.change(key_id, project_id, listed, None if end is None else iso(end), iso(now))
        )
        return key_of(row)


def _new_value(kind: Kind) -> str:
    return PREFIXES[kind] + secrets.token_urlsafe(RANDOM_BYTES)


def _end_of(now: datetime, life_s: int | None) -> datetime | None:
    if life_s is None:
        return None
    if not 1 <= life_s <= LONGEST_LIFE_S:
        raise LifeInvalid(param="expires_in_seconds")
    # Whole seconds, as tokens and the vendors' shapes count: never shorter than was asked.
    return (now + timedelta(seconds=life_s, microseconds=999_999)).replace(microsecond=0)


def _within(giver: Giver, new: NewKey, expires_at: datetime | None) -> tuple[Scopes, datetime | None]:
    """Return the scopes and the end of what a key gives."""
    if "keys" not in giver.scopes.permissions:
        raise AccountForbidden("the key lacks the permission 'keys'")
    if new.kind not in OF_PROJECTS:
        raise AccountForbidden("a key makes no admin keys", param="kind")
    if new.project_id != giver.project_id:
        raise AccountForbidden("a key makes keys of its own project", param="project_id")
    own = giver.scopes
    scopes = Scopes(own.models, own.agents, own.surfaces) if new.scopes is None else new.scopes
    scopes.check_within(own)
    if giver.expires_at is not None:
        if expires_at is not None and expires_at > giver.expires_at:
            raise LifeTooLong(param="expires_in_seconds")
        expires_at = expires_at or giver.expires_at
    return scopes, expires_at


def _opened(found: keys_store.Found | None, mark: str, now: datetime) -> OpenKey | None:
    if found is None:
        return None
    key = key_of(found[0])
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyExpired
    ends = [end for end in (key.expires_at, found[1] and datetime.fromisoformat(found[1])) if end]
    # A value that was rotated out and whose grace is over was not found.
    return OpenKey(key, mark, min(ends, default=None))
