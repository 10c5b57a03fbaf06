import asyncio
import weakref
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.providers.connection import PAUSE_AT_BYTES, Connection

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nRetry-After: 3\r\n"
ANSWERS = st.sampled_from(
    [
        HEAD + b"Content-Length: 11\r\n\r\nhello world",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 11\r\n\r\nhello world",
    ]
)


async def read(connection):
    while not (chunk := connection.take()) and not connection.is_over():
        await connection.more()
    return chunk


class Line(asyncio.Transport):
    """A transport that only remembers."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.aborted = self.paused = False

    def write(self, data):
        self.written += data

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.aborted

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        self.paused = False


def asked():
    connection, line = Connection(), Line()
    connection.connection_made(line)
    connection.ask(b"POST")
    return connection, line


async def drained(connection):
    body = b""
    while part := await read(connection):
        body += part
    return body


@given(ANSWERS, st.lists(st.integers(0, 200)))
def test_however_the_bytes_are_cut_the_answer_is_the_same(answer, cuts):
    async def scenario():
        connection, _ = asked()
        for start, end in pairwise(sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})):
            connection.data_received(answer[start:end])
        return connection.status, connection.retry_after, await drained(connection), connection.reusable()

    assert asyncio.run(scenario()) == (200, b"3", b"hello world", True)


@given(st.one_of(st.binary(), st.binary().map(HEAD.__add__)), st.lists(st.integers(0, 300)))
def test_no_bytes_whatever_do_more_than_break_the_connection(data, cuts):
    async def scenario():
        connection, line = asked()
        for start, end in pairwise(sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})):
            if not line.aborted:
                connection.data_received(data[start:end])
        connection.connection_lost(None)
        await connection.head()
        await drained(connection)
        return connection

    connection = asyncio.run(scenario())

    assert connection.ended or connection.broken in {"reset", "cut", "malformed"}
    assert not connection.reusable()


@pytest.mark.anyio
async def test_a_reader_that_stops_stops_the_provider_too():
    connection, line = asked()
    connection.data_received(HEAD + b"Content-Length: 999999999\r\n\r\n" + b"x" * (PAUSE_AT_BYTES + 1))
    stopped = line.paused

    await read(connection)

    assert stopped
    assert not line.paused


@pytest.mark.anyio
async def test_a_byte_on_an_idle_connection_closes_it():
    connection, line = asked()
    connection.data_received(HEAD + b"Content-Length: 0\r\n\r\n")
    connection.release()

    connection.data_received(b"H")

    assert line.aborted


@pytest.mark.anyio
async def test_a_second_answer_in_the_same_read_spoils_the_connection_but_not_the_first():
    connection, _ = asked()

    connection.data_received((HEAD + b"Content-Length: 2\r\n\r\nok") * 2)

    assert await drained(connection) == b"ok"
    assert not connection.reusable()


@pytest.mark.anyio
@pytest.mark.usefixtures("collector_off")
async def test_a_connection_that_was_lost_does_not_wait_for_the_collector():
    connection, _ = asked()
    connection.data_received(HEAD + b"Content-Length: 11\r\n\r\nhello")
    gone = weakref.ref(connection)

    connection.connection_lost(None)
    del connection, _

    assert gone() is None
