"""Which project a request belongs to (2.2.2, 6.6c)."""

from collections.abc import Coroutine

from accounts.errors import AccountError
from accounts.projects import DEFAULT_PROJECT, ID, Projects
from router.auth import ADMIN, Principal
from router.errors import Refused
from router.requests import CompletionRequest


class ProjectChoice:
    """Chooses the project that a request is booked on.

    Args:
        projects: Those there are.
        development: Whether a token without a key makes projects by naming them.

    """

    def __init__(self, projects: Projects, *, development: bool) -> None:
        self._projects = projects
        self._development = development

    def of(self, request: CompletionRequest, principal: Principal) -> Coroutine[None, None, str]:
        """Return the id of the project that a request is booked on: the one it names, or its caller's.

        Raises:
            Refused: As `named`.
            StorageDown: The project cannot be looked up now.

        """
        return self.named(request.project_id or principal.project_id, principal)

    async def named(self, project_id: str, principal: Principal) -> str:
        """Return the id of the project that a caller names, if it is one to act on.

        A key acts on its own project alone, an admin key on every one that there is. A token without a key acts on
        the default one, in development on any.

        Raises:
            Refused: `not_found` for an unknown, archived or foreign project.
            StorageDown: The project cannot be looked up now.

        """
        if principal.kind == ADMIN:
            return await self._existing(project_id)
        if project_id != principal.project_id and (principal.key_id is not None or not self._development):
            raise _unknown()
        if principal.key_id is None and project_id != DEFAULT_PROJECT and not self._projects.is_known_open(project_id):
            try:
                await self._projects.open_by_name(project_id)
            except AccountError as cause:
                raise _unknown() from cause
        return project_id

    async def kept(self, project_id: str, principal: Principal) -> str:
        """Do as `named`; an admin key finds archived projects too: what they hold can be looked at and deleted.

        Raises:
            Refused, StorageDown: As above.

        """
        if principal.kind != ADMIN or ID.fullmatch(project_id) is None:
            return await self.named(project_id, principal)
        try:
            return (await self._projects.find(project_id)).id
        except AccountError as cause:
            raise _unknown() from cause

    async def _existing(self, project_id: str) -> str:
        # What no project can be named may be what no database can look for.
        if ID.fullmatch(project_id) is None:
            raise _unknown()
        if not self._projects.is_known_open(project_id):
            try:
                await self._projects.check_open(project_id)
            except AccountError as cause:
                raise _unknown() from cause
        return project_id


def _unknown() -> Refused:
    return Refused("not_found", "aucun projet de ce nom", param="project_id")
