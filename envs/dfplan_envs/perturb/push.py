"""External pushes, in units of the robot's own actuator limits."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

from dfplan_envs.perturb.base import Perturbation, check_integer, check_number, mujoco_env


class Push(Perturbation):
    """Applies a force to the actuated joints periodically, each time in a random direction.

    The direction is uniform on the unit sphere over the actuated degrees of freedom, each in units
    of its actuators' maximum force: newtons on slide joints (a force on the body, as for
    PointMaze's ball), newton meters on hinges.

    Args:
        env: MuJoCo environment with actuators on joints.
        fraction: Magnitude as a fraction of the actuators' maximum force.
        duration: Control steps that a push lasts.
        period: Control steps from the start of one push to the start of the next; the start of the
            first push is drawn at random.

    Raises:
        ValueError: If the environment is not suitable, or a number is invalid.
    """

    def __init__(self, env: gym.Env, fraction: float, duration: int = 10, period: int = 50):
        super().__init__(env)
        self._dofs, limits = actuator_limits(mujoco_env(env, "push").model)
        self._max_force = check_number("push fraction", fraction, low=0) * limits
        self._duration = check_integer("push duration", duration, low=1)
        self._period = check_integer("push period", period, low=self._duration)
        self._steps_since_first = 0
        self._direction = np.zeros(0)
        self._applied_force = np.zeros(len(limits))

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and draw the start of the first push."""
        observation, info = super().reset(**kwargs)
        self._steps_since_first = -int(self._rng.integers(self._period))
        # The environment's reset has cleared all applied forces.
        self._applied_force = np.zeros(len(self._max_force))
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, with a push if one is due."""
        phase = self._steps_since_first % self._period
        if phase == 0:
            direction = self._rng.standard_normal(len(self._max_force))
            self._direction = direction / np.linalg.norm(direction)
        if self._steps_since_first >= 0 and phase < self._duration:
            force = self._max_force * self._direction
        else:
            force = np.zeros(len(self._max_force))
        # Forces are added, so that several perturbations can push at the same time.
        data = mujoco_env(self.env, "push").data
        data.qfrc_applied[self._dofs] += force - self._applied_force
        self._applied_force = force
        self._steps_since_first += 1
        return super().step(action)


def actuator_limits(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the actuated degrees of freedom of a MuJoCo model and their maximum forces.

    Args:
        model: MuJoCo model.

    Returns:
        dofs: [N] indices of the degrees of freedom.
        limits: [N] maximum total force of the actuators on each.

    Raises:
        ValueError: If no joint has an actuator with limited force.
    """
    joint_types = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
    limit_by_dof: dict[int, float] = {}
    for i in range(model.nu):
        if int(model.actuator_trntype[i]) not in joint_types:
            continue
        force = 0.0
        if model.actuator_forcelimited[i]:
            force = np.abs(model.actuator_forcerange[i]).max()
        elif model.actuator_ctrllimited[i]:
            force = abs(model.actuator_gainprm[i, 0]) * np.abs(model.actuator_ctrlrange[i]).max()
        dof = int(model.jnt_dofadr[model.actuator_trnid[i, 0]])
        limit = float(force * abs(model.actuator_gear[i, 0]))
        limit_by_dof[dof] = limit_by_dof.get(dof, 0.0) + limit
    limit_by_dof = {dof: limit for dof, limit in limit_by_dof.items() if limit > 0}
    if not limit_by_dof:
        raise ValueError("push needs a joint with an actuator of limited force; the model has none")
    return np.array(list(limit_by_dof)), np.array(list(limit_by_dof.values()))
