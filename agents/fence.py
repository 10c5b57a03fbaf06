"""The fence around text of others: what stands inside is data, and can neither leave it nor pose as anything else."""

import re
import secrets
from collections.abc import Sequence

from msgspec import Struct

from documents.document import Hit

LONGEST_NAME = 120  # characters of a document's name or heading that a prompt repeats
EMPTY = "(no passage was found)"

# Characters without a look of their own, by which text is hidden or turned round (Unicode TR 36): bidirectional
# controls, tag characters, variation selectors, and control characters but for tab and line feed.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\xad\u034f\u061c\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# Engines parse the control tokens of chat templates in any text (llama.cpp among them): <|im_start|>, </s>,
# <start_of_turn>. All open like a tag, some families' with characters of full width; "a < b", "<=" and "<-" do not.
TAG = re.compile("[<\ufe64\uff1c](?=[^\\s=-])")
# Those of other families stand in brackets: [INST], [/INST], [TOOL_CALLS], [gMASK], [UNUSED_TOKEN_146]. None is as long
# as 40 characters, and without a limit a long word behind a bracket would take the square of its length to read.
BRACKETED = re.compile(r"\[(/?(?=\w{0,38}[A-Z]{2})\w{2,40})\]", re.ASCII)
CITATION = re.compile(r"\[\s*(\d{1,4}(?:\s*[,;-]\s*\d{1,4})*)\s*\]")
DEFUSED_TAG = "\u2039"  # looks like the sign that it stands for
QUOTES = str.maketrans({'"': "'", ">": "\u203a"})


class Numbered(Struct, frozen=True):
    """A passage and the number by which the answer cites it."""

    number: int
    hit: Hit


class Fence:
    """Tags with a boundary that nobody can foresee; made for one request.

    It is short, for it is read with every passage: text has no tags left that could bear a guess.
    """

    __slots__ = ("boundary",)

    def __init__(self) -> None:
        self.boundary = secrets.token_hex(4)

    def passages(self, passages: Sequence[Numbered]) -> str:
        """Return passages of documents, each between tags with its number; brackets in them cite nothing."""
        inner = "\n".join(self._passage(each) for each in passages) or EMPTY
        return self._between("passages", "", inner)

    def written(self, name: str, text: str, about: str = "") -> str:
        """Return text that a model wrote after it had read passages: its citations hold, nothing else of it does."""
        told = f' about="{self._attribute(about)}"' if about else ""
        return self._between(name, told, self._plain(text))

    def _passage(self, passage: Numbered) -> str:
        hit = passage.hit
        told = f' number="{passage.number}" document="{self._attribute(hit.name)}"'
        if hit.passage.heading:
            told += f' section="{self._attribute(hit.passage.heading)}"'
        return self._between("passage", told, CITATION.sub(r"(\1)", self._plain(hit.passage.text)))

    def _between(self, name: str, told: str, inner: str) -> str:
        tag = f"{name}-{self.boundary}"
        return f"<{tag}{told}>\n{inner}\n</{tag}>"

    def _attribute(self, text: str) -> str:
        plain = CITATION.sub(r"(\1)", " ".join(self._plain(text.translate(QUOTES)).split()))
        return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"

    def _plain(self, text: str) -> str:
        """Return text without what only machines see: control tokens keep their look and lose their meaning."""
        seen = BRACKETED.sub(r"⟦\1⟧", TAG.sub(DEFUSED_TAG, UNSEEN.sub("", text)))
        # A model that was talked into repeating the boundary does not open the fence of the next call.
        return seen.replace(self.boundary, "…")
