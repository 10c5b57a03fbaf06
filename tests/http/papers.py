"""Documents as callers send them, and projects of a gateway that reads them."""

from pathlib import Path

import requests

from tests.gateway import Gateway
from tests.http.accounts import Caller


def path_of(project_id: str, document_id: str = "") -> str:
    return f"/projects/{project_id}/documents" + (f"/{document_id}" if document_id else "")


def send_file(
    caller: Caller, project_id: str, content: bytes, file_name: str | None = "notes.txt", **fields: str
) -> requests.Response:
    """Upload a file as a form."""
    files = {"file": (file_name, content)}
    headers = {} if caller.credential is None else {"Authorization": f"Bearer {caller.credential}"}
    url = caller.gateway.url + path_of(project_id)
    return requests.post(url, files=files, data=fields, headers=headers, timeout=60)


def send_body(caller: Caller, project_id: str, body: object, content_type: str | None) -> requests.Response:
    """Upload these very bytes, or what an iterator yields of them, in chunks then."""
    headers = {"Authorization": f"Bearer {caller.credential}"}
    headers |= {} if content_type is None else {"Content-Type": content_type}
    return requests.post(caller.gateway.url + path_of(project_id), data=body, headers=headers, timeout=60)  # type: ignore[arg-type]


def form(*parts: tuple[bytes, bytes], boundary: str = "X", end: bytes | None = None) -> bytes:
    """Return a form: heads of parts and what is in them."""
    written = b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), head, content) for head, content in parts)
    return written + (b"--%b--\r\n" % boundary.encode() if end is None else end)


def listed(caller: Caller, project_id: str, **query: str) -> list[dict[str, object]]:
    response = caller.call("GET", path_of(project_id), **query)
    assert response.status_code == 200, response.text
    return response.json()["documents"]


def resident_mb(gateway: Gateway) -> float:
    """Return what of the gateway's own process is in memory, at most so far."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
