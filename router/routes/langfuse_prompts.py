"""`/api/public/*`: prompts as Langfuse's clients read, list, create, label and delete them (3.3.7).

What langfuse-python 5.0.4 calls: `GET v2/prompts/{name}` with `label` or `version`, `GET` and `POST v2/prompts`,
`PATCH v2/prompts/{name}/versions/{version}` with `newLabels`, `DELETE v2/prompts/{name}` with `label` or `version`, and
`GET projects` to check its keys. Statuses are those of Langfuse's server: 201 for a new version, 204 for a deletion.
"""

from functools import partial
from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath

from accounts.projects import Projects
from agents.aside import aside
from agents.prompts.listing import Asked
from agents.prompts.prompt import Which
from agents.prompts.publishing import Publications
from router.auth import Principal
from router.bodies import page_limit, sent
from router.errors import Refused
from router.etags import with_etag
from router.families import F5
from router.framing import answers
from router.langfuse_shapes import (
    Organization,
    ProjectList,
    PromptList,
    SentLabels,
    SentPrompt,
    ShownProject,
    ShownPrompt,
    listed,
    publication_of,
    shown,
)
from router.moments import moment_in
from router.prompt_access import MOST_BYTES, desk_of, is_number, meant, numbered
from router.prompt_paths import name_in

PUBLIC = "/api/public"
PATH = f"{PUBLIC}/v2/prompts"
NAMED = f"{PATH}/{{name:str}}"
TAGS = ["langfuse"]
MOST_ROWS = 100
USUAL_ROWS = 50
LONG_CONFIGS = 20_000  # characters of a page that is not made on the loop
ORGANIZATION = Organization("organization", "Routeur IA")


@get(NAMED, tags=TAGS, responses=answers(ShownPrompt))
async def read_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return a version of a prompt, by `label` or `version`; without either the one in production.

    Keep the answer and its ETag: with the ETag in `If-None-Match` the answer is 304 until anything changes.
    """
    desk = await desk_of(request)
    return with_etag(request, shown(*await desk.prompts.loaded(desk.project_id, name_in(name), meant(request))))


@get(PATH, tags=TAGS)
async def list_prompts(request: Request[Principal, Any, Any]) -> PromptList:
    """List prompts by name, with their versions; `name`, `label`, `tag`, `fromUpdatedAt` and `toUpdatedAt` pick."""
    desk, query = await desk_of(request), request.query_params
    if query.get("filter"):
        # Left out, it would give what was not asked for.
        told = "'filter' is not served here: use 'name', 'label' and 'tag'"
        raise Refused("invalid_request", told, param="filter", source="query")
    asked = Asked(
        page=_page(request),
        limit=page_limit(request, MOST_ROWS, USUAL_ROWS),
        name=query.get("name"),
        label=query.get("label"),
        tag=query.get("tag"),
        since=moment_in(query.get("fromUpdatedAt"), "fromUpdatedAt", F5),
        before=moment_in(query.get("toUpdatedAt"), "toUpdatedAt", F5),
    )
    page = await _publications(request).page(desk.project_id, asked)
    view = partial(listed, page, asked)
    return await aside(view) if sum(len(row.stored_config) for row in page.rows) > LONG_CONFIGS else view()


@post(PATH, status_code=201, tags=TAGS, opt={"body": SentPrompt})
async def create_prompt(request: Request[Principal, Any, Any]) -> ShownPrompt:
    """Make a version, and its prompt if there is none; its labels leave other versions, `production` promotes it."""
    desk = await desk_of(request)
    new = publication_of(await sent(request, SentPrompt, MOST_BYTES))
    return shown(*await _publications(request).publish(desk.project_id, new, desk.author))


@patch(f"{NAMED}/versions/{{version:str}}", tags=TAGS, opt={"body": SentLabels})
async def label_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> ShownPrompt:
    """Put labels on a version, beside those it has; they leave other versions, `production` promotes it."""
    desk = await desk_of(request)
    labels = (await sent(request, SentLabels, MOST_BYTES)).new_labels
    number = numbered(version, name)
    return shown(*await _publications(request).label(desk.project_id, name_in(name), number, labels, desk.author))


@delete(NAMED, tags=TAGS)
async def delete_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> None:
    """Delete a draft by `label` or `version`; without either the prompt, whatever is in production."""
    desk, which = await desk_of(request), meant(request)
    if which == Which():
        await desk.prompts.delete(desk.project_id, name_in(name))
    else:
        await _publications(request).withdraw(desk.project_id, name_in(name), which)


@get(f"{PUBLIC}/projects", tags=TAGS)
async def list_own_project(request: Request[Principal, Any, Any]) -> ProjectList:
    """Return the project of the caller: with it clients check their keys."""
    desk = await desk_of(request)
    projects: Projects = request.app.state.projects
    project = await projects.find(desk.project_id)
    return ProjectList([ShownProject(project.id, project.name, ORGANIZATION, {})])


def _publications(request: Request[Principal, Any, Any]) -> Publications:
    return request.app.state.publications


def _page(request: Request[Principal, Any, Any]) -> int:
    text = request.query_params.get("page", "1")
    if not is_number(text) or int(text) == 0:
        raise Refused("invalid_request", "'page' must be an integer from 1 on", param="page", source="query")
    return int(text)


ROUTES = (list_prompts, read_prompt, create_prompt, label_version, delete_prompt, list_own_project)
