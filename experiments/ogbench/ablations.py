"""What each part of the preset contributes: one setting at a time is changed.

Each variant differs from its task's preset in the settings that are named. Variants of training
settings train a run of their own; the others use the run of the main table. All play the same
episodes, on the seeds from which the preset was chosen.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import interval
from experiments.common.markdown import cell, number, table
from experiments.common.pages import fill_readme
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained, check_settings
from experiments.common.training import train_to_end
from experiments.ogbench import compose  # noqa: F401  (registers its planner)
from experiments.ogbench.evaluate import evaluate_run
from experiments.ogbench.study import HERE

TASK = "pointmaze-giant-stitch"
NAVIGATE = "pointmaze-giant-navigate"
TELEPORT = "pointmaze-teleport-navigate"
SEEDS = range(1000, 1050)
"""Episode seeds, ten per task of the maze."""
TRAINING_SEED = 0


class Variant(NamedTuple):
    """Settings that differ from the preset.

    Attributes:
        group: What is varied.
        label: Value in the table.
        planner: Planner settings.
        training: All other settings; with any, the variant trains a run of its own.
        task: Task without "ogbench-".
    """

    group: str
    label: str
    planner: Mapping[str, Any] = {}
    training: Mapping[str, Any] = {}
    task: str = TASK

    @property
    def name(self) -> str:
        """Name of its result."""
        return re.sub("[^A-Za-z0-9.]+", "-", f"{self.group} {self.label}")

    @property
    def run_name(self) -> str:
        """Name of its run, which variants with the same training settings share."""
        settings = [f"{key.rpartition('.')[2]} {value}" for key, value in self.training.items()]
        return re.sub("[^A-Za-z0-9.]+", "-", " ".join(settings))


def _planner(group: str, setting: str, values: tuple[Any, ...]) -> list[Variant]:
    return [Variant(group, str(value), {setting: value}) for value in values]


RECIPE_TRAINING = {
    "data.stitch": False,
    "data.stride": 10,
    "data.frames": "stack",
    "data.tokens": 100,
    "training.objective.two_stream": False,
}
RECIPE_PLANNER = {
    "sampling.matrix": "pyramid",
    "sampling.steps": 50,
    "sampling.solver": "ddim",
    "goal.conditioning": "guidance",
    "candidates": 1,
    "replan_every": 50,
    "warm_start.level": 0.0,
}
"""Settings of Diffusion Forcing's maze experiments, as HorizonFlow ran them on OGBench: ten states
per token, windows as long as an episode, a pyramid of 50 DDIM steps, guidance by the goal."""
COMPOSED_TRAINING = {
    "data.stitch": False,
    "data.tokens": 8,
    "net.kind": "bidirectional",
    "training.objective.two_stream": False,
    "planner.sampling.matrix": "full_sequence",
}
COMPOSED_PLANNER = {
    "kind": "composed",
    "horizon": 32,
    "sampling.matrix": "full_sequence",
    "sampling.steps": 20,
    "warm_start.level": 0.0,
}
VARIANTS = (
    Variant("preset", "as it is"),
    Variant("preset", "on navigate", task=NAVIGATE),
    *(
        Variant(
            "Diffusion Forcing's recipe",
            f"guidance {scale}",
            planner={**RECIPE_PLANNER, "guidance.scale": scale},
            training=RECIPE_TRAINING,
            task=NAVIGATE,
        )
        for scale in (0.1, 1.0)
    ),
    *_planner("candidates", "candidates", (1, 4, 16, 64)),
    *_planner("control steps between plans", "replan_every", (1, 5, 10, 50)),
    *_planner("low-level controller", "low_level_controller", ("policy", "inverse")),
    *_planner("warm start level", "warm_start.level", (0.0, 0.5)),
    *_planner("out-of-data penalty", "ood_penalty", (0.0, 5.0)),
    Variant("training windows", "within episodes", training={"data.stitch": False}),
    *(
        Variant(
            "windows of 8 tokens, composed while sampling",
            f"{count} candidates",
            planner={**COMPOSED_PLANNER, "candidates": count},
            training=COMPOSED_TRAINING,
        )
        for count in (16, 64)
    ),
    Variant("stride and tokens", "12, 64", training={"data.stride": 12, "data.tokens": 64}),
    Variant("stride and tokens", "48, 16", training={"data.stride": 48, "data.tokens": 16}),
    Variant("preset", "on teleport", task=TELEPORT),
    Variant(
        "episodes split at teleports",
        "no, on teleport",
        training={"data.split_at_chance": False},
        task=TELEPORT,
    ),
)


def run_ablations(study: TaskStudy) -> None:
    """Train and evaluate the variants on the study's tasks, and write the table.

    Finished work is skipped.
    """
    for variant in (v for v in VARIANTS if v.task in study.names):
        task = study.task(variant.task)
        trained = _trained(study, variant)
        measure_once(
            _result(study, variant),
            trained.request(task, SEEDS),
            functools.partial(evaluate_run, trained, task, SEEDS),
        )
    text = render(study)
    fill_readme(study.pages, HERE / "README.md", {"ablations": text})
    console.print(text)


def _trained(study: TaskStudy, variant: Variant) -> Trained:
    """Return the variant's run, trained if need be."""
    task = study.task(variant.task)
    if not variant.training:
        trained = study.load(variant.task, TRAINING_SEED)
        return Trained(trained.run.with_planner(variant.planner), trained.directory)
    directory = study.runs / "ablations" / variant.run_name
    settings = [text for key, value in variant.training.items() for text in _option(key, value)]
    train_to_end(directory, ["train", task.name, "--out", str(directory), *settings])
    trained = Trained.load(directory, variant.planner)
    check_settings(trained, {**task.preset, **variant.training})
    return trained


def _option(key: str, value: Any) -> list[str]:
    """Return a setting as arguments of `dfplan train`."""
    name = key.replace("_", "-")
    if isinstance(value, bool):
        section, _, last = name.rpartition(".")
        return [f"--{name}" if value else f"--{section}.no-{last}"]
    return [f"--{name}", str(value)]


def _result(study: TaskStudy, variant: Variant) -> Path:
    return study.results / "ablations" / f"{variant.name}.json"


def render(study: TaskStudy) -> str:
    """Return the table of the variants measured so far."""
    rows = []
    for variant in VARIANTS:
        record = read(_result(study, variant))
        if record is None:
            continue
        success = interval(100 * np.array(record["per_episode"]["success_rate"]))
        steps = record["tasks"]["overall"]["success_steps"]
        mean_steps = number(steps["mean"] if steps else None, 0)
        rows.append([variant.group, variant.label, cell(success, 0), mean_steps])
    return table(["setting", "value", "success, %", "steps of successes"], rows, text=(0, 1))
