"""The scripted policies of OGBench's manipulation data, with the published settings."""

from typing import Any

PLAN_NOISE = {"noise": 0.1, "noise_smoothing": 0.5}
"""Noise of the plans that the policies for "play" data follow."""
MIN_NORM = 0.4
"""Least length of an offset that the policies for "noisy" data act on."""
SCENE_CUBE_STEPS = 100
"""Control steps after which the policy for "noisy" data gives a cube up in the scene."""


def make_oracles(env: Any, kind: str) -> dict[str, Any]:
    """Return the policies of an environment by what they manipulate.

    Args:
        env: Unwrapped environment of the suite, in its data collection mode.
        kind: "play" or "noisy".
    """
    is_puzzle = hasattr(env, "_num_rows")
    is_scene = hasattr(env, "_drawer_center")
    buttons = {"gripper_always_closed": True} if is_puzzle else {}
    makers = _plan_oracles if kind == "play" else _markov_oracles
    every = makers(env, buttons, is_scene=is_scene)
    if is_scene:
        return every
    name = "button" if is_puzzle else "cube"
    return {name: every[name]}


def _plan_oracles(env: Any, buttons: dict[str, Any], is_scene: bool) -> dict[str, Any]:
    from ogbench.manipspace.oracles.plan.button_plan import ButtonPlanOracle
    from ogbench.manipspace.oracles.plan.cube_plan import CubePlanOracle
    from ogbench.manipspace.oracles.plan.drawer_plan import DrawerPlanOracle
    from ogbench.manipspace.oracles.plan.window_plan import WindowPlanOracle

    return {
        "cube": CubePlanOracle(env=env, **PLAN_NOISE),
        "button": ButtonPlanOracle(env=env, **PLAN_NOISE, **buttons),
        "drawer": DrawerPlanOracle(env=env, **PLAN_NOISE),
        "window": WindowPlanOracle(env=env, **PLAN_NOISE),
    }


def _markov_oracles(env: Any, buttons: dict[str, Any], is_scene: bool) -> dict[str, Any]:
    from ogbench.manipspace.oracles.markov.button_markov import ButtonMarkovOracle
    from ogbench.manipspace.oracles.markov.cube_markov import CubeMarkovOracle
    from ogbench.manipspace.oracles.markov.drawer_markov import DrawerMarkovOracle
    from ogbench.manipspace.oracles.markov.window_markov import WindowMarkovOracle

    cube = {"max_step": SCENE_CUBE_STEPS} if is_scene else {}
    return {
        "cube": CubeMarkovOracle(env=env, min_norm=MIN_NORM, **cube),
        "button": ButtonMarkovOracle(env=env, min_norm=MIN_NORM, **buttons),
        "drawer": DrawerMarkovOracle(env=env, min_norm=MIN_NORM),
        "window": WindowMarkovOracle(env=env, min_norm=MIN_NORM),
    }
