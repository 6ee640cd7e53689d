"""Perturbations: wrappers that degrade a task's sensors, actions or physics, or move its goal.

They work on any Gymnasium environment with flat Box or goal-Dict observations (perturbations of
the physics: on MuJoCo environments), stack in any order and are seeded by `reset(seed=...)`.
dfplan discovers `PERTURBATIONS` through the entry-point group `dfplan.perturbations`. Each wrapper
takes the environment, then numbers.
"""

from dfplan_envs.perturb.base import Perturbation
from dfplan_envs.perturb.delay import ActionDelay, ObservationDelay
from dfplan_envs.perturb.dropout import Burst, Dropout, SensorDropout
from dfplan_envs.perturb.dynamics import ActuatorGain, Damping, Mass
from dfplan_envs.perturb.goal import MovingGoal
from dfplan_envs.perturb.noise import Bias, Noise
from dfplan_envs.perturb.push import Push

PERTURBATIONS: dict[str, type[Perturbation]] = {
    "obs_noise": Noise,
    "obs_bias": Bias,
    "obs_dropout": Dropout,
    "sensor_dropout": SensorDropout,
    "obs_burst": Burst,
    "obs_delay": ObservationDelay,
    "action_delay": ActionDelay,
    "push": Push,
    "mass": Mass,
    "damping": Damping,
    "actuator_gain": ActuatorGain,
    "moving_goal": MovingGoal,
}
"""Wrappers by their name on the command line."""
