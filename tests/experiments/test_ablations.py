"""The ablations: settings that exist, and one change at a time."""

import pytest
from dfplan.presets import make_config

from dfplan.cli import main
from dfplan.tasks import load_function
from experiments.maze2d.ablations import ABLATIONS, PLANNING, TRAINING
from experiments.maze2d.study import ABLATION, EVALUATION, MAZES, TUNING, Study, task
from experiments.maze2d.train import new_command

VARIANTS = [(a, v) for a in ABLATIONS.values() for v in a.variants]


@pytest.mark.parametrize(("ablation", "variant"), VARIANTS)
def test_settings_exist_and_fit_each_other(ablation, variant):
    for maze in ablation.mazes:
        settings = dict(variant.network.settings) if variant.network else {}
        settings |= {f"planner.{k}": v for k, v in variant.planner.items()}
        config = make_config(task(maze)).override(settings)
        assert (config.planner.action != "diffused") or config.data.actions
    if variant.tracker:
        load_function(variant.tracker)
    assert 1 <= len(variant.episodes(ABLATION)) <= len(ABLATION)


@pytest.mark.parametrize("ablation", ABLATIONS.values(), ids=lambda a: a.name)
def test_variants_have_places_of_their_own(ablation):
    places = {Study().ablated(ablation.name, "large", v.label) for v in ablation.variants}
    assert len(places) == len(ablation.variants) > 1
    if ablation.axis:
        assert [float(v.label) for v in ablation.variants] == sorted(
            float(v.label) for v in ablation.variants
        )


def test_networks_of_one_name_are_of_one_recipe():
    recipes = {}
    for _, variant in VARIANTS:
        if variant.network:
            known = recipes.setdefault(variant.network.name, variant.network.settings)
            assert known == variant.network.settings
    assert recipes and not any(name.isdigit() for name in recipes)


def test_equal_computation_of_optimisers_and_streams():
    for ablation in (a for a in TRAINING if a.name in ("optimizer", "streams")):
        tokens = set()
        for variant in ablation.variants:
            settings = variant.network.settings if variant.network else {}
            training = make_config(task("large")).override(settings).training
            streams = 2 if training.objective.streams == "two" else 1
            tokens.add(training.steps * training.batch_size * streams)
        assert len(tokens) == 1


def test_each_ablation_of_the_planner_changes_one_thing():
    for ablation in PLANNING:
        names = {frozenset(v.planner) for v in ablation.variants}
        assert len(names) == 1


def test_the_command_line_takes_the_networks_settings(tmp_path, capsys):
    for _, variant in VARIANTS:
        if variant.network:
            command = new_command(tmp_path / "x", "large", 0, variant.network.settings)
            assert main([*command, "--help"]) == 0
    assert "training.optimizer.name" in capsys.readouterr().out


def test_episodes_of_results_are_those_that_nothing_was_chosen_on():
    ranges = [set(r) for r in (EVALUATION, ABLATION, TUNING)]
    assert sum(map(len, ranges)) == len(set.union(*ranges))
    assert len(EVALUATION) == 100 and min(EVALUATION) == 30_000
    assert all(task(maze, goal).score for maze in MAZES for goal in ("random", "fixed"))
