"""The study: what is measured, and the files of its results and its page."""

import dataclasses
from pathlib import Path
from typing import Any

import jax

from dfplan.util.threads import cores

HERE = Path(__file__).parent
RUN = "pointmaze-large"


@dataclasses.dataclass(frozen=True)
class Study:
    """Measurements of a policy server.

    Attributes:
        run: Run directory or task name of the planner to serve.
        robots: Numbers of robots at once.
        execute: Actions that robots execute from each chunk.
        minutes: Minutes under faults. The load is measured for a tenth of them per number of
            robots.
        kills: Kills of the server under a running robot.
        episodes: Episodes of the score.
        seed: Seed of the first episode.
        results: Folder of the measurements.
        logs: Folder of the servers' logs.
        pages: Folder of the README and its figure.
    """

    run: str = RUN
    robots: tuple[int, ...] = (1, 8, 32, 64)
    execute: tuple[int, ...] = (1, 10)
    minutes: float = 20.0
    kills: int = 10
    episodes: int = 100
    seed: int = 30_000
    results: Path = HERE / "results"
    logs: Path = Path("runs/serving")
    pages: Path = HERE

    def dry_run(self, folder: Path) -> "Study":
        """Return the same study with all output in `folder`."""
        return dataclasses.replace(self, results=folder, logs=folder, pages=folder / "pages")

    def request(self, **settings: Any) -> dict[str, Any]:
        """Return everything that a measurement depends on, except the code."""
        return {"run": self.run, "machine": machine(), **settings}


def machine() -> dict[str, Any]:
    """Describe this machine."""
    return {"device": jax.devices()[0].device_kind, "cores": cores(), "jax": jax.__version__}
