"""What every recording of a process meets, whichever route takes it: who calls, who hears, what it may take."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from accounts.gate.gate import Hold
from agents.audio.parts import Part
from agents.providers.models import Models
from agents.providers.sizes import hearing
from metering.ledger import Admission
from metering.meter import Meter
from metering.prometheus import Metrics
from pricing_tables.model import Model
from router.audio_menu import AudioMenu
from router.auth import Authenticator
from router.projects import ProjectChoice
from router.recordings import Recordings
from router.replays import Replays
from router.turnstile import Turnstile


class AudioDesk(Struct, frozen=True, kw_only=True):
    """What a route for recordings is given.

    Attributes:
        authenticator: Says who calls.
        menu: Says who hears, and who writes minutes.
        models: Returns the provider of one request, which counts on its meter.
        metrics: Where answered requests are counted.
        projects: Says what a request is booked on.
        recordings: Takes them in.
        gate: Says whether limits and budgets let it in.
        replays: Knows the answers that are to be given again.

    """

    authenticator: Authenticator
    menu: AudioMenu
    models: Callable[[Meter, Hold | None], Models]
    metrics: Metrics
    projects: ProjectChoice
    recordings: Recordings
    gate: Turnstile
    replays: Replays

    async def let_in(
        self, admission: Admission, model: Model, parts: Sequence[Part], meter: Meter, *, stream: bool = False
    ) -> Hold | None:
        """Admit a recording for all that its parts will take to be heard; see `Turnstile.let_in_calls`."""
        calls = [(model, hearing(model, part.clip.seconds)) for part in parts]
        return await self.gate.let_in_calls(admission, calls, meter, stream=stream)
