"""Hostile uploads end in a recording or in a clear refusal; the decoder decodes on, and nothing is left."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.audio import containers
from tests.audio.containers import FTYP, atom, ebml, film, id3, id3_frame, wav, wav_of
from tests.audio.hearer import SPEECH, Watch, peak
from tests.speech import CONTAINERS, encoded, seconds_of, silence

pytestmark = pytest.mark.usefixtures("decodes_on")

REFUSED = "it is in none of the formats that are read here"
DAMAGED = "it is damaged"
REASONS = {
    "",
    REFUSED,
    DAMAGED,
    "there is no sound in it",
    "its sound is coded in a way that is not read here",
    "it takes too long to decode",
    "it needs too much memory to decode",
}
FILES = {extension: encoded(SPEECH, extension) for extension in CONTAINERS}
SECRET = Path(__file__)


def is_known(reason: str) -> bool:
    return reason in REASONS or reason.startswith("it lasts ")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"Bonjour, ceci n'est pas du son. " * 500,
        "Ceci non plus, et chaque lettre a deux octets. ".encode("utf-16") * 500,
        b"<!doctype html><html><body>son</body></html>",
        b"PK\x03\x04" + bytes(5000),
        b"\x89PNG\r\n\x1a\n" + bytes(5000),
        b"\xff\xd8\xff\xe0" + bytes(5000),
        b"GIF89a" + bytes(5000),
        b"%PDF-1.7\n" + bytes(5000),
        b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(5000),
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{SECRET}\n#EXT-X-ENDLIST\n".encode(),
        f"ffconcat version 1.0\nfile {SECRET}\n".encode(),
        f"[playlist]\nFile1={SECRET}\n".encode(),
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
        id3(b"") + f"#EXTM3U\nfile://{SECRET}\n".encode(),
        id3(bytes(100), size=0xFFFFFFF) + bytes(5000),
        b"\xff\xfb\x90\x00" + b"not a frame" * 500,
    ],
    ids=lambda data: data[:12].hex() or "nothing",
)
def test_what_is_no_sound_is_refused_by_its_bytes(hearer, data):
    assert hearer.ending(data) == REFUSED


@pytest.mark.parametrize("seed", range(5))
def test_garbage_is_refused_whatever_it_begins_with(hearer, seed):
    garbage = np.random.default_rng(seed).bytes(50_000)
    heads = [b"", b"OggS", b"fLaC", b"RIFF\x00\x00\x01\x00WAVE", FTYP, b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", id3(b"")]

    assert {hearer.ending(head + garbage) for head in heads} <= REASONS - {""}


@pytest.mark.parametrize("extension", CONTAINERS)
def test_a_file_cut_anywhere_is_what_is_left_of_it_or_damaged(hearer, extension):
    data = FILES[extension]
    for tenth in range(1, 10):
        cut = data[: len(data) * tenth // 10]
        reason = hearer.ending(cut)
        assert reason in ("", DAMAGED)
        if not reason:
            assert 0 < len(hearer.pcm(cut)) <= len(SPEECH)
    # An MP4 has its index at the end; of the others, what was written can be read.
    assert (hearer.ending(data[: len(data) * 9 // 10]) == DAMAGED) == (extension in ("mp4", "m4a"))


@pytest.mark.parametrize("size", [0, 44, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_that_lies_about_its_size_is_as_long_as_it_is(hearer, size):
    told = seconds_of(hearer.pcm(wav(SPEECH, size=size)))

    assert told == (size // 2 / 16_000 if 0 < size < len(SPEECH) else seconds_of(SPEECH))


LOUD = np.frombuffer(SPEECH, "<i2").astype(np.float64) / 32768
MULAW = bytes(range(256)) * 100


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (wav(SPEECH, align=3), 2.4),
        (wav(SPEECH, align=0xFFFF), 2.4),
        (wav(SPEECH[:-1]), 2.4),
        (wav(SPEECH * 8, channels=8, rate=192_000), 0.2),
        (wav(LOUD.astype("<f4").tobytes(), kind=3, bits=32), 2.4),
        (wav(LOUD.tobytes(), kind=3, bits=64), 2.4),
        (wav(struct.pack("<f", float("nan")) * 16_000, kind=3, bits=32), 1.0),
        (wav(MULAW, kind=7, rate=8000, bits=8), 3.2),
        (wav(MULAW, kind=6, rate=8000, bits=8), 3.2),
        (wav(SPEECH, kind=2, bits=4, align=256), 3.3),
        (wav(SPEECH, kind=0x11, bits=4, align=256), 5.2),
        (wav(FILES["mp3"], kind=0x55, bits=0, align=1), 2.5),
    ],
)
def test_an_odd_wav_is_decoded_as_what_it_is(hearer, data, seconds):
    assert seconds_of(hearer.pcm(data)) == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize(
    "data",
    [
        wav(SPEECH, rate=0),
        wav(SPEECH, rate=0xFFFFFFFF),
        wav(SPEECH, channels=0),
        wav(SPEECH, channels=64),
        wav(SPEECH, channels=0xFFFF),
        wav(SPEECH, bits=0, align=0),
        wav(SPEECH, bits=0xFFFF),
        wav(SPEECH, kind=0x1234),
        wav(b""),
        wav_of(b"", SPEECH, len(SPEECH)),
        wav_of(bytes(1 << 20), SPEECH, len(SPEECH)),
    ],
)
def test_an_impossible_wav_is_refused(hearer, data):
    assert hearer.ending(data) in REASONS - {""}


def test_a_sample_a_second_is_too_long_and_costs_no_more_than_what_is_allowed(hearer):
    assert hearer.ending(wav(SPEECH, rate=1)).startswith("it lasts ")


@pytest.mark.parametrize("body", [bytes(8 << 20), id3_frame(b"\x03" + b"a" * (8 << 20))], ids=["padding", "text"])
def test_a_giant_tag_is_passed_over(hearer, body):
    assert seconds_of(hearer.pcm(id3(body) + FILES["mp3"])) == pytest.approx(seconds_of(SPEECH), abs=0.1)


def lying(mp3: bytes, frames: int) -> bytes:
    """Return an MP3 that says that it has so many frames."""
    at = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    return mp3[:at] + struct.pack(">I", frames) + mp3[at + 4 :]


@pytest.mark.parametrize("frames", [1, 1 << 30])
def test_an_mp3_that_lies_about_its_length_is_as_long_as_it_is(hearer, frames):
    assert seconds_of(hearer.pcm(lying(FILES["mp3"], frames))) == pytest.approx(seconds_of(SPEECH), abs=0.15)


@pytest.mark.parametrize("seconds", [0.1, 1e9, float("nan"), -5.0])
def test_a_webm_that_lies_about_its_length_is_as_long_as_it_is(hearer, seconds):
    before, element, after = FILES["webm"].partition(b"\x44\x89\x88")
    lying = before + element + struct.pack(">d", seconds * 1000) + after[8:]

    assert element
    assert seconds_of(hearer.pcm(lying)) == pytest.approx(seconds_of(SPEECH), abs=0.1)


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}, {"movflags": "frag_keyframe+empty_moov"}])
def test_a_film_is_heard_wherever_its_index_is(hearer, options):
    assert seconds_of(hearer.pcm(film(SPEECH, **options))) == pytest.approx(seconds_of(SPEECH), abs=0.1)


def test_a_film_in_webm_is_heard(hearer):
    assert seconds_of(hearer.pcm(film(SPEECH, "webm"))) == pytest.approx(seconds_of(SPEECH), abs=0.1)


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_a_silent_film_has_no_sound(hearer, container):
    assert hearer.ending(film(b"", container)) == "there is no sound in it"


@pytest.mark.parametrize(
    "data",
    [
        FTYP + containers.nested_atoms(b"moov", 50_000),
        FTYP + containers.nested_atoms(b"trak", 50_000),
        FTYP + atom(b"moov", size=0) * 5000,
        FTYP + atom(b"moov", atom(b"trak", size=1)) * 5000,
        FTYP + atom(b"moov", atom(b"mvhd", bytes(100), size=0xFFFFFFFF)),
        FTYP + atom(b"mdat", bytes(8)) + atom(b"moov", struct.pack(">Q", 1 << 62), size=1),
        ebml("1A45DFA3", ebml("4282", b"webm")) + ebml("18538067", b"", size=(1 << 56) - 1) * 5000,
        ebml("1A45DFA3", b"", size=(1 << 56) - 2) + bytes(5000),
        containers.webm(ebml("AE", ebml("D7", b"\x01") + ebml("63A2", b"", size=1 << 40)), [b"\x00"] * 10),
    ],
)
def test_nests_and_loops_are_refused(hearer, data):
    assert hearer.ending(data) in {DAMAGED, "there is no sound in it"}


def test_a_webm_that_unpacks_to_hours_is_cut_at_what_is_allowed(hearer):
    bomb = containers.webm_bomb(blocks=100, block_bytes=9_000_000)

    assert len(bomb) < 1_000_000
    assert hearer.ending(bomb).startswith("it lasts ")


def test_hours_of_silence_take_little_memory_of_either_process(hearer, tmp_path):
    upload = tmp_path / "silence.wav"
    upload.write_bytes(wav(b"", size=200 << 20))
    os.truncate(upload, 200 << 20)
    ours, watched = peak(os.getpid()), []
    with Watch(hearer.decoder.pid, watched):
        recording = hearer.decode_file(upload, 4 * 3600)
    (pause,) = recording.pauses

    assert recording.frames == pause.frames == 100 * (1 << 20) - 22
    assert 0 < max(watched) < 128 << 20
    assert peak(os.getpid()) - ours < 8 << 20
    recording.discard()


def test_what_is_longer_than_allowed_is_refused_and_what_is_as_long_is_not(hearer):
    assert hearer.ending(wav(bytes(2 * 16_000 * 60)), most_s=60) == ""
    assert hearer.ending(wav(bytes(2 * 16_000 * 61)), most_s=60) == "it lasts about 61 s, and 60 s are the most"
    assert hearer.ending(lying(encoded(silence(61), "mp3"), frames=1), most_s=60) == "it lasts more than 60 s"


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a good file, some of whose bytes were changed, cut out or doubled."""
    data = bytearray(draw(st.sampled_from(sorted(FILES.values()))))
    for _ in range(draw(st.integers(1, 12))):
        # Headers decide more than samples.
        at = draw(st.one_of(st.integers(0, 600), st.integers(0, len(data))))
        much = draw(st.integers(1, 400))
        match draw(st.sampled_from(["change", "cut", "double", "shift"])):
            case "change":
                data[at : at + 4] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del data[at : at + much]
            case "double":
                data[at:at] = data[at : at + much]
            case _:
                data[at:at] = b"\xff" * (much % 9)
    return bytes(data)


def ends_well(hearer, data: bytes) -> None:
    assert is_known(hearer.ending(data))


SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@given(data=mutated())
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=SHARED)
def test_a_mutated_file_ends_in_a_recording_or_its_refusal(hearer, data):
    ends_well(hearer, data)


@pytest.mark.prove
@given(data=mutated())
@hypothesis_settings(max_examples=800, deadline=None, suppress_health_check=SHARED)
def test_hundreds_of_mutated_files_end_in_a_recording_or_their_refusal(hearer, data):
    ends_well(hearer, data)
