"""A trained planner on disk, self-contained.

RUN/config.json    what was trained, on what data, with which settings: the record of `Run`
RUN/value.npz      critic of the states' returns, if plans are conditioned on rewards
RUN/action_value.npz  critic of actions, if planner.ranker was "action_value"
RUN/policy.npz     low-level policy, if training learned one
RUN/moves.npz      moves of the data, if data.single_moves was set
RUN/checkpoints/   Orbax checkpoints
RUN/metrics.jsonl, RUN/tensorboard/
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from dfplan.config import Config
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.low_level import LOW_LEVEL_CONTROLLERS
from dfplan.data.minari_io import open_dataset
from dfplan.data.shards.layout import is_shards
from dfplan.data.training_data import TrainingData
from dfplan.model import Model
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Weights
from dfplan.planner.protocol import Planner, check_planner
from dfplan.planner.registry import PLANNERS
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.support import DataSupport
from dfplan.policy.policy import Policy
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.objects import Objects
from dfplan.representation.tokens import TokenLayout
from dfplan.runs import learned_files
from dfplan.runs.check import check_dataset, check_env, check_sizes
from dfplan.runs.check_fitted import check_fitted
from dfplan.runs.check_scale import check_scale
from dfplan.runs.record import encode_record, open_record, write_record
from dfplan.tasks.registry import Task
from dfplan.tasks.trust import distrust
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import UserError
from dfplan.util.validate import naming
from dfplan.value.action_critic import ActionCritic
from dfplan.value.critic import Critic


@dataclasses.dataclass(frozen=True)
class Run:
    """Settings of a trained planner, and what was fitted to its dataset.

    `dfplan.runs.fit.fit_run` makes a new one. Weights are loaded separately by `load_weights`.

    Attributes:
        task: Environment and dataset, with the facts that belong to them.
        config: Settings.
        layout: Conversion of observations to states.
        states: Normalizer of states, fitted to the dataset.
        actions: Normalizer of actions, fitted to the dataset.
        support: Data support in the goal's dimensions; None if the data have no `Grid`.
        fingerprint: Fingerprint of the dataset.
        init_from: Name of the run whose weights initialized this one; empty if none did.
        command: Command line that trained the run.
        versions: Versions of Python and of packages at the time of training.
        dynamics: Linear dynamics fitted to the dataset; None in runs that do not store them, see
            `dfplan.runs.fit.get_dynamics`.
        critic: Critic learned from the dataset's rewards, stored in `value.npz`; None unless plans
            are conditioned on rewards.
        action_critic: Critic of actions learned from the dataset's rewards, stored in
            `action_value.npz`; None unless `planner.ranker` was "action_value" in training.
        policy: Low-level policy learned from the dataset, stored in `policy.npz`; None unless
            `planner.low_level_controller` was "policy" in training.
        moves: Moves of the dataset, stored in `moves.npz`; None unless `data.single_moves`.
    """

    task: Task
    config: Config
    layout: Layout
    states: Normalizer
    actions: Normalizer
    support: DataSupport | None
    fingerprint: str
    init_from: str = ""
    command: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    dynamics: LinearDynamics | None = None
    critic: Critic | None = None
    action_critic: ActionCritic | None = None
    policy: Policy | None = None
    moves: ObservedMoves | None = None

    @property
    def reward_conditioned(self) -> bool:
        """Whether plans are conditioned on rewards instead of a goal state."""
        return self.config.data.goal == "reward"

    @property
    def model(self) -> Model:
        """Networks, without their weights."""
        tokens = TokenLayout.create(self.layout, self.config.data)
        return Model(tokens, self.config.net, self.config.diffusion)

    def make_planner(self) -> Planner:
        """Return the planner, without its weights.

        Raises:
            UserError: If the planner's settings do not fit those of the training, or a registered
                planner does not implement `Planner`.
        """
        config = self.config.planner
        tokens = self.config.data.tokens
        if config.history.tokens >= tokens:
            raise UserError(
                f"planner.history.tokens {config.history.tokens} leaves no token to plan: training "
                f"had {tokens}; valid: 1 to {tokens - 1}"
            )
        paradigm = self.config.training.objective.paradigm
        if paradigm == "regression" and config.sampling.steps > 1:
            raise UserError(
                f"planner.sampling.steps {config.sampling.steps} needs noise levels between clean "
                "and pure noise, which training.objective.paradigm 'regression' never trains; "
                "valid here: 1"
            )
        with naming("planner.low_level_controller"):
            LOW_LEVEL_CONTROLLERS.check(config.low_level_controller, filled=4)
        horizon = config.horizon or tokens - config.history.tokens
        planner = PLANNERS.make(config.kind, model=self.model, config=config, horizon=horizon)
        return check_planner(planner)

    @property
    def objects(self) -> Objects:
        """Objects of the task.

        Raises:
            UserError: If the task declares none, or they do not fit the layout.
        """
        return Objects(self.task.objects, self.layout.goal_dims)

    def check_sizes(self, dataset_id: str) -> None:
        """Check the number of states and actions of a dataset, before it is read.

        Those of shards are not checked, as they are known only with the rest of their layout.

        Raises:
            UserError: If it is not on this machine, or a number differs; the message names both.
        """
        if is_shards(dataset_id):
            return
        dataset = open_dataset(dataset_id)
        check_sizes(
            self.layout,
            dataset.observation_space,
            dataset.action_space,
            subject=f"dataset {dataset_id!r}",
        )

    def check_dataset(self, data: TrainingData) -> None:
        """Check that a dataset has the states, goals and actions that this run was trained with.

        Raises:
            UserError: If they differ, or are in other units or coordinates; the message names both.
        """
        check_dataset(self.layout, data)
        check_scale(self.states, data)

    def check_env(self, env: Any) -> None:
        """Check that an environment has the observations and actions of this run.

        Raises:
            UserError: If they differ; the message names both.
        """
        check_env(self.layout, env)

    def with_planner(self, changes: Mapping[str, Any]) -> "Run":
        """Return this run with some planner settings changed, such as `{"candidates": 16}`.

        Raises:
            UserError: If a setting is unknown or out of range, or the changes are not a mapping.
        """
        if not isinstance(changes, Mapping):
            raise UserError(
                f"planner settings are {changes!r}; needed: a mapping such as {{'candidates': 16}}"
            )
        changes = {f"planner.{name}": value for name, value in changes.items()}
        return dataclasses.replace(self, config=self.config.override(changes))

    def replace_planner(self, planner: PlannerConfig) -> "Run":
        """Return this run with all planner settings replaced."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, planner=planner))

    def save(self, directory: Path) -> None:
        """Write `config.json`, atomically, and the critic and the policy if there are any.

        Raises:
            UserError: If they cannot be written, or `env_kwargs` cannot be written as JSON.
        """
        content = learned_files.contents(self)
        text = encode_record({**self._to_record(), **learned_files.record(content)})
        learned_files.write(content, directory)
        write_record(text, directory)

    @classmethod
    def load(cls, directory: Path | str) -> "Run":
        """Return the run in a directory.

        The code that the run names is not run: these names are untrusted, see `dfplan.tasks.trust`.

        Raises:
            UserError: If there is no run, or it is damaged.
        """
        with open_record(directory) as record:
            run = cls._from_record(record)
            run = dataclasses.replace(run, task=distrust(run.task, f"{directory}/config.json"))
            run = dataclasses.replace(run, **learned_files.load(record, directory))
            check_fitted(run)
            return run

    def _to_record(self) -> dict[str, Any]:
        return {
            "task": self.task.to_dict(),
            "dataset": {"id": self.task.dataset, "fingerprint": self.fingerprint},
            "config": self.config.to_dict(),
            "layout": dataclasses.asdict(self.layout),
            "normalizer": {"states": self.states.to_dict(), "actions": self.actions.to_dict()},
            "support": self.support and self.support.to_dict(),
            "dynamics": self.dynamics and self.dynamics.to_dict(),
            "init_from": self.init_from,
            "command": self.command,
            "versions": self.versions,
        }

    @classmethod
    def _from_record(cls, record: dict[str, Any]) -> "Run":
        support = record["support"]
        dynamics = record.get("dynamics")
        return cls(
            task=Task.from_dict(record["task"]),
            config=Config.from_dict(record["config"]),
            layout=Layout.from_dict(record["layout"]),
            states=Normalizer.from_dict(record["normalizer"]["states"]),
            actions=Normalizer.from_dict(record["normalizer"]["actions"]),
            support=DataSupport.from_dict(support) if support else None,
            fingerprint=record["dataset"]["fingerprint"],
            init_from=record.get("init_from", ""),
            command=record["command"],
            versions=record["versions"],
            dynamics=LinearDynamics.from_dict(dynamics) if dynamics else None,
        )


def load_weights(run: Run, directory: Path | str) -> Weights:
    """Return the newest weights of a run.

    Args:
        run: Run.
        directory: Directory of the run.

    Raises:
        UserError: If there is no checkpoint, or it is damaged.
    """
    with CheckpointStore(checkpoints(directory)) as store:
        params = store.load_weights(jax.eval_shape(lambda: run.model.init(0)))
    return Weights(
        params=params,
        states=run.states,
        actions=run.actions,
        support=run.support,
        critic=run.critic,
        action_critic=run.action_critic,
        policy=run.policy,
        moves=run.moves,
    )


def checkpoints(directory: Path | str) -> Path:
    """Return the directory of a run's checkpoints."""
    return Path(directory) / "checkpoints"
