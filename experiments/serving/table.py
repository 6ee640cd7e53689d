"""The tables of the README, and its figure."""

from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from experiments.common import records
from experiments.common.figures import new_figure, save_figure
from experiments.common.markdown import EMPTY, cell, number, table
from experiments.common.pages import fill_readme
from experiments.serving.study import HERE, Study

KINDS = {"server": "one server", "processes": "a process per robot"}


def write_table(study: Study) -> None:
    """Write the tables of what is measured so far to the README, print them, and draw it."""
    sections = {
        "score": score_table(study),
        "load": load_table(study),
        "faults": faults_table(study),
        "restarts": restarts_table(study),
    }
    fill_readme(study.pages, HERE / "README.md", sections)
    for text in sections.values():
        console.print(text)
    draw(study)


def score_table(study: Study) -> str:
    """Return the scores of `dfplan eval` and of the server as Markdown."""
    reference = records.read(study.results / "score-eval.json")
    rows = []
    for name, record in {"`dfplan eval`": reference, **_server_scores(study)}.items():
        if record is not None:
            metrics = record["metrics"]
            scores = [cell(metrics["normalized_score"], 2), cell(metrics["raw_return"], 2)]
            equal = EMPTY
            if reference is not None:
                equal = f"{np.mean(np.equal(record['returns'], reference['returns'])):.0%}"
            rows.append([name, str(len(record["returns"])), *scores, equal])
    header = ["driven by", "episodes", "normalized score", "return", "episodes equal to eval's"]
    return table(header, rows)


def _server_scores(study: Study) -> dict[str, dict[str, Any] | None]:
    return {
        f"openpi's client, {execute} of each chunk": records.read(
            study.results / f"score-server-{execute}.json"
        )
        for execute in study.execute
    }


def load_table(study: Study) -> str:
    """Return the latencies under load as Markdown."""
    rows = []
    for execute in study.execute:
        for count in study.robots:
            for kind, label in KINDS.items():
                record = records.read(_load_file(study, kind, execute, count))
                if record is not None:
                    rows.append([str(execute), str(count), label, *_load_cells(record)])
    header = ["actions executed of each chunk", "robots", "planning in", "p50, ms", "p99, ms"]
    header += ["missed, %", "errors", "cores", "memory, MB", "other programs, cores"]
    return table(header, rows, (2,))


def _load_file(study: Study, kind: str, execute: int, count: int) -> Path:
    return study.results / f"load-{kind}-{execute}-{count}.json"


def _load_cells(record: dict[str, Any]) -> list[str]:
    if "left_out" in record:
        return [*[EMPTY] * 5, f"needs {record['needed_mb']:,.0f}", EMPTY]
    return [
        number(record["p50_ms"]),
        number(record["p99_ms"]),
        number(100 * record["missed"]),
        str(record["errors"]),
        number(record["cores"], 2),
        number(record["memory_mb"], 0),
        number(record["other_cores"], 2),
    ]


def faults_table(study: Study) -> str:
    """Return the robots' latencies without and with faults, and the faults, as Markdown."""
    record = records.read(study.results / "faults.json")
    if record is None:
        return ""
    rows = [
        [label, str(record["request"]["robots"]), *_phase_cells(record[phase])]
        for phase, label in {"calm": "without faults", "faults": "with faults"}.items()
    ]
    header = ["", "robots", "minutes", "requests", "p50, ms", "p99, ms", "missed, %"]
    header += ["p99 of the median robot, ms", "of the worst, ms"]
    faults = [
        [kind, str(sum(answers.values())), "; ".join(f"{a} ({n})" for a, n in answers.items())]
        for kind, answers in record["answers"].items()
    ]
    return "\n\n".join(
        [
            table(header, rows),
            f"Errors that healthy robots saw: {len(record['errors'])}.",
            table(["fault", "times", "what the server answered"], faults, (0, 2)),
        ]
    )


def _phase_cells(phase: dict[str, Any]) -> list[str]:
    quantiles = [value for value in phase["per_robot_p99_ms"] if value is not None]
    return [
        number(phase["seconds"] / 60),
        number(phase["requests"], 0),
        number(phase["p50_ms"]),
        number(phase["p99_ms"]),
        number(100 * phase["missed"]),
        number(float(np.median(quantiles)) if quantiles else None),
        number(max(quantiles, default=None)),
    ]


def restarts_table(study: Study) -> str:
    """Return what a robot saw whose server was killed again and again, as Markdown."""
    record = records.read(study.results / "restarts.json")
    if record is None:
        return ""
    steps = record["steps"]
    times = " / ".join(number(record[f"act_{name}_ms"]) for name in ("p50", "p99", "max"))
    downtime = max(record["downtime_seconds"], default=None)
    rows = [
        ["kills of the server", str(record["request"]["kills"])],
        ["connections of the robot", str(record["connections"])],
        ["control steps, none of which raised an error", number(steps, 0)],
        ["control steps that fell back, %", number(100 * record["fallbacks"] / steps)],
        ["`act`: p50 / p99 / longest, ms", times],
        ["longest time without a server, s", number(downtime)],
    ]
    return table(["", "one robot at 100 Hz"], rows)


def draw(study: Study) -> None:
    """Draw latencies over the number of robots, and every robot's p99 without and with faults."""
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    _draw_load(left, study)
    record = records.read(study.results / "faults.json")
    if record is not None:
        _draw_faults(right, record)
    save_figure(figure, study.pages / "latency.png")


def _draw_load(axes: Any, study: Study) -> None:
    execute = study.execute[0]
    for color, (kind, label) in zip(("C0", "C1"), KINDS.items(), strict=True):
        loads = [
            (count, records.read(_load_file(study, kind, execute, count))) for count in study.robots
        ]
        measured = [(count, load) for count, load in loads if load and "p50_ms" in load]
        counts = [count for count, _ in measured]
        for name, style in {"p50": "-", "p99": "--"}.items():
            values = [load[f"{name}_ms"] for _, load in measured]
            axes.plot(counts, values, style, marker=".", color=color, label=f"{label}, {name}")
    axes.set(xscale="log", yscale="log", xlabel="robots at 10 Hz", ylabel="time of a request, ms")
    axes.set_xticks(study.robots, [str(count) for count in study.robots])
    axes.minorticks_off()
    axes.legend(fontsize="small")


def _draw_faults(axes: Any, record: dict[str, Any]) -> None:
    calm = record["calm"]["per_robot_p99_ms"]
    faults = record["faults"]["per_robot_p99_ms"]
    pairs = [(c, f) for c, f in zip(calm, faults, strict=True) if c is not None and f is not None]
    axes.scatter(*zip(*pairs, strict=True), s=12)
    limit = 1.1 * max((max(pair) for pair in pairs), default=1.0)
    axes.plot([0, limit], [0, limit], color="gray", linewidth=0.8)
    axes.set(
        xlim=(0, limit),
        ylim=(0, limit),
        xlabel="p99 without faults, ms",
        ylabel="p99 with faults, ms",
        title="every healthy robot",
    )
