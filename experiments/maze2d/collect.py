"""Make the datasets that are not there yet."""

from dfplan.cli import main
from dfplan.cli.common import console
from dfplan.data.minari_io import local_ids
from experiments.maze2d.study import Study, arguments, task

SEED = "0"


def collect(study: Study) -> None:
    """Collect the data of each maze with the public command line.

    Raises:
        SystemExit: with the command's exit code, when it fails.
    """
    there = local_ids()
    for maze in study.mazes:
        where = task(maze)
        if where.dataset in there:
            console.print(f"{where.dataset}: collected before")
        elif code := main(["collect", *arguments(maze), "--seed", SEED]):
            raise SystemExit(code)
