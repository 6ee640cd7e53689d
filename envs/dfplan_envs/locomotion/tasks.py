"""Task records of the locomotion tasks; see `dfplan_envs.tasks`."""

from typing import Any

DESCRIPTIONS = {
    "medium": "a policy with about a third of the expert's return",
    "medium-replay": "a training up to the medium policy",
    "medium-expert": "one half medium, one half expert",
    "expert": "a trained policy",
    "random": "random actions",
}
"""Kinds of data."""
ENVS = {"hopper": "Hopper-v5", "walker2d": "Walker2d-v5", "halfcheetah": "HalfCheetah-v5"}
SCORES: dict[str, dict[str, float]] = {
    "hopper": {"min": 17.133, "max": 3223.457},
    "walker2d": {"min": 1.649, "max": 3184.425},
    "halfcheetah": {"min": -284.707, "max": 5555.415},
}
"""Mean returns of random actions and of the expert, which normalize scores.

`python -m experiments.locomotion.policies` measures them.
"""
REPLAY_STEPS = {"hopper": 210_000, "halfcheetah": 60_000, "walker2d": 230_000}
"""Control steps of the training up to the medium policy."""
STEPS = 1_000_000
"""Control steps of the other datasets, as in D4RL."""
PRESET: dict[str, Any] = {
    "data.goal": "reward",
    # Windows of four future states, 0.03 s apart for Hopper and Walker2d, and 0.2 s apart for
    # HalfCheetah; values cover all that follows.
    "data.stride": 4,
    "data.tokens": 5,
    "net.width": 64,
    "net.layers": 3,
    "diffusion.schedule": "cosine",
    "training.steps": 12_000,
    "training.batch_size": 64,
    "training.objective.two_stream": False,
    "training.optimizer.name": "adamw",
    "action_value.steps": 100_000,
    "planner.sampling.matrix": "full_sequence",
    "planner.sampling.steps": 2,
    # Candidates are ranked by the value of the action toward their first token, and no token
    # depends on a later one. So one future token is enough.
    "planner.horizon": 1,
    "planner.candidates": 64,
    "planner.goal.pessimism": 1.0,
    # The best of many candidates may owe its rank to errors of the critic, so a mean of the
    # candidates, weighted by their values, is followed.
    "planner.ranker": "action_value:temperature=0.3",
    "planner.replan_every": 1,
    # The policy prefers better actions toward each state, and knows when the state is due.
    "planner.low_level_controller": "policy",
    "policy.timed": True,
    "policy.sharpness": 3.0,
    "policy.batch_size": 256,
    "policy.steps": 30_000,
}
PRETRAINED = ("hopper-medium-replay", "walker2d-medium-expert", "halfcheetah-medium-expert")
"""Tasks with a pretrained planner."""


def _record(robot: str, kind: str) -> dict[str, Any]:
    task = f"{robot}-{kind}"
    return {
        "description": f"reward of {ENVS[robot]}, data: {DESCRIPTIONS[kind]}",
        "env": ENVS[robot],
        "env_kwargs": {},
        "dataset": f"dfplan/{task}-v0",
        "collector": f"dfplan_envs.locomotion.collect:collect_{kind.replace('-', '_')}",
        "collect_steps": REPLAY_STEPS[robot] if kind == "medium-replay" else STEPS,
        "policy": "",
        "tracker": "",
        "checkpoint": f"dfplan_envs:checkpoints/{task}" if task in PRETRAINED else "",
        "positions": [],
        "score": SCORES[robot],
        "preset": PRESET,
    }


LOCOMOTION_TASKS: dict[str, dict[str, Any]] = {
    f"{robot}-{kind}": _record(robot, kind) for robot in SCORES for kind in DESCRIPTIONS
}
