"""Any container becomes the same recording; the decoding process starts at need, and leaves nothing behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from agents.audio.decoder import Decoder
from agents.audio.errors import AudioTooLong, AudioUnreadable, DecoderDown
from tests.audio.containers import sound
from tests.audio.hearer import GOOD, SPEECH, Hearer, children, running, wait_until
from tests.speech import CONTAINERS, ENGLISH, FRENCH, encoded, say, seconds_of, silence

ROOT = Path(__file__).parents[4]
HOURS = encoded(silence(3600), "flac")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def hearer(tmp_path_factory):
    with Hearer(tmp_path_factory.mktemp("heard")) as opened:
        yield opened


@pytest.fixture
async def decoder():
    decoder = Decoder()
    yield decoder
    await decoder.aclose()


@pytest.fixture
def good(tmp_path):
    (tmp_path / "good").write_bytes(GOOD)
    return tmp_path / "good"


@pytest.fixture
def slow(tmp_path):
    (tmp_path / "slow").write_bytes(HOURS)
    return tmp_path / "slow"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


async def begun(decoder, upload, folder):
    """Start to decode; return once the fork runs."""
    task = asyncio.create_task(decoder.decode(upload, 3 * 3600, folder))
    assert await asyncio.to_thread(wait_until, lambda: decoder.pid and children(decoder.pid))
    return task, children(decoder.pid)[0]


@pytest.mark.parametrize("extension", CONTAINERS)
def test_every_container_brings_the_speech_that_was_put_in(hearer, extension):
    said = b"".join([say(FRENCH, "fr"), silence(0.7), say(ENGLISH, "en")])
    heard = np.frombuffer(hearer.pcm(encoded(said, extension)), "<i2").astype(np.float64)
    ours = np.frombuffer(said, "<i2").astype(np.float64)
    length = min(len(ours), len(heard))

    assert seconds_of(said) <= len(heard) / 16_000 < seconds_of(said) + 0.1
    assert np.corrcoef(ours[:length], heard[:length])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp2", "mp2"), ("mpeg", "mp2"), ("mpeg", "mp3"), ("ogg", "flac"), ("ipod", "alac"), ("mov", "pcm_s16le")],
)
def test_containers_and_codecs_that_are_seldom_met_are_heard_too(hearer, container, codec):
    pcm = hearer.pcm(sound(SPEECH, container, codec))

    assert seconds_of(pcm) == pytest.approx(seconds_of(SPEECH), abs=0.1)


def test_a_wav_of_our_own_rate_comes_back_to_the_sample_and_its_length_is_exact(hearer):
    recording = hearer.decode(GOOD)

    assert recording.path.read_bytes() == SPEECH
    assert recording.seconds == Decimal(len(SPEECH)) / 32_000
    assert recording.whole().wav().read() == encoded_as_clip(SPEECH)
    assert recording.clip(16_000, 1 << 40).frames == recording.frames - 16_000
    recording.discard()
    recording.discard()
    assert list(hearer.folder.iterdir()) == []


def encoded_as_clip(pcm: bytes) -> bytes:
    size = len(pcm)
    return GOOD[:4] + (36 + size).to_bytes(4, "little") + WAVE + size.to_bytes(4, "little") + pcm


WAVE = b"WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00\x00}\x00\x00\x02\x00\x10\x00data"


@pytest.mark.anyio
async def test_no_process_runs_before_it_is_needed_and_one_that_was_started_is_used(decoder, good, folder):
    assert decoder.pid is None
    decoder.start()
    started = decoder.pid
    (await decoder.decode(good, 60, folder)).discard()

    assert decoder.pid == started


@pytest.mark.anyio
async def test_a_clip_does_not_wait_for_hours_that_are_decoded(decoder, good, slow, folder):
    hours = [asyncio.create_task(decoder.decode(slow, 3 * 3600, folder)) for _ in range(2)]
    recording = await decoder.decode(good, 60, folder)

    assert recording.path.read_bytes() == SPEECH
    assert not any(task.done() for task in hours)
    for task in hours:
        task.cancel()


@pytest.mark.anyio
async def test_the_loop_goes_on_while_hours_are_decoded(decoder, slow, folder):
    task, _ = await begun(decoder, slow, folder)
    longest, before = 0.0, time.thread_time()
    while not task.done():
        await asyncio.sleep(0.001)
        longest, before = max(longest, time.thread_time() - before), time.thread_time()

    assert longest < 0.05
    assert task.result().seconds == 3600


@pytest.mark.anyio
async def test_cancelling_ends_the_fork_and_leaves_no_file(decoder, good, slow, folder):
    task, fork = await begun(decoder, slow, folder)
    pid = decoder.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert list(folder.iterdir()) == []
    assert await asyncio.to_thread(wait_until, lambda: not running(fork))
    (await decoder.decode(good, 60, folder)).discard()
    assert decoder.pid == pid


@pytest.mark.anyio
async def test_a_process_that_was_killed_is_started_again_and_decodes_from_the_beginning(decoder, slow, folder):
    task, _ = await begun(decoder, slow, folder)
    killed = decoder.pid
    os.kill(killed, signal.SIGKILL)
    recording = await task

    assert decoder.pid != killed
    assert recording.path.stat().st_size == 2 * recording.frames == 2 * 3600 * 16_000


@pytest.mark.anyio
async def test_a_fork_that_is_killed_is_its_uploads_fault(decoder, slow, folder):
    task, fork = await begun(decoder, slow, folder)
    os.kill(fork, signal.SIGKILL)

    with pytest.raises(AudioUnreadable, match="too much memory"):
        await task
    assert list(folder.iterdir()) == []


@pytest.mark.anyio
async def test_closing_ends_all_and_leaves_no_file(decoder, slow, folder):
    task, fork = await begun(decoder, slow, folder)
    await decoder.aclose()

    with pytest.raises(DecoderDown):
        await task
    decoder.start()
    assert decoder.pid is None
    assert await asyncio.to_thread(wait_until, lambda: not running(fork))
    assert list(folder.iterdir()) == []


@pytest.mark.anyio
async def test_refusals_leave_no_file_and_what_is_gone_is_no_fault_of_the_upload(decoder, slow, folder, tmp_path):
    with pytest.raises(AudioTooLong, match="it lasts about 3600 s, and 60 s are the most"):
        await decoder.decode(slow, 60, folder)
    with pytest.raises(DecoderDown):
        await decoder.decode(tmp_path / "gone", 60, folder)
    with pytest.raises(DecoderDown):
        await decoder.decode(slow, 60, tmp_path / "nowhere")

    assert list(folder.iterdir()) == []


@pytest.mark.anyio
async def test_recordings_leave_room_on_the_disk_for_the_books(good, slow, folder):
    # What an hour takes is more than the quarter of this that each of four may have.
    decoder = Decoder(reserve_bytes=shutil.disk_usage(folder).free - 300_000_000)
    try:
        with pytest.raises(DecoderDown, match="no room on the disk"):
            await decoder.decode(slow, 3 * 3600, folder)
        assert list(folder.iterdir()) == []
        (await decoder.decode(good, 60, folder)).discard()
    finally:
        await decoder.aclose()


@pytest.mark.anyio
async def test_the_process_has_one_thread_and_no_secret(decoder, good, folder):
    (await decoder.decode(good, 60, folder)).discard()
    proc = Path(f"/proc/{decoder.pid}")
    names = {line.partition(b"=")[0].decode() for line in (proc / "environ").read_bytes().split(b"\0") if line}

    assert "Threads:\t1\n" in (proc / "status").read_text()
    assert not any("KEY" in name or "SECRET" in name or name.startswith("ROUTER") for name in names)


def test_the_gateway_itself_never_loads_a_decoder():
    code = "import sys, agents.audio.decoder, agents.audio.parts; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert {"av", "numpy"} & set(loaded.split()) == set()
