"""Push: someone shoves the robot now and then, measured by what its own actuators can do."""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

from dfplan_envs.perturb.base import Perturbation, mujoco_env, number, whole


class Push(Perturbation):
    """A force on the actuated joints, in a direction that is drawn for each push.

    The direction is uniform on the sphere over the actuated degrees of freedom, each in units of
    its actuators' greatest force: newtons on slide joints (a force on the body, as PointMaze's
    ball has them), newton metres on hinges.

    Args:
        env: a MuJoCo environment whose actuators work on joints.
        fraction: of the actuators' greatest force.
        duration: steps of a push.
        period: steps from one push's begin to the next one's; the first is drawn.

    Raises:
        ValueError: for another environment, or other numbers.
    """

    def __init__(self, env: gym.Env, fraction: float, duration: int = 10, period: int = 50):
        super().__init__(env)
        self._dofs, limits = actuator_limits(mujoco_env(env, "push").model)
        self._force = number("push fraction", fraction, 0) * limits
        self._duration = whole("push duration", duration, 1)
        self._period = whole("push period", period, self._duration)
        self._since, self._direction, self._applied = 0, np.zeros(0), np.zeros(len(limits))

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and draw when the first push begins."""
        found = super().reset(**kwargs)
        self._since = -int(self._rng.integers(self._period))
        self._applied = np.zeros(len(self._force))  # the reset took it away
        return found

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, pushed or not."""
        at = self._since % self._period
        if at == 0:
            drawn = self._rng.standard_normal(len(self._force))
            self._direction = drawn / np.linalg.norm(drawn)
        pushes = self._since >= 0 and at < self._duration
        force = self._force * self._direction if pushes else np.zeros(len(self._force))
        # Added, so that several perturbations can push at once.
        mujoco_env(self.env, "push").data.qfrc_applied[self._dofs] += force - self._applied
        self._applied, self._since = force, self._since + 1
        return super().step(action)


def actuator_limits(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """The actuated degrees of freedom `[N]`, and the greatest force that is exerted on each `[N]`.

    Raises:
        ValueError: when no joint has an actuator of limited force.
    """
    joint = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
    found: dict[int, float] = {}
    for i in range(model.nu):
        if int(model.actuator_trntype[i]) not in joint:
            continue
        force = 0.0
        if model.actuator_forcelimited[i]:
            force = np.abs(model.actuator_forcerange[i]).max()
        elif model.actuator_ctrllimited[i]:
            force = abs(model.actuator_gainprm[i, 0]) * np.abs(model.actuator_ctrlrange[i]).max()
        dof = int(model.jnt_dofadr[model.actuator_trnid[i, 0]])
        found[dof] = found.get(dof, 0.0) + float(force * abs(model.actuator_gear[i, 0]))
    found = {dof: force for dof, force in found.items() if force > 0}
    if not found:
        raise ValueError("push needs a joint with an actuator of limited force; the model has none")
    return np.array(list(found)), np.array(list(found.values()))
