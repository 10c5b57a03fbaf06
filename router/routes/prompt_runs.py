"""`/api/v1/runs`, and the statistics of a prompt: what its versions cost, emit and take, read from the book (3.2.5)."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from litestar import Request, Response, get
from litestar.params import FromPath

from accounts.pages import MOST_ROWS, USUAL_ROWS
from metering.prompt_runs import Place, PromptRuns, RunsAsked
from metering.question import EVER, FOREVER
from metering.receipt import RequestStatus
from router.auth import Principal
from router.bodies import page_limit
from router.errors import Refused
from router.families import F2
from router.framing import answers, as_json
from router.moments import moment_in
from router.prompt_access import NAMED, TAGS, Desk, desk_of, meant
from router.prompt_paths import name_in
from router.run_views import RunList, StatisticsAnswer, run_row, statistics_of

PATH = "/api/v1/runs"
STATUSES: tuple[RequestStatus, ...] = get_args(RequestStatus)
USUAL_TIME = timedelta(days=30)  # that statistics are of when nothing is said


@get(PATH, tags=TAGS, responses=answers(RunList))
async def list_runs(request: Request[Principal, Any, Any]) -> Response[bytes]:
    """List runs of prompts, the newest first; `limit` and `after`, the id of a request, page through them.

    `promptName` takes those of one prompt and `version` of one of its versions, `status` those that ended so, `from`
    (included) and `to` (excluded) those of a time.
    """
    desk, runs = await desk_of(request), _runs(request)
    asked, limit = await _asked(request, desk), page_limit(request, MOST_ROWS, USUAL_ROWS)
    page = await runs.page(asked, await _place(request, desk), limit)
    names = await desk.prompts.names(desk.project_id, {run.prompt_id for run in page.rows})
    rows = [run_row(run, names.get(run.prompt_id)) for run in page.rows]
    return Response(as_json(RunList(rows, page.has_more)), media_type="application/json")


@get(f"{NAMED}/statistics", tags=TAGS, responses=answers(StatisticsAnswer))
async def prompt_statistics(request: Request[Principal, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Sum the runs of each version from `from` (included) to `to` (excluded); without them, of the last 30 days."""
    desk = await desk_of(request)
    prompt = await desk.prompts.find(desk.project_id, name_in(name))
    given_start, given_end = _time(request)
    end = given_end or datetime.now(UTC)
    start = given_start or max(EVER, end - USUAL_TIME)
    figures = await _runs(request).statistics(prompt.id, start, end)
    answer = StatisticsAnswer(
        prompt_name=prompt.name, start=start, end=end, versions=[statistics_of(each) for each in figures]
    )
    return Response(as_json(answer), media_type="application/json")


async def _asked(request: Request[Any, Any, Any], desk: Desk) -> RunsAsked:
    """Return which runs are asked for.

    Raises:
        PromptUnknown: There is no such prompt.
        PromptInvalid: `version` is no number.
        Refused: `invalid_request`: another parameter is not as it must be.

    """
    query = request.query_params
    name, status, version = query.get("promptName"), query.get("status"), meant(request).version
    if version is not None and name is None:
        raise _refused("version", "'version' is one of a prompt: say 'promptName' too")
    if status is not None and status not in STATUSES:
        raise _refused("status", f"'status' must be one of {', '.join(STATUSES)}")
    start, end = _time(request)
    return RunsAsked(
        project_id=desk.project_id,
        prompt_id=None if name is None else (await desk.prompts.find(desk.project_id, name)).id,
        version=version,
        status=next((each for each in STATUSES if each == status), None),
        start=start or EVER,
        end=end or FOREVER,
    )


async def _place(request: Request[Any, Any, Any], desk: Desk) -> Place | None:
    after = request.query_params.get("after")
    if after is None:
        return None
    # What no request is called may be what no database can look for.
    known = after.isascii() and after.isprintable()
    place = await _runs(request).place(desk.project_id, after) if known else None
    if place is None:
        raise _refused("after", "'after' must be the 'requestId' of a run")
    return place


def _time(request: Request[Any, Any, Any]) -> tuple[datetime | None, datetime | None]:
    query = request.query_params
    return moment_in(query.get("from"), "from", F2), moment_in(query.get("to"), "to", F2)


def _refused(param: str, reason: str) -> Refused:
    return Refused("invalid_request", reason, param=param, source="query")


def _runs(request: Request[Any, Any, Any]) -> PromptRuns:
    return request.app.state.prompt_runs


ROUTES = (list_runs, prompt_statistics)
