"""onnx: a run's denoiser, alone, as an ONNX file."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

from dfplan.planner.plan import Weights
from dfplan.runs.run import Run
from dfplan.types import UserError, one_line
from dfplan.util.optional import import_optional


def export_denoiser(run: Run, weights: Weights, path: Path | str) -> None:
    """Write the denoiser for ONNX runtimes, with jax2onnx (the extra `onnx`).

    Inputs are `tokens` `[B, T, D]`, normalised, of any batch size, the goal's token first where
    there is one, and `level` `[B, T]`, noise levels in [0, 1]. The output `clean` `[B, T, D]` is
    E[x0 | x]. T is that of training, and tokens that are not known yet stand at level 1. Sampling,
    normalisation and choice among candidates are the caller's: they draw random numbers and end
    early, which ONNX has no portable way for.

    Raises:
        UserError: when jax2onnx is not installed, or the file cannot be written.
    """
    jax2onnx = import_optional("jax2onnx", "onnx", "a denoiser in ONNX")
    model, path = run.model, Path(path)
    net = model.denoiser(weights.params)

    def clean(tokens, level):
        return model.x0(tokens, net(tokens, level), level)

    count = run.config.data.tokens + model.layout.has_goal
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _quiet():
            jax2onnx.to_onnx(
                clean,
                [("B", count, model.layout.features), ("B", count)],
                input_names=["tokens", "level"],
                output_names=["clean"],
                model_name="denoiser",
                return_mode="file",
                output_path=path,
            )
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or one_line(error)}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the converter's remarks on its own constants, dozens for one network."""
    log = logging.getLogger("onnx_ir.serde")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Explicitly requested dtype float64", UserWarning)
            yield
    finally:
        log.setLevel(before)
