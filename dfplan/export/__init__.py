"""Export: planners for programs that have JAX and NumPy alone."""

from dfplan.export.read import load as load
