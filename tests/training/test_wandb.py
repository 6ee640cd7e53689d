"""Weights & Biases gets the same records as metrics.jsonl, in one W&B run per run."""

import dataclasses
import json
import sys
from types import SimpleNamespace

import jax.numpy as jnp
import pytest

from dfplan.training import loop
from dfplan.training.loop import fit
from dfplan.training.wandb_log import WandbLog
from dfplan.types import UserError


class Fake:
    """The part of wandb that dfplan uses; records its calls."""

    Error = type("Error", (Exception,), {})

    def __init__(self):
        self.started = []
        self.lines = []
        self.finished = 0

    def init(self, **options):
        self.started.append(options)
        return SimpleNamespace(log=self.log, finish=self.finish)

    def log(self, scalars, step):
        self.lines.append((step, scalars))

    def finish(self):
        self.finished += 1


@pytest.fixture
def fake(monkeypatch):
    wandb = Fake()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    return wandb


@pytest.fixture
def logged(spec, monkeypatch):
    """The spec with a project, and with fake training steps."""

    def train_until(spec, training_arrays, state, stop):
        return state._replace(step=jnp.int32(stop)), {"loss": jnp.float32(stop)}

    monkeypatch.setattr(loop, "train_until", train_until)
    return spec._replace(training=dataclasses.replace(spec.training, wandb="mazes"))


def test_wandb_gets_every_record_in_one_run(logged, fake, tmp_path):
    directory = tmp_path / "umaze"
    fit(logged, None, directory, stop_step=3)
    fit(logged, None, directory, stop_step=6)
    lines = [json.loads(x) for x in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [{"step": step, **scalars} for step, scalars in fake.lines] == lines
    assert [line["step"] for line in lines] == [2, 3, 4, 6]
    first, second = fake.started
    assert first == second and first["resume"] == "allow" and len(first["id"]) == 8
    assert (first["project"], first["name"]) == ("mazes", "umaze")
    assert first["config"]["training"]["batch_size"] == 8
    assert first["config"]["model"]["net"]["width"] == 16
    assert fake.finished == 2
    fit(logged, None, tmp_path / "other", stop_step=2)
    assert fake.started[2]["id"] != first["id"]


def test_wandb_is_not_used_without_a_project(spec, logged, fake, tmp_path):
    quiet = logged._replace(training=spec.training)
    fit(quiet, None, tmp_path, stop_step=2)
    assert not fake.started


def test_missing_package_names_the_extra(logged, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r'training.wandb needs wandb: .*"dfplan\[wandb\]"'):
        fit(logged, None, tmp_path, stop_step=2)


def test_errors_of_wandb_mention_offline_mode(fake, monkeypatch, tmp_path):
    def refuse(**options):
        raise fake.Error("api_key not configured\n(no-tty)")

    monkeypatch.setattr(fake, "init", refuse)
    with pytest.raises(UserError, match=r"'mazes': api_key not configured .*WANDB_MODE=offline"):
        WandbLog("mazes", tmp_path, {})


@pytest.mark.slow
def test_offline_mode_needs_no_account(monkeypatch, tmp_path):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    log = WandbLog("mazes", tmp_path, {"steps": 3})
    log.write(1, {"loss": 2.0})
    log.close()
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
