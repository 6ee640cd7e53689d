"""Train each paradigm's networks with the public command line, on the same data and budget."""

from pathlib import Path

from experiments.common.commands import option_list
from experiments.common.training import train_to_end
from experiments.paradigms.study import PARADIGMS, Study, dataset


def train(study: Study) -> None:
    """Train the networks that are not trained yet, seed by seed."""
    for seed in study.seeds:
        for name in study.paradigms:
            directory = study.run(name, seed)
            train_to_end(directory, command(study, name, seed=seed, directory=directory))


def command(study: Study, name: str, seed: int, directory: Path) -> list[str]:
    """Return the arguments of `dfplan` that train a paradigm's network.

    Args:
        study: Study, for its settings.
        name: Name of the paradigm.
        seed: Training seed.
        directory: Output directory of the run.
    """
    settings = {**PARADIGMS[name].settings, "training.seed": seed, **study.settings}
    data = ["--dataset", dataset(0), "--env", "none", "--preset", "default"]
    return ["train", *data, *option_list(settings), "--out", str(directory)]
