"""`/api/public/*`: prompts as Langfuse's clients read, list, create, label and delete them (3.3.7).

What langfuse-python 5.0.4 calls: `GET v2/prompts/{name}` with `label` or `version`, `GET` and `POST v2/prompts`,
`PATCH v2/prompts/{name}/versions/{version}` with `newLabels`, `DELETE v2/prompts/{name}` with `label` or `version`, and
`GET projects` to check its keys. Statuses are those of Langfuse's server: 201 for a new version, 204 for a deletion.
"""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath
from msgspec import json

from accounts.projects import DEFAULT_PROJECT, Projects
from agents.prompts.listing import Asked
from agents.prompts.prompt import Which
from agents.prompts.prompts import Prompts
from agents.prompts.publishing import Publications
from router.auth import Principal
from router.bodies import body_of, page_limit
from router.decoding import decode, require_json
from router.errors import Refused
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
from router.prompt_paths import name_in
from router.words import ENGLISH

PUBLIC = "/api/public"
PATH = f"{PUBLIC}/v2/prompts"
NAMED = f"{PATH}/{{name:str}}"
TAGS = ["langfuse"]
SURFACE = "prompts"
MOST_BYTES = 1_000_000
MOST_ROWS = 100
USUAL_ROWS = 50
LONGEST_NUMBER = 9  # digits of a page or a version
ORGANIZATION = Organization("organization", "Routeur IA")
_prompt = json.Decoder(SentPrompt)
_labels = json.Decoder(SentLabels)


@get(NAMED, tags=TAGS)
async def read_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> ShownPrompt:
    """Return a version of a prompt, by `label` or `version`; without either the one in production."""
    prompts: Prompts = request.app.state.prompts
    prompt, version = await prompts.loaded(_project_of(request), name_in(name), _which(request))
    return shown(prompt, version)


@get(PATH, tags=TAGS)
async def list_prompts(request: Request[Principal, Any, Any]) -> PromptList:
    """List prompts by name, with their versions; `name`, `label`, `tag`, `fromUpdatedAt` and `toUpdatedAt` pick."""
    project_id = _project_of(request)
    query = request.query_params
    if query.get("filter"):
        raise Refused("invalid_request", "'filter' is not served here; use 'name', 'label' and 'tag'", param="filter")
    asked = Asked(
        page=_number(request, "page") or 1,
        limit=page_limit(request, MOST_ROWS, USUAL_ROWS),
        name=query.get("name"),
        label=query.get("label"),
        tag=query.get("tag"),
        since=_moment(request, "fromUpdatedAt"),
        before=_moment(request, "toUpdatedAt"),
    )
    return listed(await _publications(request).page(project_id, asked), asked)


@post(PATH, status_code=201, tags=TAGS, opt={"body": SentPrompt})
async def create_prompt(request: Request[Principal, Any, Any]) -> ShownPrompt:
    """Make a version, and its prompt if there is none; its labels leave other versions, `production` promotes it."""
    project_id = _project_of(request)
    new = publication_of(decode(_prompt, await _json_of(request), ENGLISH))
    return shown(*await _publications(request).publish(project_id, new, request.user.subject))


@patch(f"{NAMED}/versions/{{version:str}}", tags=TAGS, opt={"body": SentLabels})
async def label_version(
    request: Request[Principal, Any, Any], name: FromPath[str], version: FromPath[str]
) -> ShownPrompt:
    """Put labels on a version, beside those it has; they leave other versions, `production` promotes it."""
    project_id = _project_of(request)
    labels = decode(_labels, await _json_of(request), ENGLISH).new_labels
    number = _positive(version, "version", "path")
    author = request.user.subject
    return shown(*await _publications(request).label(project_id, name_in(name), number, labels, author))


@delete(NAMED, tags=TAGS)
async def delete_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> None:
    """Delete a draft by `label` or `version`; without either the prompt, whatever is in production."""
    project_id, which = _project_of(request), _which(request)
    if which != Which():
        await _publications(request).withdraw(project_id, name_in(name), which)
        return
    prompts: Prompts = request.app.state.prompts
    await prompts.delete(project_id, name_in(name))


@get(f"{PUBLIC}/projects", tags=TAGS)
async def list_own_project(request: Request[Principal, Any, Any]) -> ProjectList:
    """Return the project of the caller: with it clients check their keys."""
    projects: Projects = request.app.state.projects
    project = await projects.find(_project_of(request))
    return ProjectList([ShownProject(project.id, project.name, ORGANIZATION, {})])


def _project_of(request: Request[Principal, Any, Any]) -> str:
    """Return the project whose prompts the caller may use.

    Raises:
        Refused: `forbidden`: its key is for other surfaces.

    """
    caller = request.user
    lacking = caller.scopes.refusal((), None, SURFACE)
    if lacking is not None:
        raise Refused("forbidden", f"the key lacks the scope '{lacking}'")
    return caller.project_id or DEFAULT_PROJECT


def _publications(request: Request[Principal, Any, Any]) -> Publications:
    return request.app.state.publications


async def _json_of(request: Request[Principal, Any, Any]) -> bytes:
    require_json(request.scope["headers"], ENGLISH)
    return await body_of(request, MOST_BYTES)


def _which(request: Request[Principal, Any, Any]) -> Which:
    """Return which version is asked for.

    Raises:
        Refused: `invalid_request`: both or a number that is none.

    """
    version, label = _number(request, "version"), request.query_params.get("label")
    if version is not None and label is not None:
        raise Refused("invalid_request", "give 'version' or 'label', not both", param="label", source="query")
    return Which(version, label)


def _number(request: Request[Principal, Any, Any], name: str) -> int | None:
    text = request.query_params.get(name)
    return None if text is None else _positive(text, name, "query")


def _positive(text: str, name: str, source: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER and int(text) > 0):
        raise Refused("invalid_request", f"'{name}' must be an integer from 1 on", param=name, source=source)
    return int(text)


def _moment(request: Request[Principal, Any, Any], name: str) -> datetime | None:
    """Return a time of the query; one without a zone is in UTC."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as cause:
        told = f"'{name}' must be a time as ISO 8601 writes it"
        raise Refused("invalid_request", told, param=name, source="query") from cause
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


ROUTES = (list_prompts, read_prompt, create_prompt, label_version, delete_prompt, list_own_project)
