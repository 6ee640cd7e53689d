"""Modules that importing the two packages loads, each in a fresh interpreter."""

import subprocess
import sys


def loaded_by(code: str, *names: str) -> set[str]:
    """Return which of the modules `names` are loaded after `code` has run."""
    report = f"\nimport sys\nprint('loaded', *(set({names!r}) & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return set(process.stdout.splitlines()[-1].split()[1:])


def test_importing_dfplan_loads_nothing_heavy():
    assert not loaded_by("import dfplan", "jax", "flax", "gymnasium", "minari", "mujoco", "tyro")


def test_the_core_needs_no_environment_and_leaves_jax_as_it_was():
    code = """
import os, jax
environ = dict(os.environ)
values = dict(jax.config.values)
import dfplan.diffusion.sampler, dfplan.planner.diffusion_planner, dfplan.training.step
assert dict(os.environ) == environ and dict(jax.config.values) == values
"""
    assert not loaded_by(code, "gymnasium", "minari", "mujoco", "tyro")


def test_commands_that_list_tasks_and_make_datasets_load_no_jax():
    code = "import dfplan.cli.collect, dfplan.cli.import_, dfplan.cli.tasks"
    code += "; from dfplan.cli import main; assert main(['tasks']) == 0"
    assert not loaded_by(code, "jax", "flax", "orbax", "optax", "matplotlib")


def test_dfplan_envs_loads_no_jax():
    assert not loaded_by("import dfplan_envs.tasks", "jax", "flax", "dfplan")
