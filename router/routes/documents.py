"""`/projects/{id}/documents`: what a project's agents may read, taken in, listed and deleted (2.2.3)."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

from accounts.idempotency.idempotency import Idempotency
from accounts.pages import MOST_ROWS
from documents.document import Document, Format, State
from documents.errors import DocumentUnknown
from metering.middleware import Receive
from router.arriving import arriving
from router.auth import Principal
from router.bodies import page_limit
from router.decoding import decode, is_json
from router.errors import Refused
from router.forms import FILE, MOST_FORM_BYTES, Field, boundary_of, read_form
from router.library import Holdings
from router.projects import ProjectChoice
from router.uploads import MOST_NAME_BYTES, Intake

PATH = "/projects/{project_id:str}/documents"
TAGS = ["documents"]
SURFACE = "documents"
MOST_JSON_BYTES = 4_000_000  # it is held whole, where a file is not
PIECE_BYTES = 64_000  # of a text, as it is kept
NAME = "name"
UNAVAILABLE = "les documents demandent un modèle d'embeddings, définissez ROUTER_LOCAL=on ou ROUTER_EMBEDDINGS_MODEL"
SEND = "envoyez du multipart/form-data avec un fichier « file », ou du application/json avec « text »"
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "txt, md, html, pdf or docx, by its content"},
        "name": {"type": "string", "description": "Instead of the file's own name"},
    },
}


class NewDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A text to keep; its name says whether it is txt, md or html."""

    text: str
    name: str | None = None


class DocumentRow(Struct, frozen=True, kw_only=True):
    """A document: `tokens` once it is ready, `error` once it has failed."""

    id: str
    name: str
    bytes: int
    tokens: int | None
    state: State
    error: str | None


class ListedDocument(DocumentRow, frozen=True, kw_only=True):
    """A document as it is listed; `created_at` in UTC, `passages` once it is ready."""

    created_at: datetime
    passages: int | None
    format: Format


class DocumentList(Struct, frozen=True):
    """Documents by id, how many the project has, and whether there are more after the last one."""

    documents: list[ListedDocument]
    total: int
    has_more: bool


class DeletedDocument(Struct, frozen=True):
    """It is gone, with all that was made from it."""

    id: str
    deleted: bool = True


@post(PATH, status_code=200, tags=TAGS, opt={"body": NewDocument, "form": FORM})
async def upload_document(request: Request[Principal, Any, Any], project_id: FromPath[str]) -> DocumentRow:
    """Keep a file, or a text; it is read behind this answer. The same bytes again are the same document."""
    _check_scope(request)
    own = await _projects(request).named(project_id, request.user)
    holdings = _holdings(request)
    if holdings.library is None:
        raise Refused("model_unavailable", UNAVAILABLE)
    caller = request.user
    with holdings.places.taken(own):
        async with holdings.documents.upload(own) as upload:
            name = Field(NAME, MOST_NAME_BYTES)
            intake = Intake(upload, holdings.most_bytes, name)
            await _take_in(request, intake, name)
            found = await intake.end()
            document = await upload.finish(name=intake.name, format=found, subject=caller.subject, key_id=caller.key_id)
    return DocumentRow(**_fields(document))


@get(PATH, tags=TAGS)
async def list_documents(request: Request[Principal, Any, Any], project_id: FromPath[str]) -> DocumentList:
    """List the documents of a project; `limit` and `after` page through them."""
    own = await _project_of(request, project_id)
    after, limit = request.query_params.get("after", ""), page_limit(request, MOST_ROWS, MOST_ROWS)
    if after and _id_of(after) is None:
        raise Refused(
            "invalid_request", "« after » doit être l'identifiant d'un document", param="after", source="query"
        )
    page = await _holdings(request).documents.page(own, after.lower(), limit)
    return DocumentList([_listed(document) for document in page.rows], page.total, page.has_more)


