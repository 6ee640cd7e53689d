"""Collect, train and evaluate on custom maps, with no other setting than the map."""

import dataclasses

from experiments.maze2d.collect import collect
from experiments.maze2d.custom_maps import CUSTOM_MAPS
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.pages.custom_map_tables import GOAL, REFERENCES, write_custom_maps
from experiments.maze2d.references.measure import measure_references
from experiments.maze2d.study import Study
from experiments.maze2d.train import train


def measure_maps(study: Study) -> None:
    """Collect, train and evaluate on each custom map, with training seed 0 and random goals."""
    maps_study = dataclasses.replace(study, mazes=tuple(CUSTOM_MAPS), seeds=(0,), goals=(GOAL,))
    collect(maps_study)
    train(maps_study)
    evaluate(maps_study)
    measure_references(maps_study, tuple(REFERENCES))
    write_custom_maps(maps_study)
