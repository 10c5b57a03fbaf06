"""Who may call what: a row a route, with what a foreign key, an ordinary one, none and a wrong one get."""

from typing import NamedTuple

ORG = "/v1/organization"
PROJECT = f"{ORG}/projects/{{project_id}}"
KEY = f"{PROJECT}/api_keys/{{key_id}}"
DOCUMENTS = "/projects/{project_id}/documents"
LANGFUSE = "/api/public/v2/prompts"
PROMPTS = "/api/v1/prompts"
NAMED = f"{PROMPTS}/{{name}}"
VERSION = f"{NAMED}/versions/{{version}}"
SAMPLES = f"{NAMED}/samples"
ACCOUNT = f"{PROJECT}/service_accounts/{{account_id}}"


class Row(NamedTuple):
    """Statuses by caller: a key of another project, a key of this project, no credential, a wrong credential."""

    foreign: int
    ordinary: int
    nobody: int
    garbage: int


ADMIN = Row(403, 403, 401, 401)
OWN = Row(200, 200, 401, 401)
OPEN = Row(200, 200, 200, 200)
ABSENT = Row(404, 404, 401, 401)

ROWS: dict[str, Row] = {
    f"GET {ORG}/admin_api_keys": ADMIN,
    f"POST {ORG}/admin_api_keys": ADMIN,
    f"GET {ORG}/admin_api_keys/{{key_id}}": ADMIN,
    f"DELETE {ORG}/admin_api_keys/{{key_id}}": ADMIN,
    f"GET {ORG}/projects": ADMIN,
    f"POST {ORG}/projects": ADMIN,
    f"GET {PROJECT}": ADMIN,
    f"POST {PROJECT}": ADMIN,
    f"POST {PROJECT}/archive": ADMIN,
    f"GET {PROJECT}/api_keys": ADMIN,
    f"GET {KEY}": ADMIN,
    f"POST {KEY}": ADMIN,
    f"POST {KEY}/rotate": ADMIN,
    f"DELETE {KEY}": ADMIN,
    f"GET {PROJECT}/service_accounts": ADMIN,
    f"POST {PROJECT}/service_accounts": ADMIN,
    f"GET {ACCOUNT}": ADMIN,
    f"DELETE {ACCOUNT}": ADMIN,
    f"POST {ACCOUNT}/api_keys": ADMIN,
    f"GET {PROJECT}/rate_limits": ADMIN,
    f"POST {PROJECT}/rate_limits/{{rate_limit_id}}": ADMIN,
    f"GET {ORG}/limits": ADMIN,
    f"GET {ORG}/limits/{{owner}}/{{owner_id}}": ADMIN,
    f"PUT {ORG}/limits/{{owner}}/{{owner_id}}": ADMIN,
    f"DELETE {ORG}/limits/{{owner}}/{{owner_id}}": ADMIN,
    f"GET {ORG}/budgets": ADMIN,
    f"POST {ORG}/budgets": ADMIN,
    f"GET {ORG}/budgets/{{budget_id}}": ADMIN,
    f"PATCH {ORG}/budgets/{{budget_id}}": ADMIN,
    f"DELETE {ORG}/budgets/{{budget_id}}": ADMIN,
    f"GET {ORG}/alerts": ADMIN,
    **{f"{method} {scope}/spend_limit": ADMIN for scope in (ORG, PROJECT) for method in ("GET", "POST", "DELETE")},
    **{f"{method} {scope}/spend_alerts": ADMIN for scope in (ORG, PROJECT) for method in ("GET", "POST")},
    **{
        f"{method} {scope}/spend_alerts/{{alert_id}}": ADMIN
        for scope in (ORG, PROJECT)
        for method in ("GET", "POST", "DELETE")
    },
    f"GET {ORG}/usage/completions": ADMIN,
    f"GET {ORG}/usage/embeddings": ADMIN,
    f"GET {ORG}/usage/audio_transcriptions": ADMIN,
    f"GET {ORG}/usage/audio_speeches": ADMIN,
    f"GET {ORG}/usage/emissions": ADMIN,
    f"GET {ORG}/usage/export": ADMIN,
    f"GET {ORG}/costs": ADMIN,
    "POST /projects": ADMIN,
    # Only keys that may make keys see keys.
    "GET /api/v1/keys": ADMIN,
    "POST /api/v1/keys": ADMIN,
    "DELETE /api/v1/keys/{key_id}": ADMIN,
    # A key sees its own project, and no other.
    "GET /projects": OWN,
    # A key acts on the documents of its own project, and another project is not there for it; here none is kept, for
    # nothing embeds them.
    f"GET {DOCUMENTS}": Row(404, 200, 401, 401),
    f"POST {DOCUMENTS}": Row(404, 503, 401, 401),
    f"GET {DOCUMENTS}/{{document_id}}": Row(404, 404, 401, 401),
    f"DELETE {DOCUMENTS}/{{document_id}}": Row(404, 404, 401, 401),
    # A key uses the prompts of its own project, and there are none of the name.
    f"GET {LANGFUSE}": OWN,
    f"POST {LANGFUSE}": Row(201, 201, 401, 401),
    f"GET {LANGFUSE}/{{name}}": ABSENT,
    f"DELETE {LANGFUSE}/{{name}}": ABSENT,
    f"PATCH {LANGFUSE}/{{name}}/versions/{{version}}": ABSENT,
    "GET /api/public/projects": OWN,
    f"GET {PROMPTS}": OWN,
    f"POST {PROMPTS}": OWN,
    f"GET {NAMED}": ABSENT,
    f"PATCH {NAMED}": ABSENT,
    f"DELETE {NAMED}": ABSENT,
    f"POST {NAMED}/rollback": ABSENT,
    f"GET {NAMED}/promotions": ABSENT,
    f"GET {NAMED}/diff": ABSENT,
    f"GET {NAMED}/versions": ABSENT,
    f"POST {NAMED}/versions": ABSENT,
    f"GET {VERSION}": ABSENT,
    f"PUT {VERSION}": ABSENT,
    f"DELETE {VERSION}": ABSENT,
    f"POST {VERSION}/promote": ABSENT,
    f"POST {VERSION}/archive": ABSENT,
    f"PUT {VERSION}/labels": ABSENT,
    f"GET {NAMED}/statistics": ABSENT,
    f"GET {SAMPLES}": ABSENT,
    f"POST {SAMPLES}": ABSENT,
    f"POST {SAMPLES}/run": ABSENT,
    f"GET {SAMPLES}/{{sample_id}}": ABSENT,
    f"DELETE {SAMPLES}/{{sample_id}}": ABSENT,
    "GET /api/v1/runs": OWN,
    # A key sees the figures of its own project, whoever it is.
    "GET /usage": OWN,
    "GET /models": OWN,
    "GET /agents": OWN,
    "GET /auth/verify": OWN,
    "GET /transcription/supported-formats": OWN,
    "GET /openapi.json": OWN,
    # What anybody may ask (C-9); in development a token too.
    "HEAD /": OPEN,
    "GET /health": OPEN,
    "GET /metrics": OPEN,
    "GET /equivalences": OPEN,
    "POST /auth/token": Row(200, 200, 200, 401),
}
# Bodies that are right, so that only the caller can be wrong.
BODIES: dict[str, dict[str, object]] = {
    f"POST {ORG}/projects": {"name": "x"},
    f"POST {PROJECT}": {"name": "x"},
    f"POST {ORG}/admin_api_keys": {"name": "x"},
    f"POST {PROJECT}/service_accounts": {"name": "x"},
    f"POST {ACCOUNT}/api_keys": {"name": "x"},
    f"POST {KEY}": {"scopes": []},
    f"POST {KEY}/rotate": {"grace_seconds": 0},
    f"PUT {ORG}/limits/{{owner}}/{{owner_id}}": {"requests_per_minute": 1},
    f"POST {PROJECT}/rate_limits/{{rate_limit_id}}": {"max_requests_per_1_minute": 1},
    f"POST {ORG}/budgets": {"scope": "organization", "unit": "EUR", "limit": "1", "window": "day", "kind": "hard"},
    f"PATCH {ORG}/budgets/{{budget_id}}": {"limit": "0.000001"},
    "POST /projects": {"name": "x"},
    f"POST {DOCUMENTS}": {"text": "x"},
    "POST /api/v1/keys": {"name": "x"},
    f"POST {PROMPTS}": {"name": "managed"},
    f"PATCH {NAMED}": {"description": "x"},
    f"POST {NAMED}/versions": {"template": "x"},
    f"PUT {VERSION}": {"template": "x"},
    f"PUT {VERSION}/labels": {"labels": ["x"]},
    f"POST {SAMPLES}": {"name": "x", "output": "x"},
    f"POST {LANGFUSE}": {"name": "x", "prompt": "x"},
    f"PATCH {LANGFUSE}/{{name}}/versions/{{version}}": {"newLabels": ["x"]},
}
