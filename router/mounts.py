"""The metered routes of a process, each served by itself under its path."""

from agents.voice.conversation import Conversation
from agents.voice.equipment import Equipment, IceServer, installed_detector
from agents.window import Window
from metering.middleware import Metered
from router.audio_desk import AudioDesk
from router.front import Front
from router.locality import is_loopback_host
from router.opening import Opened, models_of, project_choice_of, prompt_desk_of
from router.readings import Readings
from router.realtime import ice, wire
from router.realtime.entrance import Entrance
from router.realtime.limits import Pace, Seats
from router.realtime.origins import Origins
from router.realtime.socket import RealtimeSocket
from router.realtime.turns import Desk
from router.realtime.warming import Warming
from router.replays import Replays
from router.routes import completion, meeting, prompt_tools, run, transcription
from router.routes.completion import Completion
from router.routes.meeting import Meeting
from router.routes.prompt_generation import ROUTE as GENERATION
from router.routes.prompt_generation import generation_of
from router.routes.transcription import Transcription
from router.tool_desk import ToolDesk
from router.wiring import House


def mount(front: Front, house: House, opened: Opened) -> None:
    """Serve every metered route from now on."""
    front.mount(completion.ROUTE, Metered(completion_of(house, opened), opened.books))
    for route, served in ((transcription.ROUTE, Transcription), (meeting.ROUTE, Meeting)):
        front.mount(route, Metered(served(audio_desk_of(house, opened, route)), opened.books))
    for route in prompt_tools.TOOLS:
        front.mount(route, Metered(prompt_tools.tool_of(tool_desk_of(house, opened, route), route), opened.books))
    generation = generation_of(tool_desk_of(house, opened, GENERATION), opened.prompts, house.menu)
    front.mount_post(GENERATION, Metered(generation, opened.books))
    desk = prompt_desk_of(house, opened)
    front.mount(run.ROUTE, Metered(run.run_of(desk, opened.idempotency), opened.books))
    front.mount_pattern(run.TRIAL, Metered(run.trial_of(desk, opened.idempotency), opened.books))
    front.mount_socket(wire.ROUTE, socket_of(house, opened))


def completion_of(house: House, opened: Opened) -> Completion:
    """Return the application behind `POST /completion`."""
    return Completion(
        authenticator=opened.tenancy.authenticator,
        menu=house.menu,
        models=models_of(house),
        metrics=house.metrics,
        planner=house.planner,
        projects=project_choice_of(house, opened),
        readings=_readings(house, opened),
        gate=opened.turnstile,
        replays=Replays(opened.idempotency, completion.ROUTE),
    )


def _readings(house: House, opened: Opened) -> Readings:
    window = Window(opened.counter, house.settings.max_output_tokens)
    return Readings(opened.holdings.library, house.embeddings, window, checks=house.settings.v1_check == "on")


def audio_desk_of(house: House, opened: Opened, route: str) -> AudioDesk:
    """Return what recordings of a route meet."""
    return AudioDesk(
        authenticator=opened.tenancy.authenticator,
        menu=house.audio,
        models=models_of(house),
        metrics=house.metrics,
        projects=project_choice_of(house, opened),
        recordings=opened.recordings,
        gate=opened.turnstile,
        replays=Replays(opened.idempotency, route),
    )


def tool_desk_of(house: House, opened: Opened, route: str) -> ToolDesk:
    """Return what requests of a prompt tool meet."""
    return ToolDesk(
        authenticator=opened.tenancy.authenticator,
        choice=house.prompt_tools,
        models=models_of(house),
        metrics=house.metrics,
        gate=opened.turnstile,
        replays=Replays(opened.idempotency, route),
        development=house.settings.development,
        require_beta=house.settings.require_beta,
    )


def socket_of(house: House, opened: Opened) -> RealtimeSocket:
    """Return the application behind `/realtime/ws`."""
    settings = house.settings
    desk = Desk(
        menu=house.menu,
        audio=house.audio,
        models=models_of(house),
        planner=house.planner,
        projects=project_choice_of(house, opened),
        readings=_readings(house, opened),
        gate=opened.turnstile,
        books=opened.books,
    )
    servers = tuple(IceServer(*each) for each in ice.listed(settings.ice_servers or ""))
    equipment = Equipment(installed_detector(), servers, loopback=is_loopback_host(settings.host))
    warm = Warming(house.switchboard, house.audio.transcription, house.audio.speech)
    return RealtimeSocket(
        entrance=Entrance(opened.tenancy.authenticator, anonymous=settings.development),
        origins=Origins(settings.origins, development=settings.development),
        seats=Seats(settings.realtime_max_sessions),
        desk=desk,
        converse=lambda client, turns: Conversation(client, turns, equipment, warm),
        pace=Pace(session_s=60.0 * settings.realtime_session_minutes),
    )
