"""
What is outside of the shop, and does not restart with it: accidents, and the provider that delivers e-mails.

Whether an accident happens depends on the seed and the order's number only, not on who is scheduled when: the same file
has the same accidents in every run. Each happens once, since what is asked again after a crash is meant to succeed.
"""

from zlib import crc32

from attrs import define, field


class Accident(Exception):
    """Something broke. *place* says where, *order* which order was in hand."""

    def __init__(self, place: str, order: str) -> None:
        super().__init__(f"{place}, with order {order} in hand")
        self.place = place
        self.order = order


@define(eq=False)
class Accidents:
    """
    Strikes now and then, and remembers it.

    Args:
        one_in: For each place where something can break, in how many orders it breaks once.
        seed: Another number, other accidents.
    """

    one_in: dict[str, int]
    seed: int = 1
    struck: set[tuple[str, str]] = field(factory=set[tuple[str, str]], init=False)

    def may_strike(self, place: str, order: str) -> None:
        """
        Does nothing, most of the time.

        Raises:
            Accident: But not this time.
        """
        draw = crc32(f"{self.seed}/{place}/{order}".encode())
        if draw % self.one_in[place] == 0 and (place, order) not in self.struck:
            self.struck.add((place, order))
            raise Accident(place, order)


@define(eq=False)
class MailProvider:
    """Delivers e-mails, when it does not fail."""

    accidents: Accidents
    delivered: set[str] = field(factory=set[str], init=False)

    def deliver(self, email: str, order: str) -> None:
        """
        Hands one e-mail over.

        Raises:
            Accident: The line is down. The e-mail is not delivered.
        """
        assert "@" in email
        self.accidents.may_strike("mail line down", order)
        self.delivered.add(order)


def a_bad_day(seed: int = 1) -> Accidents:
    """What goes wrong, and how often."""
    return Accidents(
        {
            "crash before booking": 2_000,
            "crash after booking": 2_000,
            "printer jam": 2_000,
            "mail line down": 500,
            "division by zero": 7_000,
        },
        seed,
    )
