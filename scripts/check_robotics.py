"""Make, step, train and evaluate environments that need constraints-robotics.txt.

Usage: PYTHON scripts/check_robotics.py, with the Python of an environment that has these versions.
"""

import os
import tempfile
from pathlib import Path

IDS = ("FetchReach-v4", "FetchPush-v4", "FrankaKitchen-v1", "HandReach-v3")
PACKAGE = "gymnasium_robotics"
SMALL = {
    "net.width": 16,
    "net.layers": 1,
    "net.heads": 2,
    "training.batch_size": 4,
    "training.steps": 2,
    "planner.candidates": 1,
    "planner.sampling.steps": 1,
}


def make_and_step() -> None:
    from dfplan.tasks.make_env import open_env

    for env_id in IDS:
        with open_env(f"{PACKAGE}:{env_id}") as env:
            env.reset(seed=0)
            env.step(env.action_space.sample())
        print(f"{env_id}: made and stepped")


def train_and_evaluate(folder: Path) -> None:
    from dfplan.agent import Agent
    from dfplan.data.collect import collect
    from dfplan.evaluation.evaluate import evaluate
    from dfplan.runs.presets import make_config
    from dfplan.runs.train import train
    from dfplan.tasks.registry import Task

    task = Task(f"{PACKAGE}:FetchReach-v4", "test/reach-v0")
    collect(task.env, task.dataset, steps=150, seed=0)
    config = make_config(task, "small").override(SMALL)
    train(task, config, folder / "run")
    result = evaluate(Agent.load(folder / "run"), task.env, episodes=1, seed=0)
    print(f"FetchReach-v4: trained and evaluated, return {result['raw_return']['mean']:.1f}")


def main() -> None:
    make_and_step()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MINARI_DATASETS_PATH"] = f"{folder}/datasets"
        Path(folder, "datasets").mkdir()
        train_and_evaluate(Path(folder))


if __name__ == "__main__":
    main()
