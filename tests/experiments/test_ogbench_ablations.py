"""Variants of the ablations on OGBench's mazes."""

import pytest

pytest.importorskip("ogbench")

from dfplan.runs.presets import make_config
from experiments.ogbench.ablations import VARIANTS
from experiments.ogbench.study import STUDY


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
def test_every_variant_has_valid_settings_that_differ_from_the_preset(variant):
    preset = make_config(STUDY.task(variant.task))
    planner = {f"planner.{name}": value for name, value in variant.planner.items()}
    changed = preset.override({**variant.training, **planner})
    assert (changed != preset) == (variant.group != "preset")


def test_variants_have_names_of_their_own():
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
