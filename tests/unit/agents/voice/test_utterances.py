"""What is said is cut where somebody begins and where they have finished, whatever the room is like."""

import numpy as np
import pytest

from agents.voice import detector as detecting
from agents.voice.detector import Loudness, Silero
from agents.voice.equipment import installed_detector
from agents.voice.utterances import LONGEST, Spoken, Utterances
from tests.speech import ENGLISH, RATE, say, seconds_of, silence

QUESTION = say("Quelle est la capitale de l'Italie ?")
FRAME = 640


def noisy(pcm, loudness, seed=0):
    samples = np.frombuffer(pcm, "<i2") + np.random.default_rng(seed).normal(0, loudness, len(pcm) // 2)
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def heard(pcm, detector):
    """Return (seconds of the stream, what was heard then) for each."""
    utterances = Utterances(detector)
    found = []
    for at in range(0, len(pcm), FRAME):
        found += [(at / 2 / RATE, each) for each in utterances.feed(pcm[at : at + FRAME])]
    return found


@pytest.fixture(params=["network", "loudness"])
def detector(request):
    return detecting.detector(installed_detector() if request.param == "network" else None)


@pytest.mark.parametrize("loudness", [0, 60])
def test_two_questions_are_two_utterances_and_nothing_of_them_is_missing(detector, loudness):
    said = silence(1) + QUESTION + silence(1.5) + say("Et celle de la France ?") + silence(1)

    found = heard(noisy(said, loudness), detector)

    assert [isinstance(each, Spoken) for _, each in found] == [False, True, False, True]
    (began, _), (ended, first) = found[:2]
    assert 1.0 < began < 1.35
    assert ended < 1 + seconds_of(QUESTION) + 0.6
    assert float(first.clip.seconds) > seconds_of(QUESTION.strip(b"\0")) - 0.6


def test_the_clip_begins_before_the_beginning(detector):
    pcm = silence(1) + QUESTION + silence(1)

    clip = heard(pcm, detector)[-1][1].clip

    start = pcm.find(clip.source[:6400])
    first_sound = next(at for at in range(0, len(pcm), 2) if pcm[at : at + 2] not in {b"\0\0", b"\1\0", b"\xff\xff"})
    assert start < first_sound + RATE // 10


def test_noise_without_a_voice_is_not_heard_by_the_network():
    assert heard(noisy(silence(6), 800), detecting.detector(installed_detector())) == []


def test_a_click_is_not_speech():
    click = noisy(silence(0.03), 6000)

    assert heard(silence(1) + click + silence(1), Loudness()) == []


def test_somebody_who_never_pauses_is_heard_in_pieces():
    pieces = [each for _, each in heard(noisy(silence(65), 5000), Loudness()) if isinstance(each, Spoken)]

    assert [each.clip.frames for each in pieces] == [LONGEST * 512] * 2


def test_an_utterance_under_way_ends_when_its_speaker_says_so():
    utterances = Utterances(detecting.detector(installed_detector()))
    utterances.feed(silence(0.5) + say(ENGLISH, "en")[: 2 * RATE])

    (spoken,) = utterances.end()

    assert float(spoken.clip.seconds) > 0.9
    assert utterances.end() == []


def test_without_weights_loudness_decides():
    assert isinstance(detecting.detector(installed_detector()), Silero)
    assert isinstance(detecting.detector(None), Loudness)
