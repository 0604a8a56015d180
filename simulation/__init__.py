"""
Simulation: a cluster of many nodes in one process, under a seeded schedule, in virtual time, over a faulty network.

How it is built:

- A run is a function of its tape (`tape`): who runs next, how long a message takes, which fault comes when, and what `context.random` gives
  are draws on it. Recording is replaying.
- All nodes share one dispatcher, the conductor, and one ready queue, the schedule (`node_runtime`, `schedule`): both are policy
  objects of the runtime below, which learns nothing of them. A message from node to node costs no switch of tasks. The queue is also
  where a run is driven: asked whether anybody is ready it checks what must always hold and lets time pass (`world`).
- Handlers run on trio as they always do. trio's choice of the next task is a draw too, and its clock is the world's (`trio_order`).
- A ref to another node is an ordinary ref whose cell has the network for a queue (`remote`, `cluster`, `links`).
- Every event goes into a trace with a rolling hash (`trace`), and what no seed decides is refused (`guard`).
"""

from .client import Client as Client
from .coverage import Coverage as Coverage
from .determinism import CheckFailed as CheckFailed
from .determinism import Divergence as Divergence
from .determinism import check_determinism as check_determinism
from .disk import Disk as Disk
from .errors import DiskCorrupted as DiskCorrupted
from .errors import InjectedFailure as InjectedFailure
from .errors import NodeDown as NodeDown
from .errors import NotSimulated as NotSimulated
from .errors import RemoteFailure as RemoteFailure
from .errors import SimulationStuck as SimulationStuck
from .exhaustive import explore_orders as explore_orders
from .exhaustive import explore_states as explore_states
from .exploring import RunFailed as RunFailed
from .exploring import explore as explore
from .failing import SimulationFailed as SimulationFailed
from .faults import Faults as Faults
from .files import NoRecording as NoRecording
from .files import Recording as Recording
from .history import UNKNOWN as UNKNOWN
from .history import History as History
from .history import Operation as Operation
from .linearizability import NotLinearizable as NotLinearizable
from .linearizability import Undecided as Undecided
from .linearizability import judge as judge
from .links import Conditions as Conditions
from .models import Counter as Counter
from .models import KeyValue as KeyValue
from .models import Model as Model
from .models import Mutex as Mutex
from .models import Queue as Queue
from .models import Register as Register
from .models import Set as Set
from .models import WholeModel as WholeModel
from .nodes import SimulatedNode as SimulatedNode
from .oracles import Violation as Violation
from .report import Report as Report
from .run import Outcome as Outcome
from .run import run_once as run_once
from .scope import Scope as Scope
from .search import NotExplored as NotExplored
from .shrinking import NothingToShrink as NothingToShrink
from .shrinking import Shrunk as Shrunk
from .shrinking import shrink as shrink
from .simulated_cluster import Simulation as Simulation
from .simulating import simulate as simulate
from .simulating import simulation as simulation
from .strategies import StrategyChoice as StrategyChoice
from .strategies import UnknownStrategy as UnknownStrategy
from .tape import Departure as Departure
from .tape import Draw as Draw
from .tape import Tape as Tape
from .trace import Event as Event
from .workers import WorkerDied as WorkerDied
