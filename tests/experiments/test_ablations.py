"""The ablations use settings that exist, and change one thing at a time."""

import pytest

from dfplan.cli import main
from dfplan.runs.presets import make_config
from dfplan.tasks.load import load_function
from experiments.common.protocol import MAZES, TUNING
from experiments.maze2d.ablations import ABLATIONS, PLANNING, TRAINING
from experiments.maze2d.study import ABLATION, EVALUATION, Study, maze_task
from experiments.maze2d.train import new_command

VARIANTS = [(a, v) for a in ABLATIONS.values() for v in a.variants]


@pytest.mark.parametrize(("ablation", "variant"), VARIANTS)
def test_settings_exist_and_are_compatible(ablation, variant):
    for maze in ablation.mazes:
        settings = dict(variant.network.settings) if variant.network else {}
        settings |= {f"planner.{k}": v for k, v in variant.planner.items()}
        config = make_config(maze_task(maze)).override(settings)
        assert (config.planner.low_level_controller != "diffused") or config.data.actions
    if variant.tracker:
        load_function(variant.tracker)
    assert 1 <= len(variant.episodes(ABLATION)) <= len(ABLATION)


@pytest.mark.parametrize("ablation", ABLATIONS.values(), ids=lambda a: a.name)
def test_each_variant_has_a_file_of_its_own(ablation):
    paths = {Study().ablated(ablation.name, "large", v.label) for v in ablation.variants}
    assert len(paths) == len(ablation.variants) > 1
    if ablation.axis:
        values = [float(v.label) for v in ablation.variants]
        assert values == sorted(values)


def test_networks_of_the_same_name_have_the_same_settings():
    settings_by_name = {}
    for _, variant in VARIANTS:
        if variant.network:
            first = settings_by_name.setdefault(variant.network.name, variant.network.settings)
            assert first == variant.network.settings
    assert settings_by_name
    assert not any(name.isdigit() for name in settings_by_name)


def test_optimizers_and_streams_are_compared_at_equal_compute():
    for ablation in (a for a in TRAINING if a.name in ("optimizer", "streams")):
        tokens = set()
        for variant in ablation.variants:
            settings = variant.network.settings if variant.network else {}
            training = make_config(maze_task("large")).override(settings).training
            streams = 2 if training.objective.two_stream else 1
            tokens.add(training.steps * training.batch_size * streams)
        assert len(tokens) == 1


def test_each_ablation_of_the_planner_changes_the_same_settings():
    for ablation in PLANNING:
        names = {frozenset(v.planner) for v in ablation.variants}
        assert len(names) == 1


def test_the_command_line_accepts_the_networks_settings(tmp_path, capsys):
    for _, variant in VARIANTS:
        if variant.network:
            command = new_command(tmp_path / "x", "large", 0, variant.network.settings)
            assert main([*command, "--help"]) == 0
    assert "training.optimizer.name" in capsys.readouterr().out


def test_episodes_of_results_were_not_used_for_tuning():
    ranges = [set(r) for r in (EVALUATION, ABLATION, TUNING)]
    assert sum(map(len, ranges)) == len(set.union(*ranges))
    assert len(EVALUATION) == 100
    assert min(EVALUATION) == 30_000
    assert all(maze_task(maze, goal).score for maze in MAZES for goal in ("random", "fixed"))
