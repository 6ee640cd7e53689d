"""Solvers: `SOLVERS.make("ddim:eta=1", clip=None, temperature=1.0)` builds one by name."""

from dfplan.diffusion.solvers.ancestral import Ancestral
from dfplan.diffusion.solvers.base import SolverBase
from dfplan.diffusion.solvers.consistency import Consistency
from dfplan.diffusion.solvers.ddim import DDIM
from dfplan.diffusion.solvers.multistep import Multistep
from dfplan.diffusion.solvers.solver import Solver
from dfplan.util.registry import Registry

__all__ = ["DDIM", "SOLVERS", "Ancestral", "Consistency", "Multistep", "Solver", "SolverBase"]

SOLVERS = Registry(
    "solver",
    "dfplan.solvers",
    {"ddim": DDIM, "ancestral": Ancestral, "multistep": Multistep, "consistency": Consistency},
)
