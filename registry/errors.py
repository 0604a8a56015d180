"""The one refusal of the registry: a name has one holder."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


@define(eq=False)
class NameTaken(TrouperError):
    """
    A name is held by another actor that is alive. Nothing was registered or started under it.

    Args:
        name: The name that was asked for.
        holder: The path of the actor that has it.
    """

    name: str
    holder: str

    def __str__(self) -> str:
        return (
            f"The name {self.name!r} is taken by {self.holder}, which is alive, so nobody else got it. "
            f"Choose another name, or stop {self.holder} first: a name is free as soon as its holder is down."
        )
