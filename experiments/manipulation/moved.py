"""A cube that somebody moves by hand while the robot works."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

DISTANCE = (0.05, 0.1)
"""Smallest and largest distance of a move in meters."""
ON_TABLE = 0.025
"""Largest height in meters of the center of a cube on the table; it is 2 cm there."""
AT_REST = 0.01
"""Largest speed in meters per second of a cube that counts as at rest."""
ROOM = 0.06
"""Smallest distance in meters between the centers of a moved cube and another one."""
CLEARANCE = 0.1
"""Smallest distance in meters between the gripper and a cube, before and after its move."""
FIRST_STEP = 5
"""Earliest control step of a move."""
TRIES = 20
"""Places that are tried at a control step."""


class MovedCube(gym.Wrapper):
    """Moves a cube that rests on the table, once per episode, to another place 5 to 10 cm away.

    It is moved at a random control step, or as soon after it as a cube rests with nothing on top
    and the gripper is not near. The observation shows it; there is no other notice.

    Args:
        env: OGBench's environment with cubes.
        last_step: Latest control step that is drawn.

    Attributes:
        episodes_moved: Number of episodes so far in which a cube was moved.
    """

    def __init__(self, env: gym.Env, last_step: int):
        super().__init__(env)
        self._last_step = last_step
        self._rng = np.random.default_rng()
        self.episodes_moved = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Reset, and draw the control step of the move from the seed."""
        self._rng = np.random.default_rng(seed)
        self._step = 0
        self._is_moved = False
        self._move_step = int(self._rng.integers(FIRST_STEP, self._last_step + 1))
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        """Move a cube if it is time, then step."""
        self._step += 1
        if self._step >= self._move_step and not self._is_moved:
            self._is_moved = self._move()
            self.episodes_moved += self._is_moved
        return super().step(action)

    def _move(self) -> bool:
        """Move one of the cubes that rest; return whether there was one, with room for it."""
        env: Any = self.env.unwrapped
        joints = [env.data.joint(f"object_joint_{k}") for k in range(env._num_cubes)]
        places = np.array([joint.qpos[:3] for joint in joints])
        gripper = np.array(env.data.site_xpos[env._pinch_site_id])
        resting = [
            k
            for k, joint in enumerate(joints)
            if np.linalg.norm(joint.qvel[:3]) < AT_REST
            and places[k, 2] < ON_TABLE
            and has_room(places[k], np.delete(places, k, axis=0), gripper)
        ]
        if not resting:
            return False
        chosen = int(self._rng.choice(resting))
        others = np.delete(places, chosen, axis=0)
        place = self._draw_place(places[chosen], others, gripper, env._object_sampling_bounds)
        if place is None:
            return False
        joints[chosen].qpos[:3] = place
        joints[chosen].qvel[:] = 0.0
        mujoco.mj_forward(env.model, env.data)
        return True

    def _draw_place(
        self, place: np.ndarray, others: np.ndarray, gripper: np.ndarray, bounds: np.ndarray
    ) -> np.ndarray | None:
        """Return another place for a cube, or None if none is found."""
        for _ in range(TRIES):
            angle = self._rng.uniform(0, 2 * np.pi)
            offset = self._rng.uniform(*DISTANCE) * np.array([np.cos(angle), np.sin(angle), 0.0])
            new = place + offset
            is_inside = (new[:2] >= bounds[0]).all() and (new[:2] <= bounds[1]).all()
            if is_inside and has_room(new, others, gripper):
                return new
        return None


def has_room(place: np.ndarray, others: np.ndarray, gripper: np.ndarray) -> bool:
    """Return whether a place on the table is free of other cubes, and the gripper is not near."""
    to_others = np.linalg.norm((others - place)[:, :2], axis=-1)
    return bool((to_others >= ROOM).all() and np.linalg.norm(place - gripper) >= CLEARANCE)
