"""The study: its tasks and seeds, and the files of its runs, results and pages."""

from pathlib import Path

from dfplan_envs.ogbench.tasks import OGBENCH_TASKS
from experiments.common.task_study import TaskStudy

HERE = Path(__file__).parent
PREFIX = "ogbench-"
STUDY = TaskStudy(
    names=tuple(name.removeprefix(PREFIX) for name in OGBENCH_TASKS),
    runs=Path("runs/ogbench"),
    pages=HERE,
    results=HERE / "results",
    evaluation=range(30_000, 30_250),
    tuning=1000,
    prefix=PREFIX,
    starts=5,
)
