"""`router prompts export` and `import`: prompts as files, so that they can live in git."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from router.commands.prompt_terminal import AUTHOR, DEFAULT, print_outcomes, with_many_prompts, with_prompts
from router.process import refuse, settings_of_process
from router.settings import Settings, SettingsWrong

if TYPE_CHECKING:
    from agents.prompts.exchange import Outcome
    from agents.prompts.prompts import Prompts


def export_prompts(folder: Path, /, *, project: str = DEFAULT, json: bool = False) -> None:
    """Write every prompt of a project as a Markdown file: the version in production, else the newest.

    Parameters
    ----------
    folder
        Where to; made if there is none. Nothing is removed from it.
    project
        The project's id.
    json
        Print one JSON object a prompt.

    """
    from agents.prompts.exchange import exported  # noqa: PLC0415 - `--help` must be quick

    try:
        outcomes = with_prompts(project, lambda prompts: exported(prompts, project, folder))
    except OSError as cause:
        refuse([f"{cause.filename or folder}: {cause.strerror}"])
    print_outcomes(outcomes, as_json=json)


def import_prompts(
    folder: Path,
    /,
    *,
    promote: Annotated[bool, Parameter(negative=())] = False,
    project: str = DEFAULT,
    json: bool = False,
) -> None:
    """Bring the prompts of a project to what the files of a folder say: each that differs becomes a draft.

    Every file is checked before anything is written.

    Parameters
    ----------
    folder
        The folder, as `export` writes it.
    promote
        Put the version of each file in production.
    project
        The project's id.
    json
        Print one JSON object a prompt.

    """
    from agents.prompts.exchange import imported, incoming  # noqa: PLC0415 - `--help` must be quick

    models = chat_models(settings_of_process())

    async def work(prompts: "Prompts") -> "list[Outcome]":
        files = incoming(folder, models.__contains__)
        return await imported(prompts, project, files, AUTHOR, promote=promote)

    try:
        outcomes = with_many_prompts(project, work)
    except OSError as cause:
        refuse([f"{cause.filename or folder}: {cause.strerror}"])
    print_outcomes(outcomes, as_json=json)


def chat_models(settings: Settings) -> frozenset[str]:
    """Return every name that a chat model may have on a gateway with these settings, embedded ones too."""
    from pricing_tables.loader import load_catalogue  # noqa: PLC0415 - `--help` must be quick
    from router.menu import AUTO  # noqa: PLC0415 - same reason
    from router.rows import catalogue_of, provider_rows  # noqa: PLC0415 - same reason

    try:
        catalogue = catalogue_of(settings, provider_rows(settings), None)
    except SettingsWrong as wrong:
        refuse(wrong.problems)
    embedded = [model for model in load_catalogue(local_watts=settings.local_watts) if model.embedded]
    own = [] if settings.local_gguf is None else [settings.local_gguf.stem.lower()]
    chat = [model for model in (*catalogue, *embedded) if model.kind == "chat"]
    return frozenset([AUTO, *own, *[name for model in chat for name in (model.name, *model.aliases)]])
