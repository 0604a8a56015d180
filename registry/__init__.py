"""
Who is to be found where: addresses, unique names, typed service keys and the groups behind them, routing choices.

Nothing here knows what a ref is or what an actor does: the room above brings the type. Only `Registrations.wait_for` waits.
"""

from .address import Address as Address
from .errors import NameTaken as NameTaken
from .keys import Listing as Listing
from .keys import ServiceKey as ServiceKey
from .names import check_name as check_name
from .registrations import Registrations as Registrations
from .routing import Chooser as Chooser
from .routing import Routing as Routing
from .routing import check_routing as check_routing
from .routing import choice as choice
