"""
Runs one program on another library, in the environment of the peers: ``play.py LIBRARY PROGRAM PARAMETERS``, the last as JSON.

Prints one line of JSON: the seconds that it took until every actor had ended, what it found, and the versions of the library and of Python.
"""

import json
import platform
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

# The suite's random numbers are the same for everybody; that file needs nothing but Python.
sys.path.append(str(Path(__file__).resolve().parents[1]))

library, program, parameters = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
play = import_module(f"on_{library.replace('-', '_')}").play
began = perf_counter()
result = play(program, parameters)
seconds = perf_counter() - began
print(json.dumps({"seconds": seconds, "result": result, "version": version(library), "python": platform.python_version()}))
