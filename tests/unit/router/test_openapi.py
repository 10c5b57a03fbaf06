"""The OpenAPI document says what goes over the wire."""

import json

from router.app import COLD_ROUTES, PUBLIC
from router.openapi import document

DOCUMENT = json.loads(document(COLD_ROUTES))


def test_amounts_are_numbers() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert schemas["Pricing"]["properties"]["total_cost"] == {"type": "number"}
    assert schemas["Equivalences"]["properties"]["car_km"]["oneOf"] == [{"type": "number"}, {"type": "null"}]


def test_only_public_routes_are_open_to_strangers() -> None:
    operations = {path: each for path, methods in DOCUMENT["paths"].items() for each in methods.values()}

    assert {path for path, each in operations.items() if each.get("security") == []} == PUBLIC
    assert all("401" in each["responses"] for path, each in operations.items() if path not in PUBLIC)


def test_pairs_of_keys_are_taken_where_langfuses_clients_call() -> None:
    paths = {path: methods for path, methods in DOCUMENT["paths"].items() if "pair" in str(methods)}

    assert paths
    assert all(path.startswith("/api/public/") for path in paths)
    assert all({"pair": []} in each["security"] for methods in paths.values() for each in methods.values())


def test_an_answer_may_be_a_stream() -> None:
    content = DOCUMENT["paths"]["/completion"]["post"]["responses"]["200"]["content"]

    assert set(content) == {"application/json", "text/event-stream"}


def test_what_an_answer_read_is_described_and_may_be_absent() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert set(schemas["Source"]["required"]) == {"document_id", "name", "passage", "score", "text"}
    assert {"sources", "check"} <= set(schemas["CompletionMetadata"]["properties"])
    assert not {"sources", "check"} & set(schemas["CompletionMetadata"]["required"])


def test_a_run_of_a_prompt_is_described_with_its_body_its_stream_and_its_refusals() -> None:
    run = DOCUMENT["paths"]["/api/v1/run"]["post"]

    assert set(run["responses"]) == {"200", "400", "401", "403", "404", "413", "429", "500"}
    assert set(run["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["RunRequest"]["required"] == ["promptName"]
    assert {"output", "promptVersion", "durationMs", "model"} <= set(schemas["RunAnswer"]["properties"])
    assert "/api/v1/prompts/{name}/versions/{number}/run" in DOCUMENT["paths"]
