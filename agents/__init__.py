"""Pipelines and the providers that answer them."""

from collections.abc import Callable

from agents import v1, v2
from agents.messages import Events, Task
from agents.providers.provider import Provider

Pipeline = Callable[[Task, Provider], Events]

PIPELINES: dict[str, Pipeline] = {"V1": v1.run, "V2": v2.run}
