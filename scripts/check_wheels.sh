#!/usr/bin/env bash
# Builds both wheels, installs them in a clean environment outside the checkout, and runs the
# command line there. Usage: scripts/check_wheels.sh PYTHON (one that has `build`).
set -euo pipefail
python=$(realpath --no-symlinks "$1")
repo=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
step() { echo "wheels: $*"; }

step "build"
"$python" -m build --outdir "$work/dist" "$repo" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m build --outdir "$work/dist" "$repo/envs" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

cd "$work"
"$python" -m venv venv
install() { venv/bin/pip install --quiet --disable-pip-version-check -c "$repo/constraints.txt" "$@"; }
export MINARI_DATASETS_PATH=$work/datasets JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS=--xla_cpu_use_fusion_emitters=false
mkdir datasets

step "dfplan alone, as on a machine that only trains"
install dist/dfplan-0*.whl
venv/bin/python - <<'PYTHON'
import importlib.util, pkgutil
import dfplan

assert importlib.util.find_spec("mujoco") is None, "dfplan pulled in mujoco"
for module in pkgutil.walk_packages(dfplan.__path__, "dfplan."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:  # of the extra "serve", which is not installed here
        assert error.name in ("msgpack", "prometheus_client", "websockets"), error
PYTHON

step "dfplan and dfplan-envs: collect, train, evaluate"
install dist/dfplan_envs-*.whl
venv/bin/dfplan --help >/dev/null
venv/bin/dfplan tasks
if [ -d "$repo/envs/dfplan_envs/checkpoints/pointmaze-umaze" ]; then
  step "a planner that comes trained, without any dataset"
  venv/bin/dfplan eval pointmaze-umaze --episodes 2 --json trained.json
  grep -q '"dfplan_envs:checkpoints/pointmaze-umaze"' trained.json
fi
venv/bin/dfplan collect pointmaze-umaze --seed 0 --steps 6000
venv/bin/dfplan train pointmaze-umaze --preset small --training.steps 20 --out run
venv/bin/dfplan eval run --episodes 2 --out result
test -s result/result.json && test -s result/plans.png && test -s result/denoising.gif
step "passed"
