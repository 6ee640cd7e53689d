"""Export: planners for programs that have JAX and NumPy alone."""

from dfplan.export.exported import load as load
