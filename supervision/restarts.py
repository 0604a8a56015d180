"""OTP's restart types: which ends of a child bring it back."""

from __future__ import annotations

from .exits import Exit
from .words import Restart


def restarts_after(ended: Exit, restart: Restart) -> bool:
    """
    Whether a child that ended by itself is restarted.

    | restart type | normal | shutdown | killed | failed |
    |---|---|---|---|---|
    | permanent | yes | yes | yes | yes |
    | transient | no | no | yes | yes |
    | temporary | no | no | no | no |

    Not guaranteed:
        * Anything about a child that its supervisor or another actor stopped: that is no crash, and is not asked here.
    """
    if restart == "transient":
        return ended.kind in ("killed", "failed")
    return restart == "permanent"
