"""dfplan: diffusion-forcing planning for robots, in JAX.

The package root imports nothing: take what you need from its modules, for example
``from dfplan.agent import Agent``.
"""

__version__ = "0.1.0"
