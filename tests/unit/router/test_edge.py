"""The edge: a connection that ends takes everything of its own with it."""

import asyncio
import gc

import pytest
import uvicorn

from router.edge import EdgeProtocol

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONNECTIONS = 20

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def greet(scope, receive, send):
    assert scope["type"] == "http"
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


class Server(uvicorn.Server):
    def __init__(self, config):
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.listens.set()


@pytest.fixture
async def port():
    server = Server(uvicorn.Config(greet, port=0, http=EdgeProtocol, lifespan="off", log_level="error"))
    with server.capture_signals():
        running = asyncio.create_task(server._serve())
        await server.listens.wait()
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        await running


async def visit(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK)
    assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


async def test_closed_connections_leave_nothing_for_the_collector(port):
    await visit(port)
    gc.collect()
    gc.disable()
    before = sum(isinstance(each, EdgeProtocol) for each in gc.get_objects())

    for _ in range(CONNECTIONS):
        await visit(port)

    alive = sum(isinstance(each, EdgeProtocol) for each in gc.get_objects())
    gc.enable()
    # The last one may still be on its way out.
    assert alive - before <= 1
