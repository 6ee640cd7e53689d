"""Write the tables of docs/concepts/scale.md: python -m experiments.scale.plan."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from dfplan.cli.common import console
from dfplan.config import Config
from dfplan.data.windows import sample_batch
from dfplan.evaluation.bench import random_training_arrays
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.representation.layout import Layout as StateLayout
from dfplan.representation.tokens import TokenLayout
from dfplan.training.step import TrainSpec, abstract_state, learn
from experiments.common.markdown import fill_section, table
from experiments.scale.cost import (
    Device,
    Layout,
    Step,
    compute_seconds,
    page_bytes,
    smallest_batch,
)
from experiments.scale.synthetic import ACTIONS, LAYOUT, ROW_BYTES, STATES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "concepts" / "scale.md"
SHARDING = Path(__file__).with_name("sharding.json")
LATENCY = ROOT / "experiments" / "latency" / "latency.json"
CLOSED_LOOP = ROOT / "experiments" / "closed_loop" / "README.md"

SIZES = {
    "10 M": NetConfig(width=384, layers=5, heads=6),
    "100 M": NetConfig(width=896, layers=10, heads=14),
    "1 B": NetConfig(width=2048, layers=20, heads=32),
}
DEVICES = (8, 64, 512)
TOKENS = 65
"""A goal and 64 states."""
WINDOWS_PER_DEVICE = 32
H100 = Device(
    name="H100",
    flops=989e12,
    utilization=0.4,
    memory=80e9,
    node=8,
    inside=450e9,
    outside=50e9,
)
CHECKED = (64, 128, 256)
"""Widths at which the formulas are compared with XLA's count."""
EPISODE_STEPS = {"umaze": 300, "medium": 600, "large": 800}
RATES = (20, 50, 100)
"""Control steps per second of a robot."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compute the tables and fill them into the page."""
    parser = argparse.ArgumentParser(prog="python -m experiments.scale.plan", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="page to fill")
    parser.add_argument("--compile", action="store_true", help="check a compiled step, too")
    args = parser.parse_args(argv)
    tables = sections(compiled=args.compile)
    text = args.page.read_text()
    for name, body in tables.items():
        text = fill_section(text, name, body)
        console.print(f"{name}\n{body}\n")
    args.page.write_text(text)
    return 0


def sections(*, compiled: bool = False) -> dict[str, str]:
    """Return the tables by the names of their markers."""
    bodies = {
        "measured": measured_text(),
        "check": check_table(),
        "steps": steps_table(),
        "layouts": layouts_table(),
        "data": data_table(),
        "evaluation": evaluation_table(),
    }
    if compiled:
        bodies["compiled"] = compiled_text()
    if SHARDING.exists():
        bodies["collectives"] = collectives_table(json.loads(SHARDING.read_text()))
    return bodies


def measured_text() -> str:
    """Return what was measured on a CPU for the latencies."""
    record = json.loads(LATENCY.read_text())
    rate = record["machine"]["gemm_gflops"]
    share = 1 / record["training"]["over_floor"]
    return (
        f"On {record['machine']['cores']} CPU cores, large products run at {rate:.0f} GFLOP/s, and "
        f"a training step of the pretrained planner reaches {share:.0%} of that."
    )


def make_step(net: NetConfig, batch: int) -> Step:
    """Return the step of a network on the synthetic ant."""
    return Step(net=net, features=STATES, tokens=TOKENS, batch=batch)


def lower_step(net: NetConfig, batch: int) -> Any:
    """Return dfplan's training step for these sizes, lowered and not compiled."""
    optimizer = {"training.optimizer.name": "adamw", "training.batch_size": batch}
    config = Config(net=net).override({"data.tokens": TOKENS - 1, **optimizer})
    layout = TokenLayout.create(StateLayout(STATES, ACTIONS, LAYOUT.goal_dims), config.data)
    model = Model(layout, config.net, config.diffusion)
    spec = TrainSpec(model, config.data, config.training)

    def draw(key: jax.Array):
        arrays = random_training_arrays(model)
        return sample_batch(key, arrays, layout, config.data, batch)

    batch_shapes = jax.eval_shape(draw, jax.random.key(0))
    step = jax.jit(learn, static_argnums=0)
    return step.lower(spec, batch_shapes, abstract_state(spec), jax.random.key(0))


