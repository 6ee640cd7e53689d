"""Definitions of the ablations: what each one changes, one thing at a time."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.common.protocol import MAZES
from experiments.maze2d.study import maze_task

LARGER = ("medium", "large")
PURSUIT = "dfplan_envs.pointmaze.pursuit:track"
CLOCK = "dfplan_envs.pointmaze.tracking:track"
STRIDE: int = maze_task(MAZES[0]).preset["data.stride"]
"""Control steps per token in the mazes' preset."""
WARM: dict[str, float] = {
    "warm_start.level": maze_task(MAZES[0]).preset["planner.warm_start.level"]
}
SCRATCH = {"warm_start.level": 0.0}
"""Used by ablations of sampling, as a warm start has sampling settings of its own."""
BUDGET = 1_500
"""Training steps of an ablation's network, at batch size 32; the default preset has 4,000."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A run trained for an ablation, with training seed 0.

    Attributes:
        name: Name in the run's directory.
        settings: Dotted settings that differ from the default preset.
    """

    name: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    Attributes:
        label: Row label.
        planner: Planner settings that differ from the run's.
        tracker: Tracker as "module:function"; empty keeps the run's own.
        network: Network trained for the variant; None for the table's run of training seed 0.
        share: Share of the ablations' episodes to play; below 1 where plans are expensive.
    """

    label: str
    planner: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tracker: str = ""
    network: Network | None = None
    share: float = 1.0

    def episodes(self, seeds: range) -> range:
        """Return the seeds of the episodes to play, the first ones of `seeds`."""
        return seeds[: max(round(self.share * len(seeds)), 1)]


@dataclasses.dataclass(frozen=True)
class Ablation:
    """A comparison of variants.

    Attributes:
        name: Name on the command line.
        title: Title of its table.
        variants: Variants in order.
        mazes: Mazes to measure on.
        axis: Axis label if the row labels are numbers; such an ablation is drawn as a curve.
        note: Text above the tables.
    """

    name: str
    title: str
    variants: tuple[Variant, ...]
    mazes: tuple[str, ...] = LARGER
    axis: str = ""
    note: str = ""


def _vary(
    setting: str,
    values: Sequence[Any],
    shares: Mapping[Any, float] | None = None,
    base: Mapping[str, Any] = SCRATCH,
) -> tuple[Variant, ...]:
    """Return a variant for each value of one planner setting, on top of common settings."""
    shares = shares or {}
    return tuple(Variant(str(v), {**base, setting: v}, share=shares.get(v, 1.0)) for v in values)


def _goal(label: str, goal: str, samples: int = 1) -> Variant:
    settings = {
        **SCRATCH,
        "goal.conditioning": goal,
        "sampling.matrix": "pyramid",
        "replan_every": 25,
        "guidance.samples": samples,
    }
    return Variant(label, settings, share={1: 0.4, 4: 0.2}[samples])


def _network(name: str, settings: Mapping[str, Any] | None = None) -> Network:
    """Return a network of the ablations' training budget."""
    return Network(name, {"training.steps": BUDGET, **(settings or {})})


def _stride(steps: int) -> Variant:
    if steps == STRIDE:
        return Variant(str(steps))
    return Variant(str(steps), network=Network(f"stride-{steps}", {"data.stride": steps}))


def _tracked(label: str, tracker: str) -> Variant:
    planner = {"low_level_controller": "tracker"}
    return Variant(label, planner, tracker=tracker, network=BASE)


def _history(clean: float, ramp: float) -> dict[str, float]:
    return {
        "training.objective.history.clean": clean,
        "training.objective.history.ramp": ramp,
    }


BASE = _network("base")
"""The default preset at the ablations' training budget."""
ADAMW = {"training.optimizer.name": "adamw"}
BATCH = {
    "training.batch_size": 128,
    "training.steps": BUDGET // 4,
    "training.optimizer.warmup": 50,  # the same share of the training
}
SAME_COMPUTE = (
    f"Trained with equal compute: {BUDGET:,} steps of two streams of 32. The same number of "
    "tokens goes through each network, so steps times batch size times streams is constant."
)

