"""One way to reach a peer, as browsers send it."""

from msgspec import Struct, field


class Candidate(Struct, frozen=True):
    """An `RTCIceCandidateInit`; an empty `candidate` says that no more will come."""

    candidate: str = ""
    mid: str | None = field(name="sdpMid", default=None)
    line: int | None = field(name="sdpMLineIndex", default=None)
    fragment: str | None = field(name="usernameFragment", default=None)
