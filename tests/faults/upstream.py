"""A chat API that fails on demand: the model's name chooses how, raw sockets do it; `python -m tests.faults.upstream PORT`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.faults.wire import (
    LAST_CHUNK,
    SECRET,
    USAGE,
    WORDS,
    bomb,
    chunk,
    completion,
    counted,
    event,
    head,
    piece,
    response,
    streamed,
)

Scenario = Callable[["Call"], Awaitable[None]]


class Call:
    """One request, and the socket to answer it on."""

    def __init__(self, upstream: "FaultyUpstream", writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        self.upstream = upstream
        self.writer = writer
        self.request = request
        self.stream: bool = request.get("stream", False)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def chunks(self, *parts: bytes) -> None:
        for part in parts:
            await self.send(chunk(part))

    async def answer(self, body: bytes, events: list[bytes]) -> None:
        if not self.stream:
            await self.send(response(body))
            return
        await self.send(head())
        await self.chunks(*events)
        await self.send(LAST_CHUNK)

    async def hang(self) -> None:
        """Stay silent until the other side leaves."""
        self.upstream.hanging += 1
        await self.upstream.released.wait()

    def cut(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


class FaultyUpstream:
    """Serves on loopback while entered.

    Attributes:
        requests: Every body that came, in order.
        headers: The head of every request that came, as bytes.
        connections: How many connections were opened.
        open_connections: How many are open now.
        hanging: How many calls are or were left without an answer.

    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[bytes] = []
        self.connections = 0
        self.open_connections = 0
        self.hanging = 0
        self.released = asyncio.Event()
        self.left = asyncio.Event()
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def forever(self) -> None:
        await self._server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    await self._once(reader, writer)
        finally:
            self._tasks.discard(task)
            self.open_connections -= 1
            self.left.set()
            writer.close()

    async def _once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_head = await reader.readuntil(b"\r\n\r\n")
        self.headers.append(request_head)
        length = next(int(x[15:]) for x in request_head.lower().split(b"\r\n") if x.startswith(b"content-length:"))
        body = json.loads(await reader.readexactly(length))
        self.requests.append(body)
        call = Call(self, writer, body)
        scenario = asyncio.ensure_future(SCENARIOS[body["model"]](call))
        gone = asyncio.ensure_future(reader.read(1)) if body["model"] in WATCHED else None
        try:
            await asyncio.wait([t for t in (scenario, gone) if t], return_when=asyncio.FIRST_COMPLETED)
            if gone is not None and gone.done():
                writer.close()
            elif scenario.done():
                scenario.result()
        finally:
            for task in (scenario, gone):
                if task is not None:
                    task.cancel()


def whole(body: bytes, events: list[bytes] | None = None) -> Scenario:
    """Answer with `body`, or with `events` (by default one event with the same body) when a stream is asked."""

    async def play(call: Call) -> None:
        await call.answer(body, [event(body)] if events is None else events)

    return play


def status(line: str, *headers: str, body: bytes = b'{"error":{"message":"' + SECRET.encode() + b'"}}') -> Scenario:
    async def play(call: Call) -> None:
        kind = "text/html" if body.startswith(b"<") else "application/json"
        await call.send(response(body, line, kind, f"Set-Cookie: session={SECRET}", f"X-Secret: {SECRET}", *headers))

    return play


def usage(told: object, last: object = None) -> Scenario:
    tail = [counted(told)] if last is None else [counted(told), counted(last)]
    return whole(completion(usage=told if last is None else last), streamed(piece("", "stop"), *tail, b"[DONE]"))


def usage_json(told: bytes) -> Scenario:
    quoted = json.dumps(USAGE).encode()
    swap = [e.replace(quoted, told) for e in streamed()]
    return whole(completion().replace(quoted, told), swap)


def raw(data: bytes, *, then: str = "cut") -> Scenario:
    async def play(call: Call) -> None:
        await call.send(data)
        getattr(call, then)()

    return play


async def hang(call: Call) -> None:
    await call.hang()


