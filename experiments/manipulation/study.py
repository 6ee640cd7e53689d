"""The study: its tasks, sizes and seeds, and the files of its runs, results and pages."""

from pathlib import Path

from experiments.common.task_study import TaskStudy

HERE = Path(__file__).parent
DATA_STEPS = {
    "cube-single-play": 100_000,
    "cube-single-noisy": 100_000,
    "cube-double-play": 150_000,
    "cube-triple-play": 200_000,
    "scene-play": 150_000,
    "puzzle-3x3-play": 100_000,
    "puzzle-4x4-play": 300_000,
}
"""Control steps of the data for each task so far; OGBench's own datasets have a million or more."""
STUDY = TaskStudy(
    names=tuple(DATA_STEPS),
    runs=Path("runs/manipulation"),
    pages=HERE,
    results=HERE / "results",
    evaluation=range(30_000, 30_250),
    tuning=1000,
    prefix="ogbench-",
    starts=5,
)
