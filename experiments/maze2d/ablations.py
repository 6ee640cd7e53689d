"""The ablations: what is changed in each, one thing at a time."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.maze2d.study import MAZES, task

LARGER = ("medium", "large")
PURSUIT = "dfplan_envs.pointmaze.pursuit:track"
CLOCK = "dfplan_envs.pointmaze.tracking:track"
STRIDE: int = task(MAZES[0]).preset["data.stride"]
"""Control steps per token of the mazes' preset."""
WARM: dict[str, float] = {"warm": task(MAZES[0]).preset["planner.warm"]}
SCRATCH = {"warm": 0.0}
"""For what is about sampling: a plan that begins from the last one is sampled in its own way."""
BUDGET = 1_500
"""Steps of batch 32 that an ablation's network is trained for; the default preset's are 4,000."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A run trained for an ablation, with training seed 0.

    Attributes:
        name: of its folder.
        settings: dotted settings other than the default preset's.
    """

    name: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    Attributes:
        label: what it is called.
        planner: settings of the planner other than the run's.
        tracker: "module:function" other than the run's; empty for that one.
        network: of its own; None for the run of training seed 0 in the table.
        share: of the ablations' episodes that are played: fewer where plans cost much.
    """

    label: str
    planner: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tracker: str = ""
    network: Network | None = None
    share: float = 1.0

    def episodes(self, seeds: range) -> range:
        """The first ones of the ablations' episodes, as many as are played."""
        return seeds[: max(round(self.share * len(seeds)), 1)]


@dataclasses.dataclass(frozen=True)
class Ablation:
    """A list of variants.

    Attributes:
        name: on the command line.
        title: of its table.
        variants: in order.
        mazes: where it is measured.
        axis: what the labels are, where they are numbers: such an ablation is drawn as a curve.
        note: what a reader has to know.
    """

    name: str
    title: str
    variants: tuple[Variant, ...]
    mazes: tuple[str, ...] = LARGER
    axis: str = ""
    note: str = ""


def _over(
    setting: str,
    values: Sequence[Any],
    shares: Mapping[Any, float] | None = None,
    base: Mapping[str, Any] = SCRATCH,
) -> tuple[Variant, ...]:
    """A variant for each value of one planner setting, beside settings that all have."""
    shares = shares or {}
    return tuple(Variant(str(v), {**base, setting: v}, share=shares.get(v, 1.0)) for v in values)


def _goal(label: str, goal: str, samples: int = 1) -> Variant:
    settings = {**SCRATCH, "goal": goal, "matrix": "pyramid", "replan_every": 25}
    share = {1: 0.4, 4: 0.2}[samples]
    return Variant(label, {**settings, "guidance_samples": samples}, share=share)


def _trained(label: str, name: str, settings: Mapping[str, Any], **more: Any) -> Variant:
    budget = {"training.steps": BUDGET, **settings}
    return Variant(label, network=Network(name, budget), **more)


def _stride(steps: int) -> Variant:
    if steps == STRIDE:
        return Variant(str(steps))
    return Variant(str(steps), network=Network(f"stride-{steps}", {"data.stride": steps}))


def _tracked(tracker: str) -> dict[str, Any]:
    return {"planner": {"action": "tracker"}, "tracker": tracker}


def _history(clean: float, ramp: float) -> dict[str, float]:
    return {
        "training.objective.history_clean": clean,
        "training.objective.history_ramp": ramp,
    }


ADAMW = {"training.optimizer.name": "adamw"}
BATCH = {
    "training.batch_size": 128,
    "training.steps": BUDGET // 4,
    "training.optimizer.warmup": 50,  # the same share of the training
}
SAME = (
    f"Trained at equal computation, {BUDGET:,} steps of two streams of 32: as many tokens go "
    "through each network, so steps times batch size times streams is the same."
)

