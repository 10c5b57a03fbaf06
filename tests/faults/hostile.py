"""Requests that no honest client sends: heads, bodies and bytes, with the status each deserves."""

import gzip
import random
from dataclasses import dataclass

LONG = 1_000_000  # bytes of the largest body
REFUSED = frozenset({400})
TOO_LARGE = frozenset({413})
HEAD_TOO_LARGE = frozenset({431})
NOT_JSON = frozenset({415})
CODES = {
    400: "invalid_request",
    413: "body_too_large",
    415: "unsupported_media_type",
    401: "unauthorized",
    404: "not_found",
    431: "headers_too_large",
}
ASK = b'{"message": "Bonjour", "model": "my-ok"}'


@dataclass(frozen=True)
class Wire:
    """Bytes as they are sent, where `%(host)s` and `%(token)s` are filled in, and the refusals that are right."""

    data: bytes
    statuses: frozenset[int] = REFUSED


def get(*lines: bytes, version: bytes = b"HTTP/1.1", host: bool = True) -> bytes:
    head = [b"GET /health " + version, *([b"Host: %(host)s"] if host else []), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def post(body: bytes, *lines: bytes, length: bytes | None = None, kind: bytes = b"application/json") -> bytes:
    head = [b"POST /completion HTTP/1.1", b"Host: %(host)s", b"Authorization: Bearer %(token)s"]
    if kind:
        head.append(b"Content-Type: " + kind)
    if not any(line.lower().startswith((b"transfer-encoding", b"content-length")) for line in lines):
        head.append(b"Content-Length: " + (b"%d" % len(body) if length is None else length))
    return b"\r\n".join([*head, *lines]) + b"\r\n\r\n" + body


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


HEADS: dict[str, Wire] = {
    "http-0.9": Wire(b"GET /health\r\n\r\n"),
    "http-0.9-said": Wire(get(version=b"HTTP/0.9")),
    "http-2-preface": Wire(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "http-9.9": Wire(get(version=b"HTTP/9.9")),
    "no-host": Wire(get(host=False)),
    "two-hosts": Wire(get(b"Host: other")),
    "two-hosts-the-same": Wire(get(b"Host: %(host)s")),
    "101-headers": Wire(get(*[b"X-A: b"] * 100), HEAD_TOO_LARGE),
    "20000-headers": Wire(get(*[b"X-A: b"] * 20_000), HEAD_TOO_LARGE),
    "33-kb-header": Wire(get(b"X-A: " + b"b" * 33_000), HEAD_TOO_LARGE),
    "1-mb-header": Wire(get(b"X-A: " + b"b" * LONG), HEAD_TOO_LARGE),
    "1-mb-header-name": Wire(get(b"X" * LONG + b": b"), HEAD_TOO_LARGE),
    "1-mb-path": Wire(b"GET /" + b"a" * LONG + b" HTTP/1.1\r\nHost: %(host)s\r\n\r\n", HEAD_TOO_LARGE),
    "1-mb-method": Wire(b"G" * LONG, frozenset({400, 431})),
    "nul-in-header": Wire(get(b"X-A: a\x00b")),
    "space-before-colon": Wire(get(b"X-A : b")),
    "folded-header": Wire(get(b"X-A: b", b" c")),
    "no-colon": Wire(get(b"nothing")),
    "tls": Wire(bytes.fromhex("16030100c6010000c20303") + bytes(190)),
    "zeros": Wire(bytes(4096)),
    "noise": Wire(random.Random(7).randbytes(4096)),
    "ssh": Wire(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "two-lengths": Wire(post(ASK, b"Content-Length: 40", b"Content-Length: 3")),
    "negative-length": Wire(post(ASK, length=b"-1")),
    "signed-length": Wire(post(ASK, length=b"+40")),
    "endless-length": Wire(post(ASK, length=b"9" * 40), frozenset({400, 413})),
    "length-and-chunks": Wire(post(chunked(ASK), b"Content-Length: 3", b"Transfer-Encoding: chunked")),
    "chunks-not-last": Wire(post(chunked(ASK), b"Transfer-Encoding: chunked, gzip")),
}

# The head was good and its request has begun, so nothing that follows can be told apart from its answer.
SPOILT: dict[str, bytes] = {
    "unknown-coding": post(chunked(ASK), b"Transfer-Encoding: xchunked"),
    "bad-chunk-size": post(b"zz\r\n", b"Transfer-Encoding: chunked"),
    "endless-chunk-size": post(b"f" * 40 + b"\r\n", b"Transfer-Encoding: chunked"),
    "chunk-longer-than-said": post(b"3\r\nabcdef\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "noise-after-a-request": post(ASK) + random.Random(7).randbytes(4096),
}

BODIES: dict[str, Wire] = {
    "1-mb-and-1-sent": Wire(post(b" " * (LONG + 1)), TOO_LARGE),
    "1-mb-and-1-chunked": Wire(post(chunked(*[b" " * 50_000] * 20, b" "), b"Transfer-Encoding: chunked"), TOO_LARGE),
    "deep": Wire(post(b"[" * 100_000 + b"]" * 100_000)),
    "deep-in-a-field": Wire(post(b'{"message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    "deep-unknown": Wire(post(b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    "deep-metadata": Wire(post(b'{"metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}")),
    "number-of-5000-digits": Wire(post(b'{"message": "a", "max_tokens": ' + b"9" * 5000 + b"}")),
    "number-past-64-bits": Wire(post(b'{"message": "a", "max_tokens": 18446744073709551616}')),
    "number-past-floats": Wire(post(b'{"message": "a", "temperature": 1e999}')),
    "nan": Wire(post(b'{"message": "a", "temperature": NaN}')),
    "infinity": Wire(post(b'{"message": "a", "temperature": -Infinity}')),
    "not-utf8": Wire(post(b'{"message": "\xff\xfe"}')),
    "overlong-utf8": Wire(post(b'{"message": "\xc0\xaf"}')),
    "surrogate-in-utf8": Wire(post(b'{"message": "\xed\xa0\x80"}')),
    "lone-surrogate": Wire(post(b'{"message": "\\ud800", "model": "my-ok"}')),
    "reversed-surrogates": Wire(post(b'{"message": "\\udc00\\ud800", "model": "my-ok"}')),
    "raw-nul": Wire(post(b'{"message": "a\x00b"}')),
    "not-utf8-in-a-key": Wire(post(b'{"\xff": 1, "message": "a"}')),
    "byte-order-mark": Wire(post(b"\xef\xbb\xbf" + ASK)),
    "utf-16": Wire(post(ASK.decode().encode("utf-16"))),
    "gzip": Wire(post(gzip.compress(ASK, mtime=0), b"Content-Encoding: gzip"), frozenset({400, 415})),
    "empty": Wire(post(b"")),
    "null": Wire(post(b"null")),
    "list": Wire(post(b"[]")),
    "text": Wire(post(b'"message"')),
    "cut-short": Wire(post(ASK[:-1])),
    "two-documents": Wire(post(ASK + ASK)),
    "no-type": Wire(post(ASK, kind=b""), NOT_JSON),
    "plain-text": Wire(post(ASK, kind=b"text/plain"), NOT_JSON),
    "form": Wire(post(b"message=a", kind=b"application/x-www-form-urlencoded"), NOT_JSON),
    "multipart": Wire(post(b"--x--", kind=b"multipart/form-data; boundary=x"), NOT_JSON),
}

# Answered while the rest is still to come: for ever, if the server waits for it.
UNENDED: dict[str, Wire] = {
    "1-mb-and-1": Wire(post(b"", length=b"%d" % (LONG + 1)), TOO_LARGE),
    "1-mb-of-chunks": Wire(post(chunked(*[b" " * 50_000] * 21, end=b""), b"Transfer-Encoding: chunked"), TOO_LARGE),
    "no-type": Wire(post(b"{", kind=b"", length=b"500"), NOT_JSON),
    "no-token": Wire(b"POST /completion HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 500\r\n\r\n{", frozenset({401})),
    "no-route": Wire(b"POST /nowhere HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 500\r\n\r\n{", frozenset({404})),
}
