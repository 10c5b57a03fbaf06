"""Whatever is done to a prompt in whatever order, it is as a model of a few lines of plain Python says."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.prompts.errors import PromptInvalid, PromptUnknown, VersionFixed
from agents.prompts.prompt import NewPrompt
from tests.contract.prompts_parts import NAME, kept, saying, text_of

NUMBERS = st.integers(1, 4)
PROMOTIONS = st.tuples(st.just("promote"), NUMBERS)
ROLLBACKS = st.tuples(st.just("rollback"))
OTHERS = st.one_of(
    st.tuples(st.just("add")),
    st.tuples(st.sampled_from(["edit", "remove", "archive"]), NUMBERS),
    st.tuples(st.just("relabel"), NUMBERS, st.frozensets(st.sampled_from("ab"))),
)
# Mostly there and back, so that the way back is often long.
STEPS = st.one_of(PROMOTIONS, PROMOTIONS, ROLLBACKS, ROLLBACKS, OTHERS)


class Model:
    """What a prompt is to be: `past` holds what each promotion in force replaced, the oldest first."""

    def __init__(self):
        self.made = 0
        self.states = {}
        self.texts = {}
        self.labels = {}
        self.past = []

    @property
    def production(self):
        return next((number for number, state in self.states.items() if state == "PRODUCTION"), None)

    def add(self, text):
        self.made += 1
        self.states[self.made], self.texts[self.made] = "DRAFT", text

    def edit(self, number, text):
        self._draft(number)
        self.texts[number] = text

    def remove(self, number):
        self._draft(number)
        del self.states[number], self.texts[number]
        self.labels = {label: on for label, on in self.labels.items() if on != number}

    def promote(self, number):
        if self._known(number) != "PRODUCTION":
            self.past.append(self.production)
            self._put(number)

    def archive(self, number):
        self._known(number)
        self.states[number] = "ARCHIVED"

    def rollback(self):
        if not self.past or self.past[-1] is None:
            raise PromptInvalid
        self._put(self.past.pop())

    def relabel(self, number, labels):
        self._known(number)
        others = {label: on for label, on in self.labels.items() if on != number}
        self.labels = others | dict.fromkeys(labels, number)

    def shown(self):
        return {
            number: (state, self.texts[number], tuple(sorted(k for k, on in self.labels.items() if on == number)))
            for number, state in self.states.items()
        }

    def _known(self, number):
        if number not in self.states:
            raise PromptUnknown
        return self.states[number]

    def _draft(self, number):
        if self._known(number) != "DRAFT":
            raise VersionFixed

    def _put(self, number):
        if self.production is not None:
            self.states[self.production] = "ARCHIVED"
        self.states[number] = "PRODUCTION"


async def done(prompts, step, text):
    match step:
        case ("add",):
            await prompts.add(NAME, saying(text), "ana")
        case ("edit", number):
            await prompts.edit(NAME, number, saying(text))
        case ("rollback",):
            await prompts.rollback(NAME, "ana")
        case ("promote", number):
            await prompts.promote(NAME, number, "ana")
        case (verb, *rest):
            await getattr(prompts, verb)(NAME, *rest)


def expected(model, step, text):
    verb, *rest = step
    getattr(model, verb)(*rest, *((text,) if verb in {"add", "edit"} else ()))


async def refusal_of(doing):
    """What it is refused with, None if it is not."""
    try:
        await doing
    except (PromptInvalid, PromptUnknown, VersionFixed) as refused:
        return type(refused)
    return None


async def expecting(model, step, text):
    expected(model, step, text)


async def lived(url, steps):
    model = Model()
    async with kept(url) as prompts:
        await prompts.create(NewPrompt(name=NAME))
        for turn, step in enumerate([*[("add",)] * 3, *steps]):
            text = f"as of {turn}"
            told, meant = [
                await refusal_of(doing(on, step, text)) for doing, on in ((done, prompts), (expecting, model))
            ]
            versions = await prompts.versions(NAME)

            assert told == meant
            assert {each.number: (each.state, text_of(each), each.labels) for each in versions} == model.shown()
        prompt = await prompts.find(NAME)

        assert (prompt.latest, prompt.production) == (max(model.states, default=None), model.production)


def live_through(url, times):
    @settings(max_examples=times, deadline=None)
    @given(st.lists(STEPS, min_size=8, max_size=25))
    def whatever(steps):
        asyncio.run(lived(url, steps))

    whatever()


def test_a_prompt_is_as_its_model_says_whatever_is_done_to_it(shared_url):
    live_through(shared_url, 10)


@pytest.mark.prove
def test_a_prompt_is_as_its_model_says_however_often_it_is_tried(shared_url):
    live_through(shared_url, 200)
