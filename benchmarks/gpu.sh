#!/usr/bin/env bash
# Speed on one CUDA GPU, without network: what docs/performance.md has no figures of yet.
#
#     bash benchmarks/gpu.sh [FOLDER [SECONDS]]
#
# FOLDER (gpu-results if left out) gets a JSON file of each command, and nothing else is written; what is to stay is copied to
# docs/results/performance/. All commands together end within SECONDS (450), each within 90, and one that fails or has no time left
# does not keep the others from running. PYTHON names the interpreter, which needs ganzoo and what that depends on; it and FOLDER are
# looked for from the root of the repository.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

python=${PYTHON:-python3}
folder=${1:-gpu-results}
limit=${2:-450}
most=90
failed=0

# -P: what is found in this folder alone is not installed, and has no plugins.
"$python" -P - <<'END' || exit 2
import sys
from importlib.metadata import entry_points

install = "install ganzoo first: pip install --no-deps --no-build-isolation ."
try:
    import ganzoo_workbench.throughput
    from ganzoo.launch import device_type
except ImportError as error:
    sys.exit(f"error: {error}; {install}")
if not entry_points(group="ganzoo.plugins"):
    sys.exit(f"error: ganzoo has no plugins here; {install}")
if device_type() != "cuda":
    sys.exit("error: there is no CUDA GPU that torch can compute on, and nothing else is timed here")
END
mkdir -p "$folder" || exit 2

attempt() {
    local file="$folder/$1.json" left=$((limit - SECONDS))
    shift
    printf '\n== %s (%ss) ==\n' "$*" "$SECONDS" >&2
    if ((left <= 0)); then
        echo "left out, for want of time: $*" >&2
    elif timeout -k 5 $((left < most ? left : most)) "$python" "$@" --json > "$file"; then
        return 0
    else
        echo "failed: $*" >&2
    fi
    rm -f "$file"
    failed=1
    return 1
}

bench() {
    attempt "$1" -P -m ganzoo bench "${@:2}" --steps 1500 && "$python" - "$folder/$1.json" <<'END'
import json, sys
found = json.load(open(sys.argv[1]))
for name in ("images_per_second", "turn", "parts", "flop_rate", "matrix_rate", "held_against", "utilisation", "memory"):
    print(f"  {name}: {found[name]}")
END
}

nvidia-smi --query-gpu=name,driver_version,clocks.sm,power.draw --format=csv || true
for precision in fp32 bf16; do
    for seed in 0 1 2; do
        bench "infogan-$precision-$seed" infogan --set train.precision=$precision --set train.seed=$seed
    done
    bench "infogan-shared-$precision" infogan --set train.precision=$precision --set train.share_fakes=true
    bench "dcgan-$precision" dcgan --set train.precision=$precision
    attempt "side-by-side-cuda-$precision-1" benchmarks/side_by_side.py --precision $precision --turns 100
done
attempt overhead-cuda benchmarks/overhead.py
attempt variants-cuda-fp32-1 benchmarks/variants.py --turns 100
attempt variants-cuda-bf16-1 benchmarks/variants.py --turns 100 --precision bf16
# Last and by itself: it may spend all its time on compiling.
attempt variants-cuda-fp32-1-compiled benchmarks/variants.py --turns 100 --only compiled
exit $failed