PLANNING = (
    Ablation(
        "candidates",
        "Candidates per plan",
        _over("candidates", (1, 4, 16, 64), {64: 0.3}),
        MAZES,
        "candidates",
    ),
    Ablation(
        "matrix",
        "Scheduling matrix",
        _over("matrix", ("autoregressive", "pyramid", "full_sequence")),
        MAZES,
    ),
    Ablation(
        "steps",
        "Sampling steps per token",
        _over("steps", (2, 3, 5, 10, 20, 50), {20: 0.6, 50: 0.4}),
        MAZES,
        "sampling steps",
    ),
    Ablation(
        "replan",
        "Control steps between plans",
        _over("replan_every", (1, 5, 10, 25, 50), {1: 0.4}, {}),
        axis="control steps between plans",
    ),
    Ablation(
        "horizon",
        "Variable or fixed horizon",
        (
            Variant("until it arrives", {**SCRATCH, "horizon": 0}),
            *(Variant(f"{STRIDE * n} steps", {**SCRATCH, "horizon": n}) for n in (8, 4, 2, 1)),
        ),
        note="In control steps. Of candidates that do not arrive within a fixed horizon and pay "
        "as much for their way, the one that ends nearest to the goal is followed.",
    ),
    Ablation(
        "begin",
        "What a plan begins from",
        (Variant("the last plan, where it leads on", WARM), Variant("pure noise", SCRATCH)),
        MAZES,
    ),
    Ablation(
        "goal",
        "How a plan knows its goal",
        (
            _goal("goal token", "token"),
            _goal("gradient guidance", "guidance"),
            _goal("gradient guidance, mean of 4 futures", "guidance", 4),
            _goal("both", "both"),
            _goal("both, mean of 4 futures", "both", 4),
        ),
        note="Pyramid and a plan every 25 control steps in all rows: a gradient asks for every "
        "token that is not complete at every sampling step, and token by token takes most steps.",
    ),
    Ablation(
        "support",
        "Price of steps where the data has never been",
        _over("support", (0.0, 1.0, 5.0, 25.0)),
        note="In control steps per step; 0 turns it off.",
    ),
    Ablation(
        "follow",
        "From plan to action",
        (
            _trained("full-force pursuit of the path", "base", {}, **_tracked(PURSUIT)),
            _trained("tracking by the plan's clock", "base", {}, **_tracked(CLOCK)),
            _trained("inverse dynamics", "base", {}, planner={"action": "inverse"}),
            _trained(
                "diffused actions",
                "actions",
                {"data.actions": True},
                planner={"action": "diffused"},
            ),
        ),
        ("medium",),
        note=f"Both networks trained for {BUDGET:,} steps of 32.",
    ),
)

TRAINING = (
    Ablation(
        "stride",
        "Control steps per token",
        tuple(_stride(steps) for steps in (12, STRIDE)),
        MAZES,
        note="Each network trained as the table's are, on windows as long in time.",
    ),
    Ablation(
        "optimizer",
        "Optimiser and batch size",
        (
            _trained("Muon, batch 32", "base", {}),
            _trained("Muon, batch 128", "muon-128", BATCH),
            _trained("AdamW, batch 32", "adamw-32", ADAMW),
            _trained("AdamW, batch 128", "adamw-128", {**ADAMW, **BATCH}),
        ),
        ("medium",),
        note=SAME,
    ),
    Ablation(
        "streams",
        "One stream or two",
        (
            _trained("two streams", "base", {}),
            _trained(
                "single stream",
                "single",
                {"training.objective.streams": "single", "training.steps": 2 * BUDGET},
            ),
        ),
        note=SAME,
    ),
    Ablation(
        "history",
        "Levels of the history stream in training",
        (
            _trained("all nearly clean", "history-clean", _history(1.0, 0.0)),
            _trained("0.6 nearly clean, 0.2 rising, 0.2 independent", "base", {}),
            _trained(
                "0.2 nearly clean, 0.2 rising, 0.6 independent", "history-mixed", _history(0.2, 0.2)
            ),
        ),
        ("medium",),
        note=SAME,
    ),
)
ABLATIONS = {ablation.name: ablation for ablation in (*PLANNING, *TRAINING)}
