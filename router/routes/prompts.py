"""`/api/v1/prompts`: prompts listed, made, read, changed, deleted, rolled back and compared (3.3)."""

from functools import partial
from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath

from accounts.pages import MOST_ROWS, USUAL_ROWS
from agents.aside import aside
from agents.prompts.diff import difference
from agents.prompts.errors import PromptInvalid, PromptUnknown
from agents.prompts.prompt import LATEST, PRODUCTION, Config, StoredPrompt, Version, Which
from router.auth import Principal
from router.bodies import page_limit, sent
from router.etags import with_etag
from router.framing import answers
from router.prompt_access import MOST_BYTES, NAMED, PATH, TAGS, Desk, desk_of, either, meant
from router.prompt_paths import name_in
from router.prompt_views import (
    DiffAnswer,
    PromotionList,
    PromptAnswer,
    PromptList,
    PromptPatch,
    PromptRequest,
    VersionAnswer,
    change_of,
    content_of,
    draft_of,
    new_prompt_of,
    promotion_row,
    prompt_answer,
    prompt_row,
    shown,
    version_answer,
)
from router.routes.prompt_keys import Done


@get(PATH, tags=TAGS)
async def list_prompts(request: Request[Principal, Any, Any]) -> PromptList:
    """List prompts by name; `limit` and `after`, a name, page through them.

    `category` picks those in it and below, `tag` those that have it, `search` those with it in any of their texts.
    """
    desk, query = await desk_of(request), request.query_params
    page = await desk.prompts.page(
        desk.project_id,
        after=query.get("after", ""),
        limit=page_limit(request, MOST_ROWS, USUAL_ROWS),
        category=query.get("category"),
        tag=query.get("tag"),
        search=query.get("search"),
    )
    return PromptList([prompt_row(prompt) for prompt in page.rows], page.has_more)


@post(PATH, status_code=200, tags=TAGS, opt={"body": PromptRequest})
async def create_prompt(request: Request[Principal, Any, Any]) -> PromptAnswer:
    """Make a prompt, with its first version if there is a `template` or `messages`."""
    desk = await desk_of(request)
    asked = await sent(request, PromptRequest, MOST_BYTES)
    new, version = new_prompt_of(asked), None
    if content_of(asked) is not None:
        draft = draft_of(asked, request.app.state.menu)
        prompt, version = await desk.prompts.create_with(desk.project_id, new, draft, desk.author, asked.labels)
    elif asked.labels or asked.note or asked.config != Config():
        raise PromptInvalid("'config', 'note' and 'labels' are those of a version: send a 'template'", param="template")
    else:
        prompt = await desk.prompts.create(desk.project_id, new)
    return await _answered(prompt, version)


@get(NAMED, tags=TAGS, responses=answers(PromptAnswer))
async def find_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return a prompt with the version of the query's `version` or `label`, else the one in production if one is.

    Keep the answer and its ETag: with the ETag in `If-None-Match` the answer is 304 until anything changes.
    """
    desk = await desk_of(request)
    return with_etag(request, await _answered(*await _found(desk, name_in(name), meant(request))))


async def _found(desk: Desk, name: str, which: Which) -> tuple[StoredPrompt, Version | None]:
    try:
        return await desk.prompts.loaded(desk.project_id, name, which)
    except PromptUnknown:
        if which != Which():
            raise
    # Nothing is in production, which is nothing wrong when nothing is asked for.
    return await desk.prompts.find(desk.project_id, name), None


async def _answered(prompt: StoredPrompt, version: Version | None) -> PromptAnswer:
    return await shown(partial(prompt_answer, prompt, version), version)


@patch(NAMED, tags=TAGS, opt={"body": PromptPatch})
async def change_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> PromptAnswer:
    """Change the name, description, category or tags of a prompt; under another name it keeps its versions."""
    desk = await desk_of(request)
    change = change_of(await sent(request, PromptPatch, MOST_BYTES))
    prompt = await desk.prompts.change(desk.project_id, name_in(name), change)
    return await _answered(*await _found(desk, prompt.name, Which()))


@delete(NAMED, status_code=200, tags=TAGS)
async def delete_prompt(request: Request[Principal, Any, Any], name: FromPath[str]) -> Done:
    """Delete a prompt with its versions, labels, promotions and samples; what its runs cost stays in the books."""
    desk = await desk_of(request)
    await desk.prompts.delete(desk.project_id, name_in(name))
    return Done()


@post(f"{NAMED}/rollback", status_code=200, tags=TAGS)
async def roll_back(request: Request[Principal, Any, Any], name: FromPath[str]) -> VersionAnswer:
    """Put the version in production that was there before; each further call goes one step further back."""
    desk = await desk_of(request)
    version = await desk.prompts.rollback(desk.project_id, name_in(name), desk.author)
    prompt = await desk.prompts.find(desk.project_id, name_in(name))
    return await shown(partial(version_answer, prompt, version), version)


@get(f"{NAMED}/promotions", tags=TAGS)
async def list_promotions(request: Request[Principal, Any, Any], name: FromPath[str]) -> PromotionList:
    """List what came into production when and by whom, the latest first: a thousand at most."""
    desk = await desk_of(request)
    promotions = await desk.prompts.promotions(desk.project_id, name_in(name))
    return PromotionList([promotion_row(each) for each in promotions])


@get(f"{NAMED}/diff", tags=TAGS)
async def compare_versions(request: Request[Principal, Any, Any], name: FromPath[str]) -> DiffAnswer:
    """Compare the versions `from` and `to`, numbers or labels; without them the one in production and the latest."""
    desk, plain = await desk_of(request), name_in(name)
    asked = (request.query_params.get("from", PRODUCTION), request.query_params.get("to", LATEST))
    earlier, later = [await desk.prompts.version(desk.project_id, plain, either(text)) for text in asked]
    told = await aside(partial(difference, earlier, later))
    return DiffAnswer(earlier=earlier.number, later=later.number, messages=told.messages, config=told.settings)


ROUTES = (
    list_prompts,
    create_prompt,
    find_prompt,
    change_prompt,
    delete_prompt,
    roll_back,
    list_promotions,
    compare_versions,
)
