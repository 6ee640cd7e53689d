"""The study: its tasks, methods and seeds, and the files of its runs and results."""

from pathlib import Path

from dfplan_envs.locomotion.tasks import SCORES
from experiments.common.task_study import TaskStudy

HERE = Path(__file__).parent
KINDS = ("medium-replay", "medium", "medium-expert")
METHODS = ("dfplan", "weighted", "cloning", "bc", "td3+bc", "iql", "dt")
"""The planner, two policies of dfplan's experiments without a planner, and d3rlpy's peers."""
PEER_STEPS = 500_000
"""Optimizer steps of the peers."""
STUDY = TaskStudy(
    names=tuple(f"{robot}-{kind}" for robot in SCORES for kind in KINDS),
    runs=Path("runs/locomotion"),
    pages=HERE,
    results=HERE / "results",
    evaluation=range(30_000, 30_020),
    tuning=7000,
)