async def slow_head(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await call.hang()


async def slow_body(call: Call) -> None:
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.hang()


async def stall_mid(call: Call) -> None:
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.chunks(*(streamed()[:2] if call.stream else [completion()[:40]]))
    await call.hang()


async def drip(call: Call) -> None:
    """One byte at a time, for ever."""
    await call.send(head())
    while not call.writer.is_closing():
        await call.chunks(b":")
        await asyncio.sleep(0.005)


async def truncated(call: Call) -> None:
    """Cut in the middle of a chunked body."""
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.chunks(*(streamed()[:3] if call.stream else [completion()[:40]]))
    call.cut()


async def truncated_reset(call: Call) -> None:
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.chunks(*(streamed()[:3] if call.stream else [completion()[:40]]))
    await asyncio.sleep(0.02)
    call.reset()


async def truncated_close_delimited(call: Call) -> None:
    """Without a length, only the missing end of the answer tells."""
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(streamed()[:3]))
    call.cut()


async def short_length(call: Call) -> None:
    await call.send(response(completion())[:-20])
    call.cut()


async def one_byte_chunks(call: Call) -> None:
    """Every byte alone: characters and lines are split everywhere."""
    await call.send(head())
    await call.chunks(*(bytes([b]) for b in b"".join(streamed())))
    await call.send(LAST_CHUNK)


async def stale_keepalive(call: Call) -> None:
    """The first call of a connection is answered; the second finds it dead."""
    served = getattr(call.writer, "served", False)
    if served:
        call.reset()
        return
    call.writer.served = True  # type: ignore[attr-defined]
    await call.answer(completion(), streamed())


async def stale_half(call: Call) -> None:
    """The second call of a connection gets the start of a head."""
    if getattr(call.writer, "served", False):
        await call.send(b"HTTP/1.1 2")
        call.cut()
        return
    call.writer.served = True  # type: ignore[attr-defined]
    await call.answer(completion(), streamed())


async def talks_unasked(call: Call) -> None:
    """A second answer follows the first one, unasked."""
    await call.send(response(completion()) + response(completion("an answer for somebody else")))


async def done_and_silent(call: Call) -> None:
    """The end mark comes, the end of the body does not."""
    await call.send(head())
    await call.chunks(*streamed())
    await call.hang()


async def gzip_bomb(call: Call) -> None:
    data = bomb(256)
    kind = "text/event-stream" if call.stream else "application/json"
    await call.send(response(data, "200 OK", kind, "Content-Encoding: gzip"))


async def giant_line(call: Call) -> None:
    """One line that never ends."""
    await call.send(head())
    for _ in range(200):
        await call.chunks(b"data: " + b"x" * (1 << 20))


async def giant_body(call: Call) -> None:
    await call.send(head("application/json"))
    for _ in range(200):
        await call.chunks(b" " * (1 << 20))


_DEEP = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
_ERROR = json.dumps({"error": {"message": SECRET, "type": "server_error", "code": 500}}).encode()
_PLAIN_ERROR = json.dumps({"object": "error", "message": SECRET, "type": "server_error"}).encode()

# Scenarios that end only when the other side leaves.
WATCHED = frozenset(
    {"hang", "slow_head", "slow_body", "stall_mid", "drip", "done_and_silent", "giant_line", "giant_body"}
)

