"""Targets of the fuzzing: functions that read files or options that anyone may have written.

Each target writes its valid input into a folder once. A case damages the input and reads it; the
only exception that it may raise is a one-line `UserError`.
"""

import contextlib
import io
import json
import os
import shutil
import zlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from random import Random

import numpy as np

from dfplan.types import UserError
from scripts.fuzz.mutate import HOSTILE, mutate_arrays, mutate_bytes, mutate_json

Case = Callable[[Random], None]
ROWS = 40


def columns(episodes: int = 4, rows: int = 10) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    count = episodes * rows
    return {
        "observations": rng.normal(size=(count, 4)).astype(np.float32),
        "actions": rng.normal(size=(count, 2)).astype(np.float32),
        "rewards": rng.normal(size=count).astype(np.float32),
        "terminals": np.arange(count) % rows == rows - 1,
    }


def files_of(format_name: str, sources: list[Path]) -> Case:
    """Return cases that damage the bytes of a file and import it."""
    from dfplan.data.importers.formats import read_files

    def case(rng: Random) -> None:
        source = rng.choice(sources)
        damaged = source.with_name(f"damaged{source.suffix}")
        damaged.write_bytes(mutate_bytes(rng, source.read_bytes()))
        read_files(format_name, [damaged])

    return case


def npz(folder: Path) -> Case:
    np.savez(folder / "stored.npz", **columns())
    np.savez_compressed(folder / "deflated.npz", **columns())
    return files_of("numpy", [folder / "stored.npz", folder / "deflated.npz"])


def hdf5(folder: Path) -> Case:
    import h5py

    sources = []
    for libver in ("earliest", "latest"):
        for options in ({}, {"chunks": True, "compression": "gzip", "fletcher32": True}):
            sources.append(folder / f"{libver}{len(options)}.hdf5")
            with h5py.File(sources[-1], "w", libver=libver) as file:
                for name, array in columns().items():
                    file.create_dataset(name, data=array, **options)
                file["infos/goal"] = np.zeros((ROWS, 2))
                file.attrs["text"] = "a file"
    return files_of("d4rl", sources)


def csv(folder: Path) -> Case:
    lines = [f"{row % 4},{row // 4},{0.1 * row},{0.2 * row}" for row in range(ROWS)]
    (folder / "tracks.csv").write_text("\n".join(["id,time,x,y", *lines]))
    return files_of("csv", [folder / "tracks.csv"])


