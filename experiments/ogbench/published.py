"""Published results on OGBench's mazes, in percent of successful episodes."""

from typing import NamedTuple


class Published(NamedTuple):
    """A method's results, by the task's name without "ogbench-".

    Attributes:
        method: Name of the method.
        source: Paper that states the numbers.
        results: Success in percent.
    """

    method: str
    source: str
    results: dict[str, float]


def _row(robot: str, kind: str, **results: float) -> dict[str, float]:
    return {f"{robot}-{size}-{kind}": value for size, value in results.items()}


BASELINES = Published(
    "best of GCBC, GCIVL, GCIQL, QRL, CRL, HIQL",
    "OGBench, arXiv 2410.20092, table 2",
    {
        **_row("pointmaze", "navigate", medium=82, large=86, giant=68, teleport=45),
        **_row("pointmaze", "stitch", medium=80, large=84, giant=50, teleport=44),
        **_row("antmaze", "navigate", medium=96, large=91, giant=65, teleport=53),
        **_row("antmaze", "stitch", medium=94, large=67, giant=2, teleport=39),
        **_row("antmaze", "explore", medium=37, large=10, teleport=34),
    },
)
DIFFUSION_FORCING = Published(
    "Diffusion Forcing",
    "as reported by HorizonFlow, jh2525.github.io/HorizonFlow",
    {
        **_row("pointmaze", "navigate", medium=82, large=60, giant=52),
        **_row("antmaze", "navigate", medium=32, large=4, giant=0),
    },
)
PLANNERS = Published(
    "best published planner",
    "HorizonFlow (navigate); ALPS, arXiv 2602.05031, and TTGS, arXiv 2510.07257 (point, stitch); "
    "GAS (ant, stitch and explore)",
    {
        **_row("pointmaze", "navigate", medium=100, large=99.8, giant=97.1),
        **_row("pointmaze", "stitch", medium=44, large=96, giant=98, teleport=13),
        **_row("antmaze", "navigate", medium=97.3, large=93.3, giant=86.5),
        **_row("antmaze", "stitch", medium=98.1, large=96.3, giant=88.3),
        **_row("antmaze", "explore", large=94.2),
    },
)
PUBLISHED = (BASELINES, DIFFUSION_FORCING, PLANNERS)
