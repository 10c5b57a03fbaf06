"""Documents where something stands in the way: slow senders, a disk that takes nothing, limits of rate."""

import json
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

from tests.gateway import Gateway, refused, vendors
from tests.http.accounts import Administrator, admin_key, within
from tests.http.papers import listed, path_of, resident_mb, send_file
from tests.upstream import Upstream

EMBEDS = {"ROUTER_EMBEDDINGS_MODEL": "text-embedding-3-small"}
PLACES = 64


def begin(
    caller: Administrator, project: str, kind: str = "multipart/form-data; boundary=X", length: int = 1_000_000
) -> socket.socket:
    """Begin an upload whose body does not come."""
    wire = socket.create_connection(("127.0.0.1", caller.gateway.port), timeout=30)
    lines = [
        f"POST {path_of(project)} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {caller.credential}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
    ]
    wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
    return wire


def test_slow_senders_of_one_project_leave_room_for_the_others(archivist: Administrator) -> None:
    slow, other = archivist.project(), archivist.project()
    with ExitStack() as wires:
        for _ in range(PLACES):
            wires.enter_context(begin(archivist, slow))

        assert within(10, lambda: send_file(archivist, slow, b"Bonjour").status_code == 503)
        response = send_file(archivist, other, b"Bonjour")
        error = refused(send_file(archivist, slow, b"Bonjour"), 503, "overloaded")

    assert response.status_code == 200, response.text
    assert error["message"]
    assert within(10, lambda: send_file(archivist, slow, b"Bonjour").status_code == 200)


def test_gateway_without_a_folder_for_uploads_answers_and_reads_them_once_there_is_one(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    house = gateway_with(**vendors(upstream), **EMBEDS)
    admin = Administrator(house, admin_key(house))
    project = admin.project()
    assert house.stop() == 0
    in_the_way = house.folder / "data" / "uploads"
    in_the_way.rmdir()
    in_the_way.write_text("")
    house.start()

    sent = send_file(admin, project, b"Le four est chaud").json()["id"]
    assert within(10, lambda: "documents wait" in house.log), house.log
    assert admin.caller(project).ask("Bonjour").status_code == 200
    assert listed(admin, project)[0]["state"] == "processing"
    in_the_way.unlink()

    assert within(30, lambda: [(row["id"], row["state"]) for row in listed(admin, project)] == [(sent, "ready")])
    assert "Traceback" not in house.log


def test_long_texts_that_end_at_once_take_little_more_than_their_bytes(archivist: Administrator) -> None:
    project, count = archivist.project(), 12
    # One such character makes Python keep four bytes for each of a text.
    bodies = [json.dumps({"text": f"\U0001f600 {number} " + "a b " * 950_000}).encode() for number in range(count)]
    before, together = resident_mb(archivist.gateway), Barrier(count)

    def send(body: bytes) -> bytes:
        with begin(archivist, project, "application/json", len(body)) as wire:
            wire.sendall(body[:-1])
            together.wait(30)
            wire.sendall(body[-1:])
            return wire.recv(12)

    with ThreadPoolExecutor(count) as senders:
        answers = set(senders.map(send, bodies))
    grown = resident_mb(archivist.gateway) - before

    assert answers == {b"HTTP/1.1 200"}
    sys.stdout.write(f"\n{count} texts of 3.8 MB at once: {grown:.1f} MB more at the most\n")
    assert grown < 15 * count