def lerobot(folder: Path) -> Case:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dfplan.data.importers.formats import read_files

    table = {
        "observation.state": [[0.1 * row, 1.0] for row in range(ROWS)],
        "action": [[0.2 * row] for row in range(ROWS)],
        "episode_index": [row // 10 for row in range(ROWS)],
        "frame_index": [row % 10 for row in range(ROWS)],
    }
    path = folder / "robot" / "data" / "chunk-000" / "file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(table), path)
    info = folder / "robot" / "meta" / "info.json"
    info.parent.mkdir()
    info.write_text(json.dumps({"codebase_version": "v3.0"}))
    content = {path: path.read_bytes(), info: info.read_bytes()}

    def case(rng: Random) -> None:
        damaged = rng.choice([path, path, path, info])
        for each in content:
            each.write_bytes(content[each])
        damaged.write_bytes(mutate_bytes(rng, content[damaged]))
        read_files("lerobot", [folder / "robot"])

    return case


def pretrained() -> Path:
    return Path(str(files("dfplan_envs"))) / "checkpoints" / "pointmaze-umaze"


def config(folder: Path) -> Case:
    """A run's config.json, and the planner that is made from it."""
    from dfplan.runs.run import Run

    valid = json.loads((pretrained() / "config.json").read_text())

    def case(rng: Random) -> None:
        text = json.dumps(mutate_json(rng, valid)).encode()
        damaged = mutate_bytes(rng, text) if rng.random() < 0.2 else text
        (folder / "config.json").write_bytes(damaged)
        run = Run.load(folder)
        planner = run.make_planner()
        run.config.planner.sampling.make_matrix(planner.horizon)
        run.config.planner.warm_start.make_matrix(planner.horizon)

    return case


def checkpoint(folder: Path) -> Case:
    """The files of a checkpoint, half of them with fitting checksums."""
    from dfplan.runs.run import Run, load_weights
    from dfplan.training.checkpoint_contents import CONTENTS

    run = Run.load(pretrained())
    shutil.copytree(pretrained(), folder / "run")
    (contents,) = (folder / "run" / "checkpoints").rglob(CONTENTS)
    content = {p: p.read_bytes() for p in contents.parent.rglob("*") if p.is_file()}

    def case(rng: Random) -> None:
        path = rng.choice(list(content))
        damaged = mutate_bytes(rng, content[path])
        if path.suffix == ".json" and rng.random() < 0.7:
            damaged = json.dumps(mutate_json(rng, json.loads(content[path]))).encode()
        path.write_bytes(damaged)
        if path != contents and rng.random() < 0.5:
            record = json.loads(content[contents])
            record["files"][path.relative_to(contents.parent).as_posix()] = zlib.crc32(damaged)
            contents.write_text(json.dumps(record))
        try:
            load_weights(run, folder / "run")
        finally:
            path.write_bytes(content[path])
            contents.write_bytes(content[contents])

    return case


def critic(folder: Path) -> Case:
    """The critic of a run, with a fitting checksum."""
    import jax

    from dfplan.runs.run import Run
    from dfplan.value.critic import Critic, init_member

    record = json.loads((pretrained() / "config.json").read_text())
    run = Run.load(pretrained())
    nets = jax.vmap(lambda key: init_member(key, run.layout.state_dim, 4))(
        jax.random.split(jax.random.key(0), 2)
    )
    valid = Critic(nets, *map(np.float32, (0.5, 2.0, 0.1, 1.0, 0.99, 0.5)))
    arrays = dict(np.load(io.BytesIO(valid.to_bytes())))
    states = np.zeros((3, 2, run.layout.state_dim), np.float32)

    def case(rng: Random) -> None:
        file = io.BytesIO()
        np.savez(file, **mutate_arrays(rng, arrays))
        damaged = file.getvalue()
        if rng.random() < 0.5:
            damaged = mutate_bytes(rng, valid.to_bytes())
        (folder / "value.npz").write_bytes(damaged)
        signed = {**record, "value": {"checksum": zlib.crc32(damaged)}}
        (folder / "config.json").write_text(json.dumps(signed))
        critic = Run.load(folder).critic
        assert critic is not None
        result = jax.eval_shape(critic.expected_return, states)
        assert result.shape == (3,)

    return case


def result(folder: Path) -> Case:
    """A result of `dfplan eval`, as `dfplan report` shows it."""
    from dfplan.report.result import headlines, read_result, result_table

    interval = {"mean": 0.5, "ci_low": 0.25, "ci_high": 0.75}
    valid = {
        "task": "maze",
        "episodes": 2,
        "seeds": [7000, 7001],
        "perturbations": ["push=0.5"],
        "planner": {"candidates": 8},
        "metrics": {"raw_return": interval, "latency_ms": {"p50": 12.4, "p99": 30.0}},
        "baselines": {"random": {"raw_return": interval}},
    }

    def case(rng: Random) -> None:
        path = folder / "result.json"
        path.write_text(json.dumps(mutate_json(rng, valid)))
        value = read_result(path)
        result_table(value, "source", {})
        headlines(value)

    return case


def export(folder: Path) -> Case:
    """An exported planner: its metadata, and its files, most of them with fitting checksums."""
    from dfplan.agent import Agent
    from dfplan.export import load
    from dfplan.export.exported import file_checksum
    from dfplan.export.write import export as write
    from dfplan.runs.resolve import resolve_run

    resolved = resolve_run(str(pretrained()))
    agent = Agent.from_run(resolved.run, resolved.load_weights())
    write(resolved.run, agent.weights, folder / "valid", platforms=("cpu",))
    valid = json.loads((folder / "valid" / "export.json").read_text())
    names = sorted(valid["files"])

    def case(rng: Random) -> None:
        copy = folder / "copy"
        shutil.copytree(folder / "valid", copy, dirs_exist_ok=True)
        metadata = json.loads(json.dumps(valid))
        name = rng.choice(names)
        kind = rng.randrange(4)
        if kind == 0:
            metadata = mutate_json(rng, valid)
        elif kind == 1 and name.endswith(".npz"):
            np.savez(copy / name, **mutate_arrays(rng, dict(np.load(copy / name))))
        else:
            (copy / name).write_bytes(mutate_bytes(rng, (copy / name).read_bytes()))
        if kind != 0 and rng.random() < 0.9:
            metadata["files"][name] = file_checksum(copy / name)
        (copy / "export.json").write_text(json.dumps(metadata))
        load(copy)

    return case


def minari(folder: Path) -> Case:
    """A Minari dataset of many short episodes: its metadata and HDF5 file, read as for training."""
    from dfplan.data.importers.formats import read_files
    from dfplan.data.importers.write import ImportOptions, write_episodes
    from dfplan.data.minari_io import load_trajectories

    os.environ["MINARI_DATASETS_PATH"] = str(folder / "datasets")
    (folder / "datasets").mkdir()
    np.savez(folder / "source.npz", **columns(episodes=40, rows=5))
    episodes = read_files("numpy", [folder / "source.npz"])
    write_episodes(episodes, "fuzz/walk-v0", ImportOptions(), description="walks")
    content = {p: p.read_bytes() for p in (folder / "datasets").rglob("*") if p.is_file()}

    def case(rng: Random) -> None:
        path = rng.choice([p for p in content if "walk-v0" in p.parts])
        damaged = mutate_bytes(rng, content[path])
        if path.suffix == ".json" and rng.random() < 0.7:
            damaged = json.dumps(mutate_json(rng, json.loads(content[path]))).encode()
        path.write_bytes(damaged)
        try:
            load_trajectories("fuzz/walk-v0", rewards=rng.random() < 0.5)
        finally:
            path.write_bytes(content[path])

    return case


COMMANDS = (
    ("train", "pointmaze-umaze", "--dataset", "none-v0", "--out", "new"),
    ("eval", "RUN", "--env", "None-v0"),
    ("plan", "RUN", "--start", "1"),
    ("info", "nowhere"),
    ("collect", "--env", "None-v0", "--dataset", "new-v0"),
    ("import", "nowhere", "--format", "d4rl", "--dataset", "new-v0"),
    ("export", "RUN", "--out", "new", "--batch", "0"),
    ("predict", "nowhere"),
    ("bench", "nowhere"),
    ("pack", "nowhere", "--out", "new"),
)
"""Commands that end before they do any work, however the options of a case are read."""
OPTIONS = (
    "--seed",
    "--episodes",
    "--task",
    "--env",
    "--env-kwargs",
    "--json",
    "--start",
    "--steps",
)


def command(folder: Path) -> Case:
    """The command line: an option of any name with any value."""
    from dfplan.cli import main
    from dfplan.config import Config, flatten

    os.environ["MINARI_DATASETS_PATH"] = str(folder / "datasets")  # Minari makes it when it reads
    settings = [f"--{name}" for name in flatten(Config().to_dict())]
    values = [str(value) for value in HOSTILE if "\0" not in str(value)]
    specs = ["cosine:shift=1e5", "sigmoid:start=1e5", "pyramid:slope=9e9", "ddim:eta=nan", "a:b=c"]

    def case(rng: Random) -> None:
        argv = [str(pretrained()) if arg == "RUN" else arg for arg in rng.choice(COMMANDS)]
        for _ in range(rng.choice((1, 1, 2, 3))):
            option = rng.choice(settings if rng.random() < 0.8 else OPTIONS)
            if rng.random() < 0.1:
                option = option[: rng.randrange(2, len(option))]
            argv += [option, rng.choice(values + specs)]
        output = io.StringIO()
        errors = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = main(argv)
        text = errors.getvalue().strip()
        assert code in (0, 2), (argv, code, text)
        if code == 2:
            raise UserError(text)

    return case


TARGETS: dict[str, Callable[[Path], Case]] = {
    "npz": npz,
    "hdf5": hdf5,
    "csv": csv,
    "lerobot": lerobot,
    "config": config,
    "checkpoint": checkpoint,
    "critic": critic,
    "result": result,
    "export": export,
    "minari": minari,
    "command": command,
}
