"""Run: a trained planner on disk, complete in itself.

RUN/config.json    what was trained on what, and how
RUN/value.npz      what states and plans are worth, where the goal is reward
RUN/checkpoints/   Orbax
RUN/metrics.jsonl  RUN/tensorboard/
"""

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np

from dfplan.config import Config, flatten
from dfplan.representation.layout import Layout, layout_from_spaces
from dfplan.data.minari_io import Trajectories, load_trajectories
from dfplan.representation.tokens import TokenLayout
from dfplan.data.goal_intervals import window_tokens
from dfplan.data.windows import TrainingArrays, fit_normalizers, make_training_arrays
from dfplan.model import Model
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.low_level import LOW_LEVEL_CONTROLLERS
from dfplan.representation.normalizer import Normalizer
from dfplan.planner.config import PlannerConfig
from dfplan.planner.protocol import Planner
from dfplan.planner.registry import PLANNERS
from dfplan.planner.plan import Weights
from dfplan.value.dataset import learn_critic, rank_returns
from dfplan.planner.support import DataSupport
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import UserError, one_line
from dfplan.value.critic import Critic

FORMAT = 1
VALUE = "value.npz"
PACKAGES = ("dfplan", "jax", "flax", "optax", "orbax-checkpoint", "gymnasium", "minari", "numpy")


