"""`/projects`: what there is to book requests on (6.6c)."""

from datetime import datetime
from typing import Any

from litestar import Request, get, post
from msgspec import Struct

from accounts.pages import MOST_ROWS, Cut
from accounts.projects import DEFAULT_PROJECT, Project, Projects
from router.auth import ADMIN, Principal, require_admin
from router.bodies import page_limit, sent

TAGS = ["projects"]


class NewProject(Struct, frozen=True, forbid_unknown_fields=True):
    """What a project is made from; without an id it gets one."""

    name: str
    id: str | None = None


class ProjectRow(Struct, frozen=True):
    """A project; `created_at` in UTC."""

    id: str
    name: str
    created_at: datetime


class ProjectList(Struct, frozen=True):
    """Open projects by id, and whether there are more after the last one."""

    projects: list[ProjectRow]
    has_more: bool


@post("/projects", status_code=200, tags=TAGS, guards=[require_admin], opt={"body": NewProject})
async def create_project(request: Request[Principal, Any, Any]) -> ProjectRow:
    """Make a project."""
    asked = await sent(request, NewProject)
    projects: Projects = request.app.state.projects
    return _row(await projects.create(asked.name, asked.id))


@get("/projects", tags=TAGS)
async def list_projects(request: Request[Principal, Any, Any]) -> ProjectList:
    """List the open projects that the caller may book on; `limit` and `after` page through them."""
    projects: Projects = request.app.state.projects
    caller = request.user
    cut = Cut(request.query_params.get("after", ""), page_limit(request, MOST_ROWS, MOST_ROWS))
    if caller.kind == ADMIN or (caller.key_id is None and request.app.state.anonymous_tokens):
        page = await projects.page(cut)
        return ProjectList([_row(project) for project in page.rows], page.has_more)
    own = await projects.find(caller.project_id or DEFAULT_PROJECT)
    return ProjectList([_row(own)] if own.id > cut.after else [], has_more=False)


def _row(project: Project) -> ProjectRow:
    return ProjectRow(project.id, project.name, project.created_at)


ROUTES = (create_project, list_projects)
