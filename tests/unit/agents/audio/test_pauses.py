"""Pauses are where nobody speaks, whatever the noise; and nowhere else."""

from itertools import pairwise

import numpy as np
import pytest

from agents.audio.clip import RATE
from agents.audio.pauses import Loudness
from tests.speech import ENGLISH, FRENCH, say, silence

SENTENCES = [say(FRENCH, "fr"), say(ENGLISH, "en"), say("Merci à tous.", "fr")]


def pauses_of(pcm: bytes, piece: int = 50_000):
    loudness = Loudness()
    for start in range(0, len(pcm), piece):
        loudness.take(pcm[start : start + piece])
    return loudness.pauses()


def noisy(pcm: bytes, decibel: float) -> bytes:
    """Add noise of so many dB of full scale."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (decibel / 20), len(samples))
    return np.clip(samples + noise, -32768, 32767).astype("<i2").tobytes()


def talk() -> tuple[bytes, list[int]]:
    """Return ten minutes of sentences a second apart, and the middle sample of each gap between them."""
    pieces, gaps, at = [], [], 0
    for turn in range(90):
        sentence = SENTENCES[turn % 3]
        at += len(sentence) // 2
        gaps.append(at + RATE // 2)
        pieces += [sentence, silence(1)]
        at += RATE
    return b"".join(pieces), gaps


@pytest.mark.parametrize("decibel", [None, -70, -55, -45])
def test_every_gap_between_sentences_is_a_pause_in_quiet_and_in_noise(decibel):
    pcm, gaps = talk()
    pauses = pauses_of(pcm if decibel is None else noisy(pcm, decibel))

    assert [gap for gap in gaps if not any(pause.first < gap < pause.end for pause in pauses)] == []


@pytest.mark.parametrize("decibel", [None, -70, -55])
def test_no_pause_is_where_somebody_speaks(decibel):
    pcm, _ = talk()
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.float64))

    for pause in pauses_of(pcm if decibel is None else noisy(pcm, decibel)):
        assert samples[pause.first : pause.end].max() < 0.05 * 32768


def test_pauses_are_in_order_and_do_not_touch():
    pauses = pauses_of(noisy(talk()[0], -55))

    assert all(before.end < after.first for before, after in pairwise(pauses))
    assert all(pause.frames >= RATE // 5 for pause in pauses)


@pytest.mark.parametrize("piece", [34, 640, 641 * 2, 1 << 20])
def test_it_does_not_matter_in_what_pieces_samples_come(piece):
    pcm = SENTENCES[0] + silence(1.01)

    assert pauses_of(pcm, piece) == pauses_of(pcm)


def test_silence_is_one_pause_to_the_last_sample():
    (pause,) = pauses_of(bytes(2 * (100 * RATE + 123)))

    assert (pause.first, pause.frames, pause.loudest) == (0, 100 * RATE + 123, -90.0)


def test_hum_and_noise_without_end_are_no_pause():
    seconds = np.arange(60 * RATE) / RATE
    hum = (8000 * np.sin(2 * np.pi * 100 * seconds)).astype("<i2").tobytes()

    assert pauses_of(hum) == ()
    assert pauses_of(noisy(bytes(len(hum)), -20)) == ()


def test_a_word_in_a_long_silence_is_no_part_of_it():
    word = say("Oui.", "fr")
    first, *_, last = pauses_of(silence(45) + word + silence(45))

    assert first.frames == pytest.approx(45 * RATE, abs=RATE // 5)
    assert last.frames == pytest.approx(45 * RATE, abs=RATE)
    assert last.first > 45 * RATE


def test_how_loud_a_long_silence_is_says_nothing_of_the_speech_that_fades_into_it():
    first, *_, last = pauses_of(silence(45) + SENTENCES[0] + silence(45))

    assert first.loudest == last.loudest == -90.0


def test_nothing_has_no_pauses():
    assert pauses_of(b"") == ()
