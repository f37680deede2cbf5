#!/usr/bin/env bash
# Speed on one CUDA GPU, without network, in some five minutes: what docs/performance.md has no figures of yet.
#
#     bash benchmarks/gpu.sh [FOLDER]
#
# FOLDER (gpu-results if left out) gets a JSON file of each bench; side_by_side.py writes to
# docs/results/performance/. Every command has a limit of its own, and one that fails does not keep the others from running.
set -uo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
folder=${1:-gpu-results}
failed=0
mkdir -p "$folder"

attempt() {
    printf '\n== %s (%ss) ==\n' "$*" "$SECONDS" >&2
    timeout 90 "$@" || { echo "failed: $*" >&2; failed=1; return 1; }
}

bench() {
    local file="$folder/$1.json"
    shift
    attempt "$python" -m ganzoo bench "$@" --json > "$file" && "$python" - "$file" <<'END'
import json, sys
found = json.load(open(sys.argv[1]))
for name in ("images_per_second", "turn", "parts", "flop_rate", "matrix_rate", "utilisation", "memory"):
    print(f"  {name}: {found[name]}")
END
}

nvidia-smi --query-gpu=name,driver_version,clocks.sm,power.draw --format=csv || true
for precision in fp32 bf16; do
    for seed in 0 1 2; do
        bench "infogan-$precision-$seed" infogan --set train.precision=$precision --set train.seed=$seed --steps 1500
    done
    bench "infogan-shared-$precision" infogan --set train.precision=$precision --set train.share_fakes=true --steps 1500
    bench "dcgan-$precision" dcgan --set train.precision=$precision --steps 1500
    attempt "$python" benchmarks/side_by_side.py --precision $precision --turns 100
done
attempt "$python" benchmarks/overhead.py
attempt "$python" benchmarks/variants.py --turns 100
exit $failed
