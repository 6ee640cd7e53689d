"""Export of a run's denoiser, alone, to ONNX."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

from dfplan.planner.plan import Weights
from dfplan.runs.run import Run
from dfplan.util import files
from dfplan.util.optional import import_optional


def export_denoiser(run: Run, weights: Weights, path: Path | str) -> None:
    """Write the denoiser for ONNX runtimes, with jax2onnx (the extra `onnx`).

    Inputs are `tokens` `[B, T, D]`, normalized, of any batch size, the goal token first if there is
    one, and `level` `[B, T]`, noise levels in [0, 1]. The output `clean` `[B, T, D]` is E[x0 | x].
    T is that of training; tokens that are not known yet get level 1. Sampling, normalization and
    the choice among candidates are the caller's: they draw random numbers and end early, which ONNX
    cannot express portably.

    Args:
        run: Run.
        weights: Weights of the run.
        path: Output file.

    Raises:
        UserError: If jax2onnx is not installed, or the file cannot be written.
    """
    jax2onnx = import_optional("jax2onnx", "onnx", "a denoiser in ONNX")
    model = run.model
    net = model.denoiser(weights.params)

    def clean(tokens, level):
        return model.x0(tokens, net(tokens, level), level)

    token_count = run.config.data.tokens + model.layout.has_goal
    with files.atomic_file(path) as new, _quiet():
        jax2onnx.to_onnx(
            clean,
            [("B", token_count, model.layout.features), ("B", token_count)],
            input_names=["tokens", "level"],
            output_names=["clean"],
            model_name="denoiser",
            return_mode="file",
            output_path=new,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the converter's remarks on its own constants, dozens for one network."""
    log = logging.getLogger("onnx_ir.serde")
    level_before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Explicitly requested dtype float64", UserWarning)
            yield
    finally:
        log.setLevel(level_before)