def check_table() -> str:
    """Compare the formulas with XLA's count of the real step."""
    rows = []
    for width in CHECKED:
        net = NetConfig(width=width, layers=4, heads=width // 32)
        counted = lower_step(net, WINDOWS_PER_DEVICE).cost_analysis()["flops"]
        formula = make_step(net, WINDOWS_PER_DEVICE).flops()
        cells = [f"{number / 1e9:,.2f}" for number in (formula, counted)]
        rows.append([str(width), *cells, f"{counted / formula:.2f}"])
    return table(("width", "formula, GFLOP", "XLA, GFLOP", "ratio"), rows)


def compiled_text() -> str:
    """Compare operations and memory with those of a compiled step."""
    net = NetConfig(width=CHECKED[1], layers=4, heads=4)
    program = lower_step(net, WINDOWS_PER_DEVICE).compile()
    step = make_step(net, WINDOWS_PER_DEVICE)
    flops = program.cost_analysis()["flops"]
    memory = program.memory_analysis().temp_size_in_bytes
    return (
        f"At width {net.width}, the step compiled for this CPU counts {flops / 1e9:.2f} GFLOP "
        f"({flops / step.flops():.2f} of the formula) and needs {memory / 1e6:.0f} MB beside its "
        f"state ({memory / step.activation_bytes():.2f} of the formula's activations)."
    )


def steps_table() -> str:
    """Return operations and bytes by size, for a window and for the training state."""
    rows = []
    for name, net in SIZES.items():
        step = make_step(net, 1)
        parameters = step.parameters()
        rows.append(
            [
                name,
                f"{net.width} × {net.layers}",
                f"{parameters / 1e6:,.1f}",
                f"{step.flops() / 1e9:,.1f}",
                f"{16 * parameters / 1e9:,.2f}",
                f"{step.activation_bytes() / 1e6:,.0f}",
                f"{step.muon_flops() / 1e12:,.1f}",
            ]
        )
    titles = (
        "size",
        "width × layers",
        "parameters, M",
        "GFLOP per window",
        "state, GB",
        "activations per window, MB",
        "Muon per step, TFLOP",
    )
    return table(titles, rows)


def layouts(devices: int) -> list[Layout]:
    """Return the layouts of a number of devices."""
    choices = [Layout("data parallel", devices, 1), Layout("FSDP", devices, devices)]
    if devices > H100.node:
        choices.append(Layout("FSDP in a node", devices, H100.node))
    return choices


def layouts_table() -> str:
    """Return bytes, times and the limit of each layout."""
    rows = []
    for name, net in SIZES.items():
        for devices in DEVICES:
            step = make_step(net, WINDOWS_PER_DEVICE * devices)
            parameters = step.parameters()
            compute = compute_seconds(step, devices, H100)
            for layout in layouts(devices):
                sending = layout.seconds(parameters, H100)
                sent = layout.fsdp_bytes(parameters) + layout.data_bytes(parameters)
                rows.append(
                    [
                        name,
                        str(devices),
                        layout.name,
                        f"{step.flops() / 1e12:,.1f}",
                        f"{layout.state_bytes(parameters) / 1e9:,.2f}",
                        f"{sent / 1e9:,.2f}",
                        f"{1000 * compute:,.1f}",
                        f"{1000 * sending:,.1f}",
                        str(smallest_batch(step, layout, H100)),
                        f"{fitting_windows(step, layout):,}",
                    ]
                )
    titles = (
        "size",
        "devices",
        "layout",
        "TFLOP per step",
        "state per device, GB",
        "sent per device, GB",
        "compute, ms",
        "send, ms",
        "windows per device to be compute-bound",
        "windows that fit",
    )
    return table(titles, rows)


def fitting_windows(step: Step, layout: Layout) -> int:
    """Return the windows per device whose activations fit beside everything else."""
    parameters = step.parameters()
    taken = layout.state_bytes(parameters) + layout.gathered_bytes(parameters)
    return max(int((H100.memory - taken) / step._replace(batch=1).activation_bytes()), 0)


def data_table() -> str:
    """Return the size of robot data by control rate, and what reading them takes."""
    rows = []
    for rate in RATES:
        hour = 3600 * rate * ROW_BYTES
        rows.append(
            [
                str(rate),
                f"{hour / 1e6:,.1f}",
                f"{hour * 1e6 / 1e12:,.1f}",
                f"{2**31 / (3600 * rate):,.0f}",
            ]
        )
    size = table(
        ("steps/s", "MB per robot hour", "TB per million hours", "hours in 2³¹ rows"),
        rows,
    )
    reading = []
    window = page_bytes(4 * STATES, TOKENS - 1) + 2 * page_bytes(4 * STATES, 1)
    window += page_bytes(4 * ACTIONS, 1)
    for name, net in SIZES.items():
        per_second = H100.flops * H100.utilization / make_step(net, 1).flops()
        reading.append(
            [
                name,
                f"{per_second:,.0f}",
                f"{per_second * window / 1e9:,.2f}",
                f"{512 * per_second * window / 1e9:,.0f}",
            ]
        )
    titles = ("size", "windows/s per device", "GB/s per device", "GB/s, 512 devices")
    return f"{size}\n\n{table(titles, reading)}"


def evaluation_table() -> str:
    """Return episodes per second and core from the measurements of the closed loop."""
    pattern = re.compile(r"\| (\w+) \| 100 \| (MuJoCo|compiled) \|.*\| ([\d,]+) \|")
    rows = []
    for maze, played, text in pattern.findall(CLOSED_LOOP.read_text()):
        episodes = int(text.replace(",", "")) / EPISODE_STEPS[maze]
        rows.append([maze, played, f"{episodes:,.1f}", f"{1e6 / episodes / 3600:,.1f}"])
    titles = ("maze", "played in", "episodes/s per core", "core hours for 10⁶ episodes")
    return table(titles, rows)


def collectives_table(record: dict[str, Any]) -> str:
    """Compare the formulas with the collectives of programs compiled for virtual devices.

    Args:
        record: Result of `experiments.scale.sharding`.
    """
    rows = []
    for row in record["layouts"]:
        if row["devices"] == 1:
            continue
        size = 4 * row["parameters"]
        results = {kind: total["bytes"] for kind, total in row["collectives"].items()}
        cells = [
            f"{results.get(kind, 0) / size:.2f}"
            for kind in ("all-gather", "all-reduce", "reduce-scatter")
        ]
        rows.append([str(row["devices"]), str(row["fsdp_devices"]), *cells])
    titles = ("devices", "fsdp", "all-gather / 4P", "all-reduce / 4P", "reduce-scatter / 4P")
    text = (
        "Results of the collectives in the step compiled for virtual devices, relative to the "
        "bytes of the parameters (`python -m experiments.scale.sharding`):"
    )
    return f"{text}\n\n{table(titles, rows)}"


if __name__ == "__main__":
    raise SystemExit(main())
