"""Paths through a plan's tokens, for controllers that follow its path instead of its timing."""

from collections.abc import Callable
from types import ModuleType

from jaxtyping import Float

from dfplan.planner.interpolation import interpolate
from dfplan.types import XpArray

PathMaker = Callable[[Float[XpArray, "B T G"], int, ModuleType], Float[XpArray, "B L G"]]
"""Function of the plan, the control steps per token and the array library.

It returns the path at every control step, L = (T-1) stride + 1, through all tokens.
"""


def make_spline(
    plan: Float[XpArray, "B T G"], stride: int, xp: ModuleType
) -> Float[XpArray, "B L G"]:
    """Return a plan at every control step, on the Catmull-Rom spline through its tokens.

    At each token, the velocity is that from the token before to the token after (Catmull and Rom
    1974), so that the path has no corners and rounds those of the straight lines on the outside.
    The ends are continued along a straight line.

    Args:
        plan: Planned states, one per token.
        stride: Control steps per token.
        xp: Array library, `numpy` or `jax.numpy`.
    """
    before = 2 * plan[:, :1] - plan[:, 1:2]
    after = 2 * plan[:, -1:] - plan[:, -2:-1]
    extended = xp.concatenate([before, plan, after], axis=1)
    velocity = (extended[:, 2:] - extended[:, :-2]) / 2
    t = xp.arange(1, stride + 1, dtype=plan.dtype)[None, None, :, None] / stride
    start = plan[:, :-1, None]
    end = plan[:, 1:, None]
    start_velocity = velocity[:, :-1, None]
    end_velocity = velocity[:, 1:, None]
    steps = (
        start
        + (3 - 2 * t) * t**2 * (end - start)
        + t * (1 - t) ** 2 * start_velocity
        - t**2 * (1 - t) * end_velocity
    )
    return xp.concatenate([plan[:, :1], steps.reshape(len(plan), -1, plan.shape[2])], axis=1)


PATHS: dict[str, PathMaker] = {"lines": interpolate, "spline": make_spline}
"""Paths by name."""
