"""
An order process on the disk: `python examples/shop/main.py FILE [ORDERS]`.

An order needs three others: stock is reserved, payment is taken, a carrier ships. Each may refuse, and what was done before is undone
then: a saga. Stop the program anywhere, start it again with the same FILE: every order ends shipped or cancelled, nothing is reserved,
paid or shipped twice, and nothing stays half done.

    messages.py        everything that is said, and what happened     page.py    the read model, and the page of text
    participants.py    stock, purses, the carrier                     demo.py    the day, and what must add up
    process.py         the saga, and what drives it on

This needs `trouper[persistence]`.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # The modules beside this file are a package: see examples/payments/main.py.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    try:
        runpy.run_module("shop.demo", run_name="__main__", alter_sys=True)
    except ImportError as missing:
        sys.exit(str(missing))
