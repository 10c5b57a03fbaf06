"""Golden samples: what was filled into a prompt, and the answer that its later versions are held against (3.2.6)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec
from msgspec import Struct

from accounts.ids import new_id
from accounts.pages import Cut, Page
from agents.prompts import samples_store
from agents.prompts.errors import PromptInvalid
from agents.prompts.names import checked_name
from agents.prompts.prompt import LONGEST_TEXT
from agents.prompts.samples_store import Sample
from agents.prompts.template import Value
from storage.script import Database

PREFIX = "smp_"
MOST_VARIABLES = 1_000
LONGEST_ID = 64  # characters of what may be the id of a sample


class Kept(Struct, frozen=True, kw_only=True):
    """An answer that is to be held for good; `version` and `request_id` say whose it is, as far as that is known."""

    output: str
    version: int | None = None
    request_id: str | None = None


class Samples:
    """The golden samples of one database, each of one prompt, which whoever asks has found before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, prompt_id: str, cut: Cut) -> Page[Sample]:
        """Return some samples of a prompt, oldest first.

        Raises:
            StorageDown: They cannot be read now.

        """
        return await self._database.read(partial(samples_store.page, prompt_id, cut))

    async def find(self, prompt_id: str, sample_id: str) -> Sample:
        """Return a sample.

        Raises:
            PromptUnknown: The prompt has none of this id.
            StorageDown: It cannot be read now.

        """
        return (await self.these(prompt_id, (sample_id,)))[0]

    async def these(self, prompt_id: str, ids: Sequence[str]) -> list[Sample]:
        """Return the samples of these ids, in their order.

        Raises:
            PromptUnknown: The prompt has no sample of one of them.
            StorageDown: They cannot be read now.

        """
        for each in ids:
            if not (each.isascii() and each.isprintable() and len(each) <= LONGEST_ID):
                raise samples_store.unknown("?")
        return await self._database.read(partial(samples_store.these, prompt_id, tuple(dict.fromkeys(ids))))

    async def check_free(self, prompt_id: str, name: str, variables: Mapping[str, Value]) -> str:
        """Return the name of a sample as it would be kept, before anything is spent on its answer.

        Raises:
            PromptInvalid: It cannot be a name, the variables are too many or too long, or the prompt has as many
                samples as it may.
            PromptTaken: The prompt has a sample of this name.
            StorageDown: That cannot be told now.

        """
        plain = checked_name(name)
        _checked_variables(variables)
        await self._database.read(partial(samples_store.room_for, prompt_id, plain))
        return plain

    async def keep(self, prompt_id: str, name: str, variables: Mapping[str, Value], kept: Kept, author: str) -> Sample:
        """Keep an answer under a name.

        Raises:
            PromptUnknown: The prompt was deleted meanwhile.
            PromptInvalid: Something is not as it must be, or the prompt has as many samples as it may.
            PromptTaken: The prompt has a sample of this name.
            StorageDown: It cannot be written now.

        """
        sample = Sample(
            id=new_id(PREFIX),
            prompt_id=prompt_id,
            name=checked_name(name),
            variables=_checked_variables(variables),
            output=_checked_output(kept.output),
            author=author,
            created_at=datetime.fromtimestamp(self._database.clock_ns() / 1e9, UTC),
            version=kept.version,
            request_id=kept.request_id,
        )
        await self._database.write(partial(samples_store.kept, sample))
        return sample

    async def remove(self, prompt_id: str, sample_id: str) -> None:
        """Delete a sample.

        Raises:
            PromptUnknown: The prompt has none of this id.
            StorageDown: It cannot be written now.

        """
        await self.find(prompt_id, sample_id)
        await self._database.write(partial(samples_store.removed, prompt_id, sample_id))


def _checked_variables(variables: Mapping[str, Value]) -> dict[str, Value]:
    if len(variables) > MOST_VARIABLES or len(msgspec.json.encode(variables)) > 4 * LONGEST_TEXT:
        raise PromptInvalid(
            f"A sample has at most {MOST_VARIABLES} variables of {LONGEST_TEXT} characters together", param="variables"
        )
    return dict(variables)


def _checked_output(output: str) -> str:
    # PostgreSQL knows no NUL, and half a pair is no text anywhere.
    if len(output) > LONGEST_TEXT or any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in output):
        raise PromptInvalid(f"An answer that is kept has at most {LONGEST_TEXT} characters, and no NUL", param="output")
    return output
