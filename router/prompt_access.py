"""Who manages which prompts, and how a path and a query say which of them are meant (3.3)."""

from typing import Any

from litestar import Request
from msgspec import Struct

from accounts.projects import DEFAULT_PROJECT, ID, Projects
from agents.prompts.errors import PromptInvalid, PromptUnknown
from agents.prompts.prompt import Which
from agents.prompts.prompts import Prompts
from agents.prompts.store import echoed
from router.auth import ADMIN, Principal
from router.errors import Refused
from router.families import F2
from router.metered import check_scopes
from router.prompt_paths import name_in

PATH = "/api/v1/prompts"
NAMED = f"{PATH}/{{name:str}}"
TAGS = ["prompts"]
SURFACE = "prompts"
MOST_BYTES = 1_000_000  # of a body: a message may have 200,000 characters
LONGEST_NUMBER = 9  # digits of a version


class Desk(Struct, frozen=True):
    """The prompts that one caller may manage: those of his project."""

    prompts: Prompts
    project_id: str
    author: str


async def desk_of(request: Request[Principal, Any, Any]) -> Desk:
    """Return what the caller may manage.

    A key manages the prompts of its own project, a token without one those of the default project, an admin key those
    of the project that the query names as `projectId`.

    Raises:
        Refused: `forbidden`: the key has not got the scope, or it is another's project; `not_found`: nobody's.

    """
    caller = request.user
    named = request.query_params.get("projectId")
    if caller.kind == ADMIN:
        project_id = await _existing(request, named or DEFAULT_PROJECT)
    else:
        check_scopes(caller, (), None, SURFACE, F2)
        project_id = caller.project_id
        if named not in {None, project_id}:
            told = "a key manages the prompts of its own project"
            raise Refused("forbidden", told, param="projectId", source="query")
    return Desk(request.app.state.prompts, project_id, caller.subject)


async def _existing(request: Request[Principal, Any, Any], project_id: str) -> str:
    projects: Projects = request.app.state.projects
    # What no project can be named may be what no database can look for.
    if ID.fullmatch(project_id) is None:
        raise Refused("not_found", "there is no such project", param="projectId", source="query")
    return (await projects.find(project_id)).id


def numbered(component: str, name: str) -> int:
    """Return the number of a version that a component of a path is.

    Raises:
        PromptUnknown: It is none.

    """
    if not is_number(component):
        told = f"Prompt '{echoed(name_in(name))}' has no version '{echoed(name_in(component))}'"
        raise PromptUnknown(told, param="version")
    return int(component)


def meant(request: Request[Any, Any, Any]) -> Which:
    """Return which version the query's `version` or `label` means; the one in production without either.

    Raises:
        PromptInvalid: Both are there, or `version` is no number.

    """
    query = request.query_params
    version, label = query.get("version"), query.get("label")
    if version is not None and label is not None:
        raise PromptInvalid("send 'version' or 'label', not both", param="label")
    if version is not None and not is_number(version):
        raise PromptInvalid("'version' must be the number of a version", param="version")
    return Which(None if version is None else int(version), label)


def either(text: str) -> Which:
    """Return the version that is meant by a text which is a number or a label."""
    return Which(version=int(text)) if is_number(text) else Which(label=text)


def is_number(text: str) -> bool:
    """Whether a text is the number of a version, as far as it goes."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
