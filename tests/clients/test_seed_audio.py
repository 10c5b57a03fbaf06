"""The seed's own audio snippets, unmodified but for the URL, answered by the embedded models (2.4, 2.7)."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.examples import RunTypeScript, example, python
from tests.gateway import Gateway
from tests.speech import ENGLISH, FRENCH, encoded, say, silence, word_error_rate

MEETING = "Réunion du projet. Nous décidons de lancer le site au printemps. Claire prépare le budget pour vendredi."
SECONDS = 110


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the snippets name."""
    folder = tmp_path_factory.mktemp("recordings")
    meeting = encoded(silence(0.4) + say(MEETING) + silence(0.4), "mp3")
    (folder / "audio.mp3").write_bytes(encoded(say(FRENCH), "mp3"))
    (folder / "meeting_audio.mp3").write_bytes(meeting)
    (folder / "meeting_recording.mp3").write_bytes(meeting)
    (folder / "english_audio.wav").write_bytes(encoded(say(ENGLISH, "en"), "wav"))
    return folder


def test_python_client_transcribes(embedded: Gateway, recordings: Path) -> None:
    ended = python(example(embedded, "Python", "the client", "transcription"), recordings, SECONDS)

    assert ended.returncode == 0, ended.stderr
    assert word_error_rate(FRENCH, ended.stdout) == 0


def test_python_client_gets_minutes_of_a_meeting(embedded: Gateway, recordings: Path) -> None:
    ended = python(example(embedded, "Python", "the client", "a meeting"), recordings, SECONDS)

    assert ended.returncode == 0, ended.stderr
    assert "Décisions" in ended.stdout


def test_typescript_client_transcribes_and_gets_minutes(
    embedded: Gateway, recordings: Path, typescript: RunTypeScript
) -> None:
    file = f"""
        import {{ readFileSync }} from "node:fs";
        const audioFile = new File([readFileSync({json.dumps(str(recordings / "meeting_audio.mp3"))})], "meeting.mp3");
    """

    ended = typescript(file + example(embedded, "TypeScript", "the client", "transcription", "a meeting"))

    assert ended.returncode == 0, ended.stderr
    heard, *minutes = ended.stdout.splitlines()
    assert word_error_rate(MEETING, heard) == 0
    assert any("Décisions" in line for line in minutes)


@pytest.mark.parametrize(
    ("title", "fields", "said"),
    [
        ("transcription", {"text", "language", "duration", "model", "metadata"}, FRENCH),
        ("a language", {"text", "language", "duration", "model", "metadata"}, ENGLISH),
        ("a meeting", {"text", "language", "duration", "model", "metadata", "transcript"}, None),
    ],
)
def test_curl_lines_answer_as_the_seed_shows(
    embedded: Gateway, recordings: Path, title: str, fields: set[str], said: str | None
) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    line = example(embedded, "Shell", title).replace("<token>", embedded.token())

    printed = subprocess.run(
        shlex.split(line.replace("\\\n", "")), cwd=recordings, capture_output=True, timeout=SECONDS, check=True
    )

    answer = json.loads(printed.stdout)
    assert fields <= answer.keys()
    if said is not None:
        assert word_error_rate(said, answer["text"]) == 0


def test_curl_line_lists_the_formats_as_the_seed_shows_them(embedded: Gateway) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    line = example(embedded, "Shell", "formats").replace("<token>", embedded.token())

    printed = subprocess.run(shlex.split(line.replace("\\\n", "")), capture_output=True, timeout=20, check=True)

    assert json.loads(printed.stdout) == {
        "supported_formats": ["mp3", "mp4", "mpeg", "mpga", "m4a", "wav", "webm"],
        "max_file_size_mb": 25,
        "model": "whisper-1",
        "languages": "Auto-detection or specify ISO-639-1 code",
    }
