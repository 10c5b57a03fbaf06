"""`/api/v1/prompts/{name}/versions`: drafts made, edited and deleted; versions read, labelled, promoted, archived."""

from functools import partial
from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath

from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import Version, Which
from router.auth import Principal
from router.bodies import page_limit, sent
from router.etags import with_etag
from router.framing import answers
from router.prompt_access import MOST_BYTES, NAMED, TAGS, Desk, desk_of, is_number, numbered
from router.prompt_paths import name_in
from router.prompt_views import (
    DraftRequest,
    LabelsRequest,
    VersionAnswer,
    VersionList,
    VersionRequest,
    VersionRow,
    draft_of,
    shown,
    version_answer,
    version_row,
)
from router.routes.prompt_keys import Done

PATH = f"{NAMED}/versions"
NUMBERED = f"{PATH}/{{version:str}}"
MOST_ROWS = 20  # of a page: a version may have a megabyte


@get(PATH, tags=TAGS)
async def list_versions(request: Request[Principal, Any, Any], name: FromPath[str]) -> VersionList:
    """List the versions of a prompt, the newest first; `limit` and `after`, a number, page through them."""
    desk = await desk_of(request)
    after = request.query_params.get("after")
    if after is not None and not is_number(after):
        raise PromptInvalid("'after' must be the number of a version", param="after")
    before, limit = None if after is None else int(after), page_limit(request, MOST_ROWS, MOST_ROWS)
    prompt, page = await desk.prompts.versions_page(desk.project_id, name_in(name), before=before, limit=limit)

    def rows() -> list[VersionRow]:
        return [version_row(prompt, version) for version in page.rows]

    return VersionList(await shown(rows, *page.rows), page.has_more)


@post(PATH, status_code=200, tags=TAGS, opt={"body": VersionRequest})
async def add_version(request: Request[Principal, Any, Any], name: FromPath[str]) -> VersionAnswer:
    """Make a draft under the next number."""
    desk = await desk_of(request)
    asked = await sent(request, VersionRequest, MOST_BYTES)
    draft = draft_of(asked, request.app.state.menu)
    version = await desk.prompts.add(desk.project_id, name_in(name), draft, desk.author, asked.labels)
    return await _told(desk, name, version)


@get(NUMBERED, tags=TAGS, responses=answers(VersionAnswer))
async def find_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> Response[bytes]:
    """Return a version; with its ETag in `If-None-Match` the answer is 304 until anything of it changes."""
    desk = await desk_of(request)
    which = Which(version=numbered(version, name))
    found = await desk.prompts.loaded(desk.project_id, name_in(name), which)
    return with_etag(request, await shown(partial(version_answer, *found), found[1]))


@put(NUMBERED, tags=TAGS, opt={"body": DraftRequest})
async def edit_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> VersionAnswer:
    """Write a draft anew, all of it; a version that was promoted or archived stays as it is (409)."""
    desk, number = await desk_of(request), numbered(version, name)
    draft = draft_of(await sent(request, DraftRequest, MOST_BYTES), request.app.state.menu)
    return await _told(desk, name, await desk.prompts.edit(desk.project_id, name_in(name), number, draft))


@delete(NUMBERED, status_code=200, tags=TAGS)
async def delete_version(request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]) -> Done:
    """Delete a draft, whose number is not given again; a version that was promoted or archived stays (409)."""
    desk, number = await desk_of(request), numbered(version, name)
    await desk.prompts.remove(desk.project_id, name_in(name), number)
    return Done()


@post(f"{NUMBERED}/promote", status_code=200, tags=TAGS)
async def promote_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> VersionAnswer:
    """Put a version in production; after this answer no run anywhere gets the one before, which is archived."""
    desk, number = await desk_of(request), numbered(version, name)
    return await _told(desk, name, await desk.prompts.promote(desk.project_id, name_in(name), number, desk.author))


@post(f"{NUMBERED}/archive", status_code=200, tags=TAGS)
async def archive_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> VersionAnswer:
    """Archive a version; if it was in production, the prompt is out of service until another is promoted."""
    desk, number = await desk_of(request), numbered(version, name)
    return await _told(desk, name, await desk.prompts.archive(desk.project_id, name_in(name), number))


@put(f"{NUMBERED}/labels", tags=TAGS, opt={"body": LabelsRequest})
async def label_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> VersionAnswer:
    """Put exactly these labels on a version, which leave other versions; `production` and `latest` nobody sets."""
    desk, number = await desk_of(request), numbered(version, name)
    labels = (await sent(request, LabelsRequest)).labels
    return await _told(desk, name, await desk.prompts.relabel(desk.project_id, name_in(name), number, labels))


async def _told(desk: Desk, name: str, version: Version) -> VersionAnswer:
    prompt = await desk.prompts.find(desk.project_id, name_in(name))
    return await shown(partial(version_answer, prompt, version), version)


ROUTES = (
    list_versions,
    add_version,
    find_version,
    edit_version,
    delete_version,
    promote_version,
    archive_version,
    label_version,
)
