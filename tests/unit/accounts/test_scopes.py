"""Scopes: what they let pass, and that no key ever gives more than it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import ScopeInvalid, ScopeTooWide
from accounts.keys.scopes import EVERYTHING, Scopes, scopes_of

NAMES = st.frozensets(st.sampled_from(["a", "b", "c"]))
SCOPES = st.builds(Scopes, NAMES, NAMES, NAMES, st.frozensets(st.sampled_from(["prompt_tools", "keys"])))


@given(SCOPES, SCOPES)
def test_what_may_be_given_lets_nothing_pass_that_its_giver_may_not(asked: Scopes, own: Scopes) -> None:
    try:
        asked.check_within(own)
    except ScopeTooWide:
        return

    uses = [((model,), agent, surface) for model in "abcd" for agent in "abcd" for surface in "abcd"]
    assert all(own.refusal(*use) is None for use in uses if asked.refusal(*use) is None)
    assert asked.permissions <= own.permissions


@given(SCOPES)
def test_a_key_may_give_what_it_has_and_scopes_survive_the_wire(own: Scopes) -> None:
    own.check_within(own)
    own.check_within(EVERYTHING)

    assert scopes_of(own.listed()) == own


def test_what_is_not_listed_at_all_is_not_restricted_but_permissions_are() -> None:
    free = scopes_of([])

    assert free.refusal(("gpt-4o",), "V2", "completion") is None
    assert free.permissions == frozenset()


def test_a_model_may_be_asked_for_by_any_of_its_names() -> None:
    scopes = scopes_of(["model:llama"])

    assert scopes.refusal(("llama-cluster", "llama"), None, "completion") is None
    assert scopes.refusal(("gpt-4o", "gpt-4o"), None, "completion") == "model:gpt-4o"


def test_an_agent_scope_does_not_stop_a_surface_without_agents() -> None:
    assert scopes_of(["agent:V1"]).refusal(("gpt-4o",), None, "embeddings") is None


@pytest.mark.parametrize("scope", ["", "model", "model:", "modal:gpt-4o", "KEYS", "admin", "model:" + "m" * 256])
def test_a_scope_that_there_is_not_is_refused(scope: str) -> None:
    with pytest.raises(ScopeInvalid):
        scopes_of([scope])
