"""Settings of every process of the tests. They are made before anything imports JAX."""

import gc
import os
import sys
from pathlib import Path

pytest_plugins = ["tests.fixtures"]

XLA_FLAGS = ("--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")
BYTECODE = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"

# More than halves the time that XLA compiles.
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *XLA_FLAGS])
# All processes share bytecode, even where PYTHONDONTWRITEBYTECODE is set: without it, each process
# that imports JAX compiles its sources for two seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
sys.dont_write_bytecode = False
sys.pycache_prefix = str(BYTECODE)
# Tracing makes many objects and few cycles; with Python's own thresholds, garbage collection takes
# a tenth of the CPU time.
gc.set_threshold(50_000, 20, 20)