SCENARIOS: dict[str, Scenario] = {
    "ok": whole(completion(), streamed()),
    **{f.__name__: f for f in (hang, slow_head, slow_body, stall_mid, drip, done_and_silent)},
    **{f.__name__: f for f in (truncated, truncated_reset, truncated_close_delimited, short_length, one_byte_chunks)},
    **{f.__name__: f for f in (stale_keepalive, stale_half, talks_unasked, gzip_bomb, giant_line, giant_body)},
    **{f"s{code}": status(f"{code} Status") for code in (400, 401, 403, 404, 408, 409, 413, 422, 429, 418)},
    **{f"s{code}": status(f"{code} Status") for code in (500, 502, 503, 504, 529, 599, 204)},
    "s500_html": status("500 Status", body=b"<html>" + SECRET.encode()),
    "s500_empty": status("500 Status", body=b""),
    "s429_seconds": status("429 Status", "Retry-After: 1"),
    "s429_long": status("429 Status", "Retry-After: 120"),
    "s429_year": status("429 Status", "Retry-After: 31536000"),
    "s429_date": status("429 Status", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"),
    "s429_garbage": status("429 Status", "Retry-After: soon"),
    "malformed_json": whole(b'{"choices": [{"mess', [event(b'{"choices": [{"del')]),
    "null": whole(b"null"),
    "nan": whole(completion().replace(b'"x"', b"NaN", 1), [event(piece("a").replace(b"0", b"NaN", 1))]),
    "deep": whole(_DEEP),
    "no_choices": whole(completion(choices=[]), [event(b'{"id":"x"}')]),
    "wrong_types": whole(completion(content=5), [event(piece(5))]),
    "bad_utf8": whole(completion().replace(b"The", b"\xff\xfe"), [event(piece("The").replace(b"The", b"\xff\xfe"))]),
    "html": whole(b"<html>hello</html>", [b"<html>hello</html>"]),
    "empty": whole(b"", []),
    "only_done": whole(b"[DONE]", [event(b"[DONE]")]),
    "error_200": whole(_ERROR),
    "error_first": whole(_ERROR, [b"event: error\n" + event(_ERROR)]),
    "error_event": whole(_ERROR, [*streamed()[:2], b"event: error\n" + event(_ERROR), *streamed()[2:]]),
    "error_plain_event": whole(_PLAIN_ERROR, [*streamed()[:2], event(_PLAIN_ERROR)]),
    "malformed_mid": whole(b"{", [*streamed()[:2], event(b"{")]),
    "truncated_clean": whole(b"{", streamed()[:3]),
    "no_done": whole(completion(), streamed(piece("", "stop"), counted())),
    "usage_none": whole(completion(usage=None), streamed(piece("", "stop"), b"[DONE]")),
    "usage_zero": usage({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    "usage_negative": usage({"prompt_tokens": 11, "completion_tokens": -5, "total_tokens": 6}),
    "usage_string": usage({"prompt_tokens": "11", "completion_tokens": "5", "total_tokens": "16"}),
    "usage_huge": usage({"prompt_tokens": 11, "completion_tokens": 2**63, "total_tokens": 2**63 + 11}),
    "usage_endless": usage_json(b'{"prompt_tokens":' + b"9" * 5000 + b',"completion_tokens":1e999}'),
    "usage_list": usage([1, 2, 3]),
    "usage_twice": usage({"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}, USAGE),
    "usage_null_choices": whole(completion(), streamed(piece("", "stop"), counted(choices=None), b"[DONE]")),
    "ctype_json_for_stream": raw(response(completion())),
    "ctype_stream_for_json": raw(response(b"".join(streamed()), kind="text/event-stream")),
    "ctype_text": raw(response(completion(), kind="text/plain")),
    "reset": raw(b"", then="reset"),
    "closed": raw(b""),
    "garbage": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "giant_headers": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n"),
    "many_headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n"),
    "gzip_lie": raw(response(completion(), "200 OK", "application/json", "Content-Encoding: gzip")),
    "crlf": whole(completion(), [e.replace(b"\n", b"\r\n") for e in streamed()]),
    "cr": whole(completion(), [e.replace(b"\n", b"\r") for e in streamed()]),
    "bom": whole(completion(), [b"\xef\xbb\xbf", *streamed()]),
    "comments": whole(
        completion(), [b": keep-alive\n\n", *streamed()[:2], b":\n\nid: 7\nretry: 5\n\n", *streamed()[2:]]
    ),
    "one_read": whole(completion(), [b"".join(streamed())]),
    "mistral": whole(
        completion([{"type": "thinking", "thinking": []}, *({"type": "text", "text": w} for w in WORDS)]),
        streamed(*(piece([{"type": "text", "text": w}]) for w in WORDS), counted(), b"[DONE]", words=()),
    ),
}
for _code in (301, 302, 307, 308):
    SCENARIOS[f"redirect_{_code}"] = status(f"{_code} Moved", "Location: /v1/canary")


async def _main(port: int) -> None:
    async with FaultyUpstream(port) as upstream:
        await upstream.forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
