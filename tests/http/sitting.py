"""A short meeting that a scripted vendor hears in several parts, and a gateway whose ears are that short."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.http.accounts import Caller
from tests.http.papers import form
from tests.http.sent import send
from tests.speech import RATE, encoded, say, silence
from tests.upstream import Upstream
from tests.upstream_audio_rules import Heard, Reply

PATH = "/transcription/meeting"
LONGEST_PART_S = 10
ROUTER_TOML = f"""
[[provider]]
name = "ears"
kind = "openai"
base_url = "{{openai}}"

[[model]]
name = "short-ears"
provider = "ears"
upstream = "whisper-1"
kind = "transcription"
carbon = "unknown"
max_audio_s = {LONGEST_PART_S}
price = {{{{ currency = "EUR", audio_minute = 0.6 }}}}
"""
NOTES = {
    "participants": ["Claire Martin"],
    "points": ["le budget des voyages"],
    "decisions": ["Nous décidons de lancer le site au printemps."],
    "actions": [{"task": "préparer le budget des voyages", "owner": "Claire Martin", "due": "vendredi"}],
}
SENTENCES = (
    "Claire Martin présente le budget des voyages devant toute l'équipe ce matin.",
    "Nous décidons de lancer le site au printemps avec toute l'équipe.",
    "Claire Martin doit préparer le budget des voyages pour vendredi.",
    "Plusieurs personnes ont déjà donné leur avis par écrit le mois dernier.",
    "Tout le monde est d'accord avec cette analyse du budget.",
)
SECTIONS = ("## Participants", "## Points abordés", "## Décisions", "## Actions")


@dataclass
class Sitting:
    """A meeting of some sentences with pauses between them.

    `minutes` says what the chat model is scripted to do, `failing` what becomes of parts with a sentence, each time.
    """

    upstream: Upstream
    minutes: dict[str, Any] = field(default_factory=lambda: {"shaped": json.dumps(NOTES)})
    failing: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    parts: list[Heard] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prompt = self.upstream.expect(**self.minutes)
        self.pcm, self.times = b"", []
        for sentence in SENTENCES:
            sound = say(sentence)
            self.times.append((len(self.pcm) // 2 / RATE, (len(self.pcm) + len(sound)) // 2 / RATE))
            self.pcm += sound + silence(1)
        self.upstream.audio.hear = self.hear

    @property
    def file(self) -> bytes:
        return encoded(self.pcm, "wav")

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / RATE

    def said(self, number: int) -> str:
        """Return what the transcript has for a sentence; the first carries what brings the minutes."""
        return f"{SENTENCES[number]} {self.prompt}" if number == 0 else SENTENCES[number]

    @property
    def text(self) -> str:
        return " ".join(self.said(number) for number in range(len(SENTENCES)))

    def hear(self, heard: Heard) -> Reply:
        """Hear the sentences that are in a part, or do what a part is told to do instead."""
        begin = self.pcm.find(heard.pcm) / 2 / RATE
        inside = [n for n, (start, _) in enumerate(self.times) if begin <= start < begin + heard.seconds]
        self.parts.append(heard)
        steps = next((self.failing[n] for n in inside if self.failing.get(n)), [])
        segments = [
            {"text": self.said(n), "start": self.times[n][0] - begin, "end": self.times[n][1] - begin} for n in inside
        ]
        text = " ".join(self.said(n) for n in inside)
        reply = Reply(**steps.pop(0)) if steps else Reply(text=text, segments=segments, language="fr")
        self.replies.append(reply)
        return reply

    def attend(self, caller: Caller, **fields: Any) -> Any:
        """Send it."""
        return send(caller, self.file, path=PATH, **fields)


def boardroom_files(upstream: Upstream) -> dict[str, str]:
    """Return the files of a gateway that has short ears."""
    return {"router.toml": ROUTER_TOML.format(openai=upstream.openai_url)}


@contextmanager
def sending(caller: Caller, content: bytes, *headers: str, sent: float = 1) -> Iterator[socket.socket]:
    """Send a meeting, or a share of its bytes, and hand over the socket before anything is read."""
    body = form((b'Content-Disposition: form-data; name="file"', content))
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{caller.gateway.port}",
        f"Authorization: Bearer {caller.credential}",
        "Content-Type: multipart/form-data; boundary=X",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", caller.gateway.port), timeout=30) as wire:
        wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body[: round(len(body) * sent)])
        yield wire
