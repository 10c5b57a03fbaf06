"""`/v1/organization/projects`: projects as OpenAI's admin API has them (6.2)."""

from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath
from msgspec import Struct

from accounts.projects import Projects
from router.bodies import sent
from router.vendor_objects import ObjectList, ProjectObject, cut_of, list_of, project_object

PATH = "/v1/organization/projects"
TAGS = ["organization"]


class ProjectName(Struct, frozen=True, forbid_unknown_fields=True):
    """How a project is called."""

    name: str


@get(PATH, tags=TAGS)
async def list_admin_projects(request: Request[Any, Any, Any]) -> ObjectList[ProjectObject]:
    """List the projects; archived ones too with `include_archived=true`."""
    projects: Projects = request.app.state.projects
    with_archived = request.query_params.get("include_archived", "").lower() == "true"
    cut = cut_of(request)
    page = await (projects.page_with_archived(cut) if with_archived else projects.page(cut))
    return list_of(page, project_object, lambda project: project.id)


@post(PATH, status_code=200, tags=TAGS, opt={"body": ProjectName})
async def create_admin_project(request: Request[Any, Any, Any]) -> ProjectObject:
    """Make a project with an id of its own."""
    asked = await sent(request, ProjectName)
    projects: Projects = request.app.state.projects
    return project_object(await projects.create(asked.name))


@get(f"{PATH}/{{project_id:str}}", tags=TAGS)
async def show_admin_project(request: Request[Any, Any, Any], project_id: FromPath[str]) -> ProjectObject:
    """Show one project."""
    projects: Projects = request.app.state.projects
    return project_object(await projects.find(project_id))


@post(f"{PATH}/{{project_id:str}}", status_code=200, tags=TAGS, opt={"body": ProjectName})
async def rename_admin_project(request: Request[Any, Any, Any], project_id: FromPath[str]) -> ProjectObject:
    """Give a project another name."""
    asked = await sent(request, ProjectName)
    projects: Projects = request.app.state.projects
    return project_object(await projects.rename(project_id, asked.name))


@post(f"{PATH}/{{project_id:str}}/archive", status_code=200, tags=TAGS)
async def archive_admin_project(request: Request[Any, Any, Any], project_id: FromPath[str]) -> ProjectObject:
    """Archive a project: its keys stop working at once."""
    projects: Projects = request.app.state.projects
    return project_object(await projects.archive(project_id))


ROUTES = (
    list_admin_projects,
    create_admin_project,
    show_admin_project,
    rename_admin_project,
    archive_admin_project,
)
