"""
A pool of workers behind one ref, and what happens to who brings work faster than it is done: back-pressure.

Every mailbox has a bound. `await pool.tell(job)` waits for room, so a fast producer runs at the speed of the workers and
memory stays flat, without a line of code for it. `tell_nowait` is for who cannot wait: it raises `MailboxFull` instead. One of the
jobs kills its worker; the pool restarts it, and the other jobs are done.
"""

import logging

import trio
from attrs import define, evolve, frozen

from trouper import Actor, MailboxFull, actor, handles, open_system, router

WORKERS = 3
ROOM = 2
JOBS = 60
POISON = 13


@frozen
class Job:
    """A command: count the primes below this."""

    number: int
    below: int


@frozen
class JobDone:
    """A fact."""

    number: int
    primes: int


@define(eq=False)
class Worker(Actor[Job]):
    """Does one job at a time."""

    @handles(Job)
    async def work(self, job: Job) -> None:
        """Sleeps as if for a disk or a network, which is what a pool of actors in one process is good for."""
        if job.number == POISON:
            raise RuntimeError("this job cannot be done")
        await self.context.sleep(0.002)
        primes = sum(all(number % divisor for divisor in range(2, int(number**0.5) + 1)) for number in range(2, job.below))
        self.context.publish(JobDone(job.number, primes))


WORKER = actor(Worker, name="worker", mailbox=ROOM)
POOL = evolve(router("pool", WORKER, WORKERS, routing="least_loaded"), mailbox=ROOM)


async def main() -> None:
    """A producer that is faster than the pool."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crash is meant to be: without its traceback
    async with open_system(POOL) as system, system.subscribe(JobDone) as done:
        pool = system.ref(POOL)
        most = 0
        print(f"{WORKERS} workers with room for {ROOM} jobs each, {JOBS} jobs, and a producer that tells them as fast as it may:")
        for number in range(1, JOBS + 1):
            await pool.tell(Job(number, below=100 + number))
            most = max(most, system.statistics().waiting)
        bound = ROOM + 1 + WORKERS * (ROOM + 1)
        assert most <= bound
        print(f"  never more than {most} jobs waited or were worked on: {ROOM} + 1 at the pool, {WORKERS} * ({ROOM} + 1) at its workers")

        print(f"{JOBS} more jobs, from a producer that cannot wait, and has to do something else with what is refused:")
        refused: list[MailboxFull] = []
        for number in range(JOBS + 1, 2 * JOBS + 1):
            try:
                pool.tell_nowait(Job(number, below=100 + number))
            except MailboxFull as full:
                refused.append(full)
                await pool.tell(Job(number, below=100 + number))
        print(f"  {refused[0]}")

        finished = {(await anext(done)).number for _ in range(2 * JOBS - 1)}
        lost = set(range(1, 2 * JOBS + 1)) - finished
        restarts = sum(node.restarts for node in system.tree())
        print(f"{len(finished)} of {2 * JOBS} jobs are done; {restarts} worker was restarted, and lost the job that it had in hand: {lost}")


if __name__ == "__main__":
    trio.run(main)
