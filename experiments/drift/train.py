"""Train each paradigm's networks with the public command line, on the same data and budget."""

from experiments.common.commands import option_list
from experiments.common.training import train_to_end
from experiments.drift.study import PARADIGMS, Study, dataset


def train(study: Study) -> None:
    """Train the networks that are not trained yet."""
    for robot, name, seed in study.cases():
        directory = study.run(robot, name, seed)
        command = train_command(robot, name, seed)
        train_to_end(directory, [*command, "--out", str(directory)])


def train_command(robot: str, name: str, seed: int) -> list[str]:
    """Return the arguments of `dfplan` that train a paradigm's network, without its directory."""
    settings = {**PARADIGMS[name].settings, "training.seed": seed}
    data = ["--dataset", dataset(robot, 0), "--env", "none", "--preset", "default"]
    return ["train", *data, *option_list(settings)]
