"""What importing the two packages brings in, each in a fresh interpreter."""

import subprocess
import sys

import pytest


def loaded_by(code: str, *names: str) -> set[str]:
    """Which of the modules `names` are loaded after `code` has run."""
    report = f"\nimport sys\nprint('loaded', *(set({names!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split()[1:])


def test_importing_dfplan_loads_nothing_heavy():
    assert not loaded_by("import dfplan", "jax", "flax", "gymnasium", "minari", "mujoco", "tyro")


@pytest.mark.parametrize("module", ["diffusion.sampler", "planner.core", "training.step"])
def test_the_core_needs_no_environment(module):
    assert not loaded_by(f"import dfplan.{module}", "gymnasium", "minari", "mujoco", "tyro")


def test_importing_dfplan_leaves_jax_as_it_was():
    code = """
import os, jax
before = dict(os.environ), dict(jax.config.values)
import dfplan.planner.diffusion_planner, dfplan.training.step
assert (dict(os.environ), dict(jax.config.values)) == before
"""
    loaded_by(code)


def test_dfplan_envs_loads_no_jax():
    assert not loaded_by("import dfplan_envs.tasks", "jax", "flax", "dfplan")
