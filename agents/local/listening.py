"""How one clip is listened to: stretch by stretch, each in its own language, and nothing made up over noise."""

from collections import Counter
from itertools import pairwise

from msgspec import Struct

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.local.errors import ClipRefused
from agents.local.whisper import CAREFUL, MOST_STRETCH_S, PROBE, QUICK, Reading, Sentence, Stretch, Whisper, Window
from agents.messages import Word

# So much is searched for speech at a time.
SLAB_S = 120
# Text more repetitive than this goes round in circles, and text this improbable over what is hardly speech is made up.
# Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022, 4.5.
MOST_COMPRESSION, LEAST_LOGPROB, MOST_SILENCE = 2.4, -1.0, 0.6
DOUBTFUL_LOGPROB = -0.8
# Sentences in one language are read together when they follow on each other: what was said tells how to write the next.
MOST_PAUSE_S = 1.5
# Where so much of a stretch has no text, something was left out: it has no pause longer than a third of a second in it,
# half a second of silence at both ends, and times that are told roughly.
MOST_LEFT_OUT_S = 1.5
# The language of a word or two is a guess: it is one that was heard before, or else of these, whichever fits better.
SHORT_S = 3.0
USUAL = ("fr", "en")
SURE, MOST_GUESSES = 0.8, 3


class HeardSegment(Struct, frozen=True):
    """What is said in a stretch, in seconds from the beginning of the clip; the figures are those of `Reading`."""

    text: str
    start_s: float
    end_s: float
    language: str
    logprob: float
    compression: float
    silence: float


class Passage(Struct, frozen=True):
    """Stretches that follow on each other in one language; the window where there is one, and it is encoded."""

    stretches: tuple[Stretch, ...]
    language: str
    window: Window | None = None

    @property
    def whole(self) -> Stretch:
        """From the beginning of the first to the end of the last."""
        return Stretch(self.stretches[0].first, self.stretches[-1].stop)


class Listening:
    """A clip while it is transcribed; `segments` and `words` grow with each stretch.

    Args:
        pcm: 16 bit, little endian, mono, 16 kHz.
        language: ISO 639-1; None: each stretch is heard in the language it sounds like.
        times_words: Whether the time of each word is told.

    """

    def __init__(self, pcm: memoryview, language: str | None, *, times_words: bool) -> None:
        self.segments: list[HeardSegment] = []
        self.words: list[Word] = []
        self._pcm = pcm
        self._given = None if language is None else language.lower().split("-")[0]
        self._times_words = times_words
        self._at = 0
        self._frames = len(pcm) // SAMPLE_BYTES
        self._heard = Counter[str]()
        self._pending: Passage | None = None

    @property
    def is_over(self) -> bool:
        """Whether the whole clip has been searched."""
        return self._at >= self._frames

    @property
    def language(self) -> str | None:
        """The language that was given, else that of most of the text; None where nothing is said."""
        sizes = Counter[str]()
        for segment in self.segments:
            sizes[segment.language] += len(segment.text)
        return self._given or max(sizes, key=lambda language: sizes[language], default=None)

    def search(self, whisper: Whisper) -> list[Stretch]:
        """Return where there is speech in the next part of the clip.

        Raises:
            ClipRefused: The model does not know the language.

        """
        if self._given is not None and self._given not in whisper.languages:
            raise ClipRefused(f"the language {self._given!r} is not known; give an ISO 639-1 code")
        begin, stop = self._at, min(self._at + SLAB_S * RATE, self._frames)
        found = [
            Stretch(begin + stretch.first, begin + stretch.stop)
            for stretch in whisper.stretches(self._pcm[begin * SAMPLE_BYTES : stop * SAMPLE_BYTES])
        ]
        self._at = stop
        if stop < self._frames and len(found) > 1 and found[-1].stop == stop:
            # It goes on behind the end, where it is found whole.
            self._at = found.pop().first
        return found

    def hear(self, whisper: Whisper, stretch: Stretch) -> None:
        """Hear a stretch; it is read once what follows does not belong to it."""
        passage = self._passage(whisper, stretch)
        before = self._pending
        if before is not None and _belong_together(before, passage):
            self._pending = Passage((*before.stretches, stretch), passage.language)
        else:
            self.read(whisper)
            self._pending = passage

    def read(self, whisper: Whisper) -> None:
        """Read what was heard and not yet read."""
        passage, self._pending = self._pending, None
        if passage is not None:
            self._read(whisper, passage)

    def _read(self, whisper: Whisper, passage: Passage) -> None:
        window = passage.window or whisper.encode(self._pcm, passage.whole, QUICK)
        reading = whisper.read(window, passage.language, QUICK)
        sentences = whisper.sentences(window, reading)
        if not _is_believed(reading, sentences, passage.whole):
            if len(passage.stretches) > 1:
                for stretch in passage.stretches:
                    self._read(whisper, Passage((stretch,), passage.language))
                return
            window = whisper.encode(self._pcm, passage.whole, CAREFUL)
            reading = whisper.read(window, passage.language, CAREFUL)
            sentences = whisper.sentences(window, reading)
        if reading.silence > MOST_SILENCE and reading.logprob < LEAST_LOGPROB:
            return
        figures = (reading.language, reading.logprob, reading.compression, reading.silence)
        self.segments += [HeardSegment(told.text, told.start_s, told.end_s, *figures) for told in sentences]
        if self._times_words and sentences:
            self.words += whisper.words(window, reading)

    def _passage(self, whisper: Whisper, stretch: Stretch) -> Passage:
        if self._given is not None:
            return Passage((stretch,), self._given)
        window = whisper.encode(self._pcm, stretch, QUICK)
        return Passage((stretch,), self._language_of(whisper, window), window)

    def _language_of(self, whisper: Whisper, window: Window) -> str:
        likely, probability = whisper.sounds_like(window)[0]
        if window.stretch.seconds >= SHORT_S:
            if probability > SURE:
                self._heard[likely] += 1
            return likely
        if likely in self._heard or (likely in USUAL and (probability > SURE or not self._heard)):
            return likely
        candidates = [language for language, _ in self._heard.most_common(MOST_GUESSES)] or [likely, *USUAL]
        if len(candidates) == 1:
            return candidates[0]
        readings = (whisper.read(window, language, PROBE) for language in candidates)
        return max(readings, key=lambda reading: reading.logprob).language


def _belong_together(before: Passage, after: Passage) -> bool:
    pause_s = (after.whole.first - before.whole.stop) / RATE
    whole_s = (after.whole.stop - before.whole.first) / RATE
    return before.language == after.language and pause_s <= MOST_PAUSE_S and whole_s <= MOST_STRETCH_S


def _is_believed(reading: Reading, sentences: list[Sentence], stretch: Stretch) -> bool:
    """Whether a reading is neither repetitive nor improbable, and leaves no part of the stretch out."""
    if reading.compression > MOST_COMPRESSION or reading.logprob < DOUBTFUL_LOGPROB:
        return False
    begin, stop = stretch.first / RATE, stretch.stop / RATE
    pauses = pairwise([begin, *(time for told in sentences for time in (told.start_s, told.end_s)), stop])
    return all(later - earlier <= MOST_LEFT_OUT_S for earlier, later in list(pauses)[::2])
