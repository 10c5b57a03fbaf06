"""Which project a request belongs to (2.2.2, 6.6c)."""

from router.auth import DEFAULT_PROJECT, Principal
from router.errors import Refused
from router.requests import CompletionRequest


def project_of(request: CompletionRequest, principal: Principal, *, development: bool) -> str:
    """Return the project that the request is booked on.

    In development a project exists from the moment it is named. No project has documents yet, so every source is
    unknown.

    Raises:
        Refused: `not_found` for an unknown project, `invalid_request` for unknown sources, listing them.

    """
    project_id = request.project_id or principal.project_id
    if not development and project_id not in {principal.project_id, DEFAULT_PROJECT}:
        raise Refused("not_found", "aucun projet de ce nom", param="project_id")
    if request.sources:
        named = ", ".join(source[:64] for source in request.sources[:20])
        raise Refused("invalid_request", f"sources inconnues dans ce projet : {named}", param="sources")
    return project_id
