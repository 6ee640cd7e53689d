"""Another robot than the data's: mass, damping and actuator gain, each times a factor."""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import gymnasium as gym
import mujoco

from dfplan_envs.perturb.base import Perturbation, mujoco_env, number


class _Scaled(Perturbation):
    """Multiplies some arrays of the model by a factor, for as long as the environment lives.

    Args:
        env: a MuJoCo environment.
        factor: from 0 up.

    Raises:
        ValueError: for another environment, or another number.
    """

    fields: tuple[str, ...] = ()

    def __init__(self, env: gym.Env, factor: float):
        super().__init__(env)
        self._factor = number(f"{type(self).__name__} factor", factor, 0)
        self._model = mujoco_env(env, type(self).__name__).model
        self._nominal = {name: getattr(self._model, name).copy() for name in self.fields}
        self._apply()

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset; a copied or unpickled environment has built its model anew."""
        model = mujoco_env(self.env, type(self).__name__).model
        if model is not self._model:
            self._model = model
            self._apply()
        return super().reset(**kwargs)

    def _apply(self) -> None:
        for name, nominal in self._nominal.items():
            getattr(self._model, name)[:] = self._factor * nominal
        # What MuJoCo derives from masses; it needs a scratch state to do so.
        mujoco.mj_setConst(self._model, mujoco.MjData(self._model))


class Mass(_Scaled):
    """Masses and inertias of all bodies, times a factor."""

    fields = ("body_mass", "body_inertia")


class Damping(_Scaled):
    """Damping of all joints, times a factor."""

    fields = ("dof_damping",)


class ActuatorGain(_Scaled):
    """What each actuator makes of its control, times a factor."""

    fields = ("actuator_gainprm", "actuator_biasprm")
