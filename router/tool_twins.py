"""The prompt tools as the OpenAPI document describes them: twins of the raw routes, never called."""

from typing import Any

from litestar import post
from litestar.openapi import ResponseSpec

from router.families import AnthropicProblem, Failure
from router.generation import GeneratedPrompt, GenerationRequest
from router.routes.prompt_generation import ROUTE
from router.routes.prompt_tools import BETA, PATH
from router.tool_work import GenerateRequest, ImproveRequest, TemplatizeRequest
from router.vendor_prompts import TemplateAnswer, ToolAnswer

VENDOR_REFUSALS = (400, 401, 403, 413, 429, 500, 529)
OUR_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 429, 503)
TOOL_DOC = (
    f"In Anthropic's shapes, with its beta `{BETA}`. `usage` has one element for each call of a model; `metering` is "
    "the receipt, whose `warnings` have `rule_based` where no model gave a usable answer."
)
# How each of the vendor's tools is described but for its body.
TOOL: dict[str, Any] = {
    "status_code": 200,
    "tags": ["prompt tools"],
    "description": TOOL_DOC,
    "responses": dict.fromkeys(
        VENDOR_REFUSALS, ResponseSpec(AnthropicProblem, description="Error F4", generate_examples=False)
    ),
}
F2 = ResponseSpec(Failure, description="Error F2", generate_examples=False)


@post(f"{PATH}/generate_prompt", **TOOL, opt={"body": GenerateRequest})
async def generate_prompt() -> ToolAnswer:
    """Write a prompt for a task."""
    raise NotImplementedError


@post(f"{PATH}/improve_prompt", **TOOL, opt={"body": ImproveRequest})
async def improve_prompt() -> ToolAnswer:
    """Improve a prompt, by feedback if there is any."""
    raise NotImplementedError


@post(f"{PATH}/templatize_prompt", **TOOL, opt={"body": TemplatizeRequest})
async def templatize_prompt() -> TemplateAnswer:
    """Take the values out of a prompt, so that filled in again they restore it."""
    raise NotImplementedError


@post(
    ROUTE,
    status_code=200,
    tags=["prompts"],
    responses=dict.fromkeys(OUR_REFUSALS, F2),
    opt={"body": GenerationRequest},
)
async def generate_and_keep() -> GeneratedPrompt:
    """Write a prompt for a task and keep it as a draft."""
    raise NotImplementedError


TWINS = (generate_prompt, improve_prompt, templatize_prompt, generate_and_keep)
