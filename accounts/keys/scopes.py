"""What a key may be used for: models, agents, surfaces, and permissions that must be given by name."""

from collections.abc import Iterable

from msgspec import Struct

from accounts.errors import ScopeInvalid, ScopeTooWide

PERMISSIONS = ("prompt_tools", "keys")
LONGEST_SCOPE = 256
MOST_SCOPES = 200
KINDS = ("model", "agent", "surface")


class Scopes(Struct, frozen=True):
    """What a key may be used for; models, agents and surfaces that are not listed at all are not restricted."""

    models: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    surfaces: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()

    def refusal(self, models: Iterable[str], agent: str | None, surface: str) -> str | None:
        """Return the first scope that a use would need and that is not here; None when the use is allowed.

        Args:
            models: The names of the one model that is asked for; one of them in the list is enough. None for a use
                that asks for no model of the caller's choice.
            agent: The pipeline, if the surface has any.
            surface: The route's own name, such as `completion`.

        """
        named = tuple(models)
        if named and self.models and self.models.isdisjoint(named):
            return f"model:{named[0]}"
        if self.agents and agent is not None and agent not in self.agents:
            return f"agent:{agent}"
        if self.surfaces and surface not in self.surfaces:
            return f"surface:{surface}"
        return None

    def check_within(self, own: "Scopes") -> None:
        """Refuse to be given by a key that has less.

        Args:
            own: The scopes of whoever gives these.

        Raises:
            ScopeTooWide: Naming the scope.

        """
        for kind, asked, had in (
            ("model", self.models, own.models),
            ("agent", self.agents, own.agents),
            ("surface", self.surfaces, own.surfaces),
        ):
            if had and not asked:
                raise ScopeTooWide(f"every {kind}, where the giver has {', '.join(sorted(had))}", param="scopes")
            if had and asked - had:
                raise ScopeTooWide(f"{kind}:{min(asked - had)}", param="scopes")
        if self.permissions - own.permissions:
            raise ScopeTooWide(min(self.permissions - own.permissions), param="scopes")

    def listed(self) -> list[str]:
        """Return the scopes as they go over the wire."""
        groups = (("model", self.models), ("agent", self.agents), ("surface", self.surfaces))
        named = [f"{kind}:{name}" for kind, names in groups for name in sorted(names)]
        return named + [name for name in PERMISSIONS if name in self.permissions]


EVERYTHING = Scopes(permissions=frozenset(PERMISSIONS))


def scopes_of(listed: Iterable[str]) -> Scopes:
    """Read scopes from the wire.

    Raises:
        ScopeInvalid: Naming the one that there is not.

    """
    found: dict[str, set[str]] = {"model": set(), "agent": set(), "surface": set(), "permission": set()}
    for count, scope in enumerate(listed):
        kind, colon, name = scope.partition(":")
        if scope in PERMISSIONS:
            found["permission"].add(scope)
        elif colon and kind in KINDS and name and len(scope) <= LONGEST_SCOPE and count < MOST_SCOPES:
            found[kind].add(name)
        else:
            raise ScopeInvalid(scope[:64], param="scopes")
    return Scopes(*(frozenset(names) for names in found.values()))
