"""Changed robot dynamics: mass, damping and actuator gain, each scaled by a factor."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import gymnasium as gym
import mujoco

from dfplan_envs.perturb.base import Perturbation, check_number, mujoco_env


class _ScaledModel(Perturbation):
    """Scales some arrays of the MuJoCo model, for the lifetime of the environment.

    Args:
        env: MuJoCo environment.
        factor: Scale factor, at least 0.

    Attributes:
        fields: Names of the model's arrays.

    Raises:
        ValueError: If the environment is not a MuJoCo environment, or the factor is negative.
    """

    fields: tuple[str, ...] = ()

    def __init__(self, env: gym.Env, factor: float):
        super().__init__(env)
        self._factor = check_number(f"{type(self).__name__} factor", factor, low=0)
        self._model = mujoco_env(env, type(self).__name__).model
        self._nominal = {name: getattr(self._model, name).copy() for name in self.fields}
        self._apply()

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and scale again if copying or unpickling has rebuilt the model."""
        model = mujoco_env(self.env, type(self).__name__).model
        if model is not self._model:
            self._model = model
            self._apply()
        return super().reset(**kwargs)

    def _apply(self) -> None:
        for name, nominal in self._nominal.items():
            getattr(self._model, name)[:] = self._factor * nominal
        # Recompute the constants that MuJoCo derives from masses; that needs a scratch state.
        mujoco.mj_setConst(self._model, mujoco.MjData(self._model))


class Mass(_ScaledModel):
    """Scales masses and inertias of all bodies."""

    fields = ("body_mass", "body_inertia")


class Damping(_ScaledModel):
    """Scales the damping of all joints."""

    fields = ("dof_damping",)


class ActuatorGain(_ScaledModel):
    """Scales the force that each actuator produces from its control."""

    fields = ("actuator_gainprm", "actuator_biasprm")
