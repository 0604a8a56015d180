"""
The Savina suite (S. Imam, V. Sarkar: Savina - An Actor Benchmark Suite, AGERE! 2014) on trouper: 30 programs, one a file.

Each is written as actors that exchange messages, after the protocol of the suite's own sources, and checks what it found against a
computation without actors, and against what the suite publishes. Where a published program is broken, the file says how and runs a
corrected one. Nothing is shared between actors but what the suite shares by design (the matrices of recmatmul, the grid of astar).

Bounds: every mailbox is bounded. Where a program floods, the flood waits for room (`await tell`); where waiting would close a
circle, the mailbox has as many slots as the protocol can fill, and the file says why so many.
"""

from typing import Any

from . import (
    apsp,
    astar,
    banking,
    barber,
    big,
    bitonicsort,
    bndbuffer,
    chameneos,
    cigsmok,
    concdict,
    concsll,
    count,
    facloc,
    fib,
    filterbank,
    fjcreate,
    fjthrput,
    logmap,
    nqueenk,
    philosopher,
    pingpong,
    piprecision,
    quicksort,
    radixsort,
    recmatmul,
    sieve,
    sor,
    threadring,
    trapezoid,
    uct,
)
from .frame import Program

PROGRAMS: tuple[Program[Any, Any], ...] = (
    pingpong.PROGRAM,
    count.PROGRAM,
    fjthrput.PROGRAM,
    fjcreate.PROGRAM,
    threadring.PROGRAM,
    chameneos.PROGRAM,
    big.PROGRAM,
    concdict.PROGRAM,
    concsll.PROGRAM,
    bndbuffer.PROGRAM,
    philosopher.PROGRAM,
    barber.PROGRAM,
    cigsmok.PROGRAM,
    logmap.PROGRAM,
    banking.PROGRAM,
    radixsort.PROGRAM,
    filterbank.PROGRAM,
    sieve.PROGRAM,
    uct.PROGRAM,
    facloc.PROGRAM,
    trapezoid.PROGRAM,
    piprecision.PROGRAM,
    recmatmul.PROGRAM,
    quicksort.PROGRAM,
    apsp.PROGRAM,
    sor.PROGRAM,
    astar.PROGRAM,
    nqueenk.PROGRAM,
    fib.PROGRAM,
    bitonicsort.PROGRAM,
)
"""All of them, in the order of the suite."""
