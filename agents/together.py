"""Work side by side: so many at a time, and the first failure, alone, ends all."""

import asyncio
from asyncio import Task as Running
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from accounts.errors import AccountError
from agents.errors import AgentError
from storage.errors import StorageError

T = TypeVar("T")


async def together(jobs: Sequence[Callable[[], Awaitable[T]]], most: int) -> list[T]:
    """Return what each job returns, in their order; `most` run at a time.

    Raises:
        AgentError: Of the first job that failed; the others are cancelled.
        AccountError: Likewise.
        StorageError: Likewise.

    """
    places = asyncio.Semaphore(most)

    async def run(job: Callable[[], Awaitable[T]]) -> T:
        async with places:
            return await job()

    running: list[Running[T]] = []
    try:
        async with asyncio.TaskGroup() as group:
            running += [group.create_task(run(job)) for job in jobs]
    except* (AgentError, AccountError, StorageError) as failures:
        raise first_of(failures) from failures
    return [each.result() for each in running]


def first_of(failures: BaseExceptionGroup[Exception]) -> BaseException:
    """Return the first failure of a group, and of the groups in it."""
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