PLANNING = (
    Ablation(
        "candidates",
        "Candidates per plan",
        _vary("candidates", (1, 4, 16, 64), {64: 0.3}),
        mazes=MAZES,
        axis="candidates",
    ),
    Ablation(
        "matrix",
        "Scheduling matrix",
        _vary("sampling.matrix", ("autoregressive", "pyramid", "full_sequence")),
        mazes=MAZES,
    ),
    Ablation(
        "steps",
        "Denoising steps per token",
        _vary("sampling.steps", (2, 3, 5, 10, 20, 50), {20: 0.6, 50: 0.4}),
        mazes=MAZES,
        axis="denoising steps",
    ),
    Ablation(
        "replan",
        "Control steps between plans",
        _vary("replan_every", (1, 5, 10, 25, 50), {1: 0.4}, base={}),
        axis="control steps between plans",
    ),
    Ablation(
        "horizon",
        "Variable or fixed horizon",
        (
            Variant("until arrival", {**SCRATCH, "horizon": 0}),
            *(Variant(f"{STRIDE * n} steps", {**SCRATCH, "horizon": n}) for n in (8, 4, 2, 1)),
        ),
        note="Horizons in control steps. Among candidates of equal cost that do not arrive within "
        "a fixed horizon, the one that ends nearest to the goal is followed.",
    ),
    Ablation(
        "warm_start",
        "Warm start or sampling from scratch",
        (
            Variant("warm start from the last plan, if usable", WARM),
            Variant("from scratch", SCRATCH),
        ),
        mazes=MAZES,
    ),
    Ablation(
        "goal",
        "Goal conditioning",
        (
            _goal("goal token", "token"),
            _goal("gradient guidance", "guidance"),
            _goal("gradient guidance, mean of 4 futures", "guidance", 4),
            _goal("both", "both"),
            _goal("both, mean of 4 futures", "both", 4),
        ),
        note="All rows use the pyramid matrix and replan every 25 control steps: a gradient "
        "evaluates every unfinished token at every denoising step, and the autoregressive matrix "
        "takes the most steps.",
    ),
    Ablation(
        "ood_penalty",
        "Out-of-distribution penalty",
        _vary("ood_penalty", (0.0, 1.0, 5.0, 25.0)),
        note="In control steps per step off the data support; 0 turns it off.",
    ),
    Ablation(
        "controller",
        "Low-level controller",
        (
            _tracked("full-force pursuit of the path", PURSUIT),
            _tracked("tracking of the plan's clock", CLOCK),
            Variant("inverse dynamics", {"low_level_controller": "inverse"}, network=BASE),
            Variant(
                "diffused actions",
                {"low_level_controller": "diffused"},
                network=_network("actions", {"data.actions": True}),
            ),
        ),
        mazes=("medium",),
        note=f"Both networks are trained for {BUDGET:,} steps of batch 32.",
    ),
)

TRAINING = (
    Ablation(
        "stride",
        "Control steps per token",
        tuple(_stride(steps) for steps in (12, STRIDE)),
        mazes=MAZES,
        note="Each network is trained like those of the main table, on windows of the same "
        "duration.",
    ),
    Ablation(
        "optimizer",
        "Optimizer and batch size",
        (
            Variant("Muon, batch 32", network=BASE),
            Variant("Muon, batch 128", network=_network("muon-128", BATCH)),
            Variant("AdamW, batch 32", network=_network("adamw-32", ADAMW)),
            Variant("AdamW, batch 128", network=_network("adamw-128", {**ADAMW, **BATCH})),
        ),
        mazes=("medium",),
        note=SAME_COMPUTE,
    ),
    Ablation(
        "streams",
        "One stream or two",
        (
            Variant("two streams", network=BASE),
            Variant(
                "single stream",
                network=_network(
                    "single",
                    {"training.objective.two_stream": False, "training.steps": 2 * BUDGET},
                ),
            ),
        ),
        note=SAME_COMPUTE,
    ),
    Ablation(
        "history",
        "Noise levels of the history stream in training",
        (
            Variant("all nearly clean", network=_network("history-clean", _history(1.0, 0.0))),
            Variant("0.6 nearly clean, 0.2 rising, 0.2 independent", network=BASE),
            Variant(
                "0.2 nearly clean, 0.2 rising, 0.6 independent",
                network=_network("history-mixed", _history(0.2, 0.2)),
            ),
        ),
        mazes=("medium",),
        note=SAME_COMPUTE,
    ),
)
ABLATIONS = {ablation.name: ablation for ablation in (*PLANNING, *TRAINING)}
