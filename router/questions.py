"""Questions that many ask at once and that are asked once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from storage.errors import StorageDown

T = TypeVar("T")


class Questions(Generic[T]):
    """Lets who asks what is being asked already wait for that answer."""

    def __init__(self) -> None:
        self._asked: dict[bytes, asyncio.Future[T]] = {}

    async def ask(self, name: bytes, question: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to `question`, asked by whoever came first.

        Raises:
            StorageDown: There is no answer now, for any who wait.

        """
        while (asked := self._asked.get(name)) is not None:
            await asyncio.wait([asked])
            # Who asked may have gone; then the next one does.
            if not asked.cancelled():
                return asked.result()
        answer = self._asked[name] = asyncio.get_running_loop().create_future()
        try:
            answer.set_result(await question())
        except StorageDown as down:
            answer.set_exception(down)
        finally:
            if self._asked.get(name) is answer:
                del self._asked[name]
            answer.cancel()
        return answer.result()

    def forget(self) -> None:
        """Have what is asked from now on asked anew."""
        self._asked.clear()
