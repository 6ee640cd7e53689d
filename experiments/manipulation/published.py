"""Published results on OGBench's manipulation suite, in percent of successful episodes."""

SOURCE = "OGBench, arXiv 2410.20092, table 2"
BASELINES: dict[str, dict[str, float]] = {
    "GCBC": {"cube-single-play": 6},
    "GCIVL": {"cube-single-play": 53},
    "GCIQL": {"cube-single-play": 68},
    "QRL": {"cube-single-play": 5},
    "CRL": {"cube-single-play": 19},
    "HIQL": {"cube-single-play": 15},
}
"""Results by method and by the task's name without "ogbench-"; trained on a million steps."""