@get(f"{PATH}/{{document_id:str}}", tags=TAGS)
async def find_document(
    request: Request[Principal, Any, Any], project_id: FromPath[str], document_id: FromPath[str]
) -> ListedDocument:
    """Return a document of a project."""
    own = await _project_of(request, project_id)
    return _listed(await _holdings(request).documents.find(own, _known_id(document_id)))


@delete(f"{PATH}/{{document_id:str}}", status_code=200, tags=TAGS)
async def delete_document(
    request: Request[Principal, Any, Any], project_id: FromPath[str], document_id: FromPath[str]
) -> DeletedDocument:
    """Delete a document and all that was made from it; no answer reads it from now on."""
    own = await _project_of(request, project_id)
    found = _known_id(document_id)
    await _holdings(request).documents.delete(own, found)
    # Answers that are kept to be given again may have its text.
    idempotency: Idempotency = request.app.state.idempotency
    await idempotency.forget_naming(own, found)
    return DeletedDocument(found)


async def _project_of(request: Request[Principal, Any, Any], project_id: str) -> str:
    """Return the project, if the caller may look at its documents and delete them.

    Raises:
        Refused: `forbidden`, `not_found`.

    """
    _check_scope(request)
    return await _projects(request).kept(project_id, request.user)


def _check_scope(request: Request[Principal, Any, Any]) -> None:
    lacking = request.user.scopes.refusal((), None, SURFACE)
    if lacking is not None:
        raise Refused("forbidden", f"il manque à la clé la permission « {lacking} »")


def _projects(request: Request[Principal, Any, Any]) -> ProjectChoice:
    return request.app.state.project_choice


def _holdings(request: Request[Principal, Any, Any]) -> Holdings:
    return request.app.state.documents


async def _take_in(request: Request[Principal, Any, Any], intake: Intake, name: Field) -> None:
    """Take in the body, a form or JSON.

    Raises:
        Refused: It is neither, or not as it must be.

    """
    headers = request.scope["headers"]
    receive = cast("Receive", request.receive)
    most = _holdings(request).most_bytes
    content_type = next((value for name, value in headers if name == b"content-type"), b"")
    if is_json(content_type):
        chunks = [chunk async for chunk in arriving(receive, headers, min(most, MOST_JSON_BYTES))]
        intake.own_name, text = _named_text(chunks)
        for start in range(0, len(text), PIECE_BYTES):
            await intake.add(text[start : start + PIECE_BYTES])
        return
    boundary = boundary_of(content_type)
    if boundary is None:
        raise Refused("unsupported_media_type", SEND, param="Content-Type", source="header")
    await read_form(arriving(receive, headers, most + MOST_FORM_BYTES), boundary, {FILE: intake, NAME: name})


def _named_text(chunks: list[bytes]) -> tuple[str, bytes]:
    """Take the name and the text out of a body, and empty it: decoded, a text may be five times as large.

    Raises:
        Refused: It is not as it must be.

    """
    body = b"".join(chunks)
    chunks.clear()
    new = decode(_decoder, body)
    return (new.name or "").strip(), new.text.encode("utf-8", "replace")


_decoder = msgspec.json.Decoder(NewDocument)


def _known_id(document_id: str) -> str:
    found = _id_of(document_id)
    if found is None:
        raise DocumentUnknown
    return found


def _id_of(text: str) -> str | None:
    """Return an id of a document as it is kept; None for what is no UUID as they are written."""
    try:
        found = str(UUID(text))
    except ValueError:
        return None
    return found if found == text.lower() else None


def _listed(document: Document) -> ListedDocument:
    return ListedDocument(
        **_fields(document), created_at=document.created_at, passages=document.passages, format=document.format
    )


def _fields(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name,
        "bytes": document.size,
        "tokens": document.tokens,
        "state": document.state,
        "error": document.error,
    }


ROUTES = (upload_document, list_documents, find_document, delete_document)
