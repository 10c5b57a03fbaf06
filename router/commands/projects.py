"""`router projects`: projects made, listed and archived."""

import sys
from typing import TYPE_CHECKING

from cyclopts import App

from router.process import print_json, print_table, with_accounts

if TYPE_CHECKING:
    from accounts.projects import Project
    from router.tenancy import Tenancy

app = App(name="projects", help="Projects made, listed and archived.")


@app.command(name="list")
def list_projects(*, json: bool = False) -> None:
    """List every project by id, archived ones too.

    Parameters
    ----------
    json
        One JSON object a line.

    """
    from accounts.pages import MOST_ROWS, Cut  # noqa: PLC0415 - `--help` must be quick

    async def work(tenancy: "Tenancy") -> "list[Project]":
        found: list[Project] = []
        more = True
        while more:
            page = await tenancy.projects.page_with_archived(Cut(found[-1].id if found else "", MOST_ROWS))
            found += page.rows
            more = page.has_more
        return found

    projects = with_accounts(work)
    if json:
        print_json(projects)
    else:
        print_table(
            ("id", "name", "created", "archived"),
            [(project.id, project.name, project.created_at, project.archived_at) for project in projects],
        )


@app.command
def create(name: str, *, id: str | None = None, json: bool = False) -> None:  # noqa: A002 - the option is --id
    """Make a project and print its id.

    Parameters
    ----------
    name
        How it is called in reports.
    id
        Letters, digits, `-` and `_`; one is made when none is given.
    json
        Print the project as an object.

    """
    project = with_accounts(lambda tenancy: tenancy.projects.create(name, id))
    if json:
        print_json([project])
    else:
        sys.stdout.write(f"{project.id}\n")


@app.command
def archive(project_id: str) -> None:
    """Archive a project: its keys stop working at once, its books stay.

    Parameters
    ----------
    project_id
        Its id.

    """
    project = with_accounts(lambda tenancy: tenancy.projects.archive(project_id))
    sys.stdout.write(f"archived {project.id}\n")