@dataclasses.dataclass(frozen=True)
class Run:
    """What `config.json` holds.

    Attributes:
        task: environment, dataset and what goes with them.
        config: settings.
        layout: how observations become states.
        states, actions: normalisers, fitted to the dataset.
        support: where the dataset has been in the goal's dimensions; None without a grid of it.
        fingerprint: of the dataset.
        command: the command line that trained it.
        versions: of Python and of packages, when it was trained.
        motion: fitted to the dataset; None in a run that was trained before these were kept.
        critic: learned from the dataset's rewards; None where they are no goal. `value.npz` has it.
    """

    task: Task
    config: Config
    layout: Layout
    states: Normalizer
    actions: Normalizer
    support: DataSupport | None
    fingerprint: str
    command: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    dynamics: LinearDynamics | None = None
    critic: Critic | None = None

    @classmethod
    def create(
        cls,
        task: Task,
        config: Config,
        data: Trajectories,
        command: str = "",
        before: "Run | None" = None,
    ) -> "Run":
        """A new run on a dataset, with the length of its windows settled.

        It takes the units of the run `before`, whose weights it begins with.

        Raises:
            UserError: when the run before has another layout or networks.
        """
        states, actions = fit_normalizers(data)
        if before is not None:
            before.check_dataset(data)
            _check_networks(before.config, config)
            states, actions = before.states, before.actions
        if not config.data.tokens:
            tokens = window_tokens(data.goal_intervals, config.data.stride)
            config = config.override({"data.tokens": tokens})
        support = DataSupport.fit(data.state[:, list(data.layout.goal_dims)])
        marks = data.fingerprint, command, _versions()
        dynamics = fit_dynamics(data, states, actions)
        run = cls(task, config, data.layout, states, actions, support, *marks, dynamics=dynamics)
        if not run.reward_conditioned:
            return run
        stride, seed = config.data.stride, config.training.seed
        critic = learn_critic(data, states, config.value, stride=stride, seed=seed)
        return dataclasses.replace(run, critic=critic)

    @property
    def reward_conditioned(self) -> bool:
        """Whether its goal is reward."""
        return self.config.data.goal == "reward"

    def training_arrays(self, data: Trajectories) -> TrainingArrays:
        """Its dataset as training takes it."""
        config, rank = self.config, None
        if self.critic is not None:
            given = data, self.states, self.critic, config.value
            rank = rank_returns(*given, stride=config.data.stride)
        return make_training_arrays(data, config.data, self.states, self.actions, rank)

    @property
    def model(self) -> Model:
        """The networks."""
        tokens = TokenLayout.create(self.layout, self.config.data)
        return Model(tokens, self.config.net, self.config.diffusion)

    @property
    def planner(self) -> Planner:
        """The planner, without its weights."""
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
        LOW_LEVEL_CONTROLLERS.check(config.low_level_controller)
        horizon = config.horizon or tokens - config.history.tokens
        return PLANNERS.make(config.kind, model=self.model, config=config, horizon=horizon)

    @property
    def goal_dims(self) -> tuple[int, ...] | None:
        """What names the goal's places to a reader of the dataset's or environment's spaces."""
        return None if self.layout.append_achieved else self.layout.goal_dims

    def find_dynamics(self) -> LinearDynamics:
        """The motion that it holds; fitted to its dataset where it holds none.

        Raises:
            UserError: when there is none, and the dataset is not here or another one.
        """
        if self.dynamics is not None:
            return self.dynamics
        return fit_dynamics(self.load_data(), self.states, self.actions)

    def load_data(self, dataset_id: str = "") -> Trajectories:
        """The dataset that it was trained on, or that of the id, read as it was then.

        Raises:
            UserError: when it is not here, or has other states, goals or actions.
        """
        layout = self.layout
        goal = self.goal_dims, layout.goal_from, layout.goal_value
        name = dataset_id or self.task.dataset
        data = load_trajectories(name, *goal, rewards=self.reward_conditioned)
        self.check_dataset(data)
        return data

    def with_planner(self, changes: Mapping[str, Any]) -> "Run":
        """This run with planner settings changed, such as `{"candidates": 16}`.

        Raises:
            UserError: on an unknown setting or a value out of range.
        """
        changes = {f"planner.{name}": value for name, value in changes.items()}
        return dataclasses.replace(self, config=self.config.override(changes))

    def replace_planner(self, planner: PlannerConfig) -> "Run":
        """This run with other planner settings."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, planner=planner))

    def check_dataset(self, data: Trajectories) -> None:
        """Check that a dataset has the states, goals and actions that this run was trained with.

        Raises:
            UserError: naming both shapes.
        """
        if data.layout != self.layout:
            self._differs(f"dataset {data.dataset_id!r}", data.layout)

    def check_env(self, env: Any) -> None:
        """Check that an environment has the observations and actions that this run knows.

        Raises:
            UserError: naming both shapes.
        """
        found = layout_from_spaces(env.observation_space, env.action_space, self.goal_dims)
        if _shape(found) != _shape(self.layout):
            self._differs(f"environment {env.spec.id if env.spec else env}", found)

    def _differs(self, what: str, found: Layout) -> NoReturn:
        here, there = _shape(self.layout), _shape(found)
        if here == there:  # the difference is in goal_dims or action bounds
            here, there = str(self.layout), str(found)
        raise UserError(f"{what} has {there}; this run was trained with {here}")

    def save(self, directory: Path) -> None:
        """Write `config.json`, whole or not at all.

        Raises:
            UserError: when it cannot be written, or `env_kwargs` hold what JSON does not.
        """
        record = {
            "format": FORMAT,
            "task": self.task.to_dict(),
            "dataset": {"id": self.task.dataset, "fingerprint": self.fingerprint},
            "config": self.config.to_dict(),
            "layout": dataclasses.asdict(self.layout),
            "normalizer": {"states": self.states.to_dict(), "actions": self.actions.to_dict()},
            "support": self.support and self.support.to_dict(),
            "dynamics": self.dynamics and self.dynamics.to_dict(),
            "value": self.critic is not None,
            "command": self.command,
            "versions": self.versions,
        }
        try:
            text = json.dumps(record, indent=2, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"the task cannot be kept as JSON ({one_line(error)}); "
                "env_kwargs may hold numbers, strings, lists and dicts of them"
            ) from error
        path, part = directory / "config.json", directory / "config.json.part"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if self.critic is not None:
                self.critic.save(directory / VALUE)
            part.write_text(text + "\n")
            part.replace(path)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error

    @classmethod
    def load(cls, directory: Path | str) -> "Run":
        """Read `config.json`.

        Raises:
            UserError: when there is none, or it cannot be read.
        """
        path = Path(directory) / "config.json"
        if not path.is_file():
            raise UserError(f"{directory} is no run: it has no config.json; train one with --out")
        try:
            record = json.loads(path.read_text())
            if record["format"] != FORMAT:
                raise UserError(f"format {record['format']}; valid here: {FORMAT}")
            run = cls._from_record(record)
            if not record.get("value"):
                return run
            return dataclasses.replace(run, critic=Critic.load(path.parent / VALUE))
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            reason = f"{type(error).__name__} {one_line(error)}"
            raise UserError(f"{path} is damaged: {reason}") from error

    @classmethod
    def _from_record(cls, record: dict[str, Any]) -> "Run":
        return cls(
            Task.from_dict(record["task"]),
            Config.from_dict(record["config"]),
            Layout.from_dict(record["layout"]),
            Normalizer.from_dict(record["normalizer"]["states"]),
            Normalizer.from_dict(record["normalizer"]["actions"]),
            record["support"] and DataSupport.from_dict(record["support"]),
            record["dataset"]["fingerprint"],
            record["command"],
            record["versions"],
            LinearDynamics.from_dict(record["dynamics"]) if record.get("dynamics") else None,
        )


def fit_dynamics(data: Trajectories, states: Normalizer, actions: Normalizer) -> LinearDynamics:
    """The motion of a dataset, in the units of these normalisers."""
    state, action = np.asarray(states.encode(data.state)), np.asarray(actions.encode(data.action))
    return LinearDynamics.fit(state, action, data.start, data.length)


def load_weights(run: Run, directory: Path | str) -> Weights:
    """The newest weights of the run in `directory`.

    Raises:
        UserError: when there is no checkpoint, or it is damaged.
    """
    store = CheckpointStore(checkpoints(directory))
    try:
        params = store.load_weights(jax.eval_shape(lambda: run.model.init(0)))
    finally:
        store.close()
    return Weights(params, run.states, run.actions, run.support, run.critic)


def checkpoints(directory: Path | str) -> Path:
    """Where a run's checkpoints lie."""
    return Path(directory) / "checkpoints"


def _shape(layout: Layout) -> str:
    kind = " (a goal Dict)" if layout.dict_observation else ""
    sizes = f"{layout.state_dim} states, {layout.goal_dim} goals and {layout.action_dim} actions"
    return sizes + kind


def _check_networks(before: Config, config: Config) -> None:
    """Check that weights of the one serve the other."""
    parts = "net", "diffusion"
    old, new = (flatten({p: c.to_dict()[p] for p in parts}) for c in (before, config))
    for name, value in new.items():
        if value != old[name]:
            raise UserError(
                f"{name} {value!r} needs other weights than those to begin with; valid here: "
                f"{old[name]!r}"
            )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
