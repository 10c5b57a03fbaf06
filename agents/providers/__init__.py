"""Everything that answers a prompt with a stream of events."""

from collections.abc import Callable
from types import MappingProxyType

from agents.providers import mistral, openai
from agents.providers.chat import Chat
from agents.providers.transport import Upstream

# The kinds of wire that `router.toml` may name.
PROVIDERS: MappingProxyType[str, Callable[[Upstream], Chat]] = MappingProxyType(
    {"openai": openai.connect, "mistral": mistral.connect}
)
