"""Honest and dishonest bytes of a chat API: the pieces that the faulty upstream is made of."""

import json
import zlib
from collections.abc import Iterable
from functools import cache

WORDS = ("The", " café", " is", " open", " ☕.")
WORD = " yes"  # one token, and four bytes for who counts by bytes
ANSWER = "".join(WORDS)
USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
SECRET = "sk-upstream-secret-0123456789"


def completion(content: object = ANSWER, usage: object = USAGE, **extra: object) -> bytes:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage, **extra}).encode()


def piece(content: object, finish_reason: str | None = None) -> bytes:
    """One chunk of a stream."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return json.dumps(
        {"object": "chat.completion.chunk", "choices": [choice], "usage": None}, ensure_ascii=False
    ).encode()


def counted(usage: object = USAGE, choices: object = ()) -> bytes:
    """The chunk that tells usage."""
    return json.dumps({"object": "chat.completion.chunk", "choices": choices, "usage": usage}).encode()


def event(data: bytes, newline: bytes = b"\n") -> bytes:
    """One event of a stream."""
    return b"data: " + data + newline + newline


def streamed(*tail: bytes, words: Iterable[str] = WORDS) -> list[bytes]:
    """A stream: the words, then `tail`, or what an honest provider sends at the end."""
    end = tail or (piece("", "stop"), counted(), b"[DONE]")
    return [event(data) for data in (*map(piece, words), *end)]


def plain(*, stream: bool) -> tuple[bytes, str]:
    """An honest answer as one body, and its type."""
    return (b"".join(streamed()), "text/event-stream") if stream else (completion(), "application/json")


def response(body: bytes, status: str = "200 OK", kind: str = "application/json", *headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def head(kind: str = "text/event-stream", *headers: str) -> bytes:
    """The head of a chunked response."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", "Transfer-Encoding: chunked", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
DEEP = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
ERROR = json.dumps({"error": {"message": SECRET, "type": "server_error", "code": 500}}).encode()
PLAIN_ERROR = json.dumps({"object": "error", "message": SECRET, "type": "server_error"}).encode()


@cache
def bomb(megabytes: int) -> bytes:
    """Zeros that inflate to `megabytes`, gzipped."""
    packer = zlib.compressobj(9, wbits=31)
    block = b"0" * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
