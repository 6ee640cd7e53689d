"""The score of a planner that is driven through a server, beside `dfplan eval`'s."""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import BatchAgent, run_episodes
from dfplan.runs.resolve import resolve_run
from dfplan.tasks.make_env import make_env
from dfplan.util.optional import import_optional
from dfplan.wire import keys
from experiments.common.records import measure_once
from experiments.serving.server import running_server
from experiments.serving.study import Study

METRICS = ("normalized_score", "raw_return", "first_reach", "reach_rate")


class RemoteBatch:
    """A batch of robots, each of which asks a server by openpi's client, unmodified.

    Args:
        port: Port of the server on the loopback interface.
        execute: Actions that `ActionChunkBroker` executes from each chunk; 1 asks at every step.
    """

    def __init__(self, port: int, execute: int):
        self._port = port
        self._execute = execute
        self._robots: list[Any] = []
        self._seeds: list[int | None] = []
        self._pool = ThreadPoolExecutor(128)

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes, one for each seed; a mask is not supported."""
        assert mask is None
        missing = len(seed) - len(self._robots)
        self._robots += [make_client(self._port, self._execute) for _ in range(missing)]
        self._seeds = [int(value) for value in seed]
        for robot in self._robots:
            robot.reset()

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the action of each robot, `[B, A]`; those of finished episodes repeat another."""
        assert goal is None
        size = len(self._seeds)
        over = np.zeros(size, bool) if episode_over is None else episode_over
        live = np.flatnonzero(~over)
        requests = [self._request(int(row), observation) for row in live]
        robots = [self._robots[row] for row in live]
        replies = list(
            self._pool.map(lambda robot, request: robot.infer(request), robots, requests)
        )
        actions = np.stack([reply[keys.ACTIONS] for reply in replies])
        rows = np.minimum(np.cumsum(~over) - 1, len(live) - 1)
        return actions[np.maximum(rows, 0)]

    def _request(self, row: int, observation: Mapping[str, np.ndarray]) -> dict[str, Any]:
        request: dict[str, Any] = {key: values[row] for key, values in observation.items()}
        seed = self._seeds[row]
        self._seeds[row] = None
        if seed is None:
            return {**request, keys.EXECUTED: self._execute}
        return {**request, keys.RESET: True, keys.SEED: seed}


def make_client(port: int, execute: int) -> Any:
    """Return openpi's client, behind its broker of chunks unless every step asks."""
    client = import_optional("openpi_client.websocket_client_policy", "dev", "this experiment")
    policy = client.WebsocketClientPolicy("127.0.0.1", port)
    if execute == 1:
        return _First(policy)
    broker = import_optional("openpi_client.action_chunk_broker", "dev", "this experiment")
    return broker.ActionChunkBroker(policy, execute)


class _First:
    """Takes the first action of each chunk, as a broker of horizon 1 does."""

    def __init__(self, policy: Any):
        self._policy = policy
        self.reset = policy.reset

    def infer(self, request: dict[str, Any]) -> dict[str, Any]:
        return {keys.ACTIONS: self._policy.infer(request)[keys.ACTIONS][0]}


def measure_score(study: Study) -> None:
    """Play the same episodes in this process and through a server; measured ones are skipped."""
    request = study.request(episodes=study.episodes, seed=study.seed)
    measure_once(
        study.results / "score-eval.json",
        request,
        lambda: play(study, lambda: Agent.load(study.run)),
    )
    for execute in study.execute:
        measure_once(
            study.results / f"score-server-{execute}.json",
            {**request, "execute": execute},
            functools.partial(play_through_server, study, execute),
        )


def play_through_server(study: Study, execute: int) -> dict[str, Any]:
    """Return the metrics of episodes that openpi's client plays."""
    with running_server(study.run, study.logs) as server:
        return play(study, lambda: RemoteBatch(server.port, execute))


def play(study: Study, make_agent: Callable[[], BatchAgent]) -> dict[str, Any]:
    """Return the metrics of the study's episodes, with intervals and the score of each."""
    run = resolve_run(study.run).run
    episodes = run_episodes(
        make_agent(),
        lambda: make_env(run.task.env, run.task.env_kwargs),
        np.arange(study.seed, study.seed + study.episodes),
        state=run.layout.state,
        goal=run.layout.goal,
    )
    values = measure(episodes, run.task.score)
    returns = values["raw_return"]
    assert returns is not None
    return {
        "metrics": {name: interval(values[name]) for name in METRICS},
        "returns": returns.tolist(),
    }
