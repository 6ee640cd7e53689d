"""Train each paradigm's networks with the public command line, on the same data and budget."""

from pathlib import Path

from experiments.maze2d.train import option_list, train_command
from experiments.paradigms.study import PARADIGMS, Study, dataset


def train(study: Study) -> None:
    """Train what is not trained yet, seed by seed."""
    for seed in study.seeds:
        for name in study.paradigms:
            directory = study.run(name, seed)
            train_command(directory, command(study, name, seed, directory))


def command(study: Study, name: str, seed: int, directory: Path) -> list[str]:
    """Arguments of `dfplan` that train a paradigm's network."""
    settings = {**PARADIGMS[name].settings, "training.seed": seed, **study.settings}
    where = ["--dataset", dataset(0), "--env", "none", "--preset", "default"]
    return ["train", *where, *option_list(settings), "--out", str(directory)]
