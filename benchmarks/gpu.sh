#!/usr/bin/env bash
# On a GPU: images a second, and networks of two and three dimensions trained side by side.
#
#   bash benchmarks/gpu.sh check            what it computes on, and two tiny speeds, also without a GPU
#   bash benchmarks/gpu.sh speed            images a second, seven settings
#   bash benchmarks/gpu.sh study 6          the study `dimensions`, so many minutes a training
#
# A part that fails does not stop the next one; its last lines are shown, and the exit status is 1.
# Lines of JSON, tables and logs go to $OUT (benchmarks/gpu). $KERAS_BACKEND (jax) and $PYTHON (python)
# may be set. What was compiled once is kept in $JAX_COMPILATION_CACHE_DIR.
set -u
cd "$(dirname "$0")/.." || exit
export KERAS_BACKEND=${KERAS_BACKEND:-jax}
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-${TMPDIR:-/tmp}/slicewise-jax-$(id -u)}
export JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS=0
python=${PYTHON:-python}
out=${OUT:-benchmarks/gpu}
failed=0
mkdir -p "$out" || exit

part() {  # NAME COMMAND…: run it with a log
    local name=$1
    shift
    "$@" >"$out/$name.log" 2>&1 && return
    failed=1
    echo "$name failed, $out/$name.log ends:"
    tail -n 5 "$out/$name.log"
    return 1
}

speed() {  # NAME OPTIONS…: a line of JSON more
    local name=$1
    shift
    part "speed-$name" "$python" benchmarks/train_throughput.py --only train bare "$@" || return
    tail -n 1 "$out/speed-$name.log" | tee -a "$out/speed.jsonl"
}

case "${1:-}" in
check)
    part machine "$python" -c 'from slicewise.network import backend
print(backend.gpu_name() or "no GPU", backend.versions())' && cat "$out/machine.log"
    speed tiny --size 32 --filters 8 16 --batch 4 --steps 3 --blocks 2
    speed tiny-volume --size 32 --filters 2 4 --batch 1 --block 8 --steps 2 --blocks 2
    ;;
speed)
    volume=(--size 64 --batch 4 --block 48)
    speed 256x32 --size 256 --batch 32 --steps 40
    speed 512x16 --size 512 --batch 16 --steps 20
    speed volume "${volume[@]}" --filters 16 32 64 128 --steps 20
    speed 256x64 --size 256 --batch 64 --steps 20
    speed 64x32 --size 64 --batch 32 --filters 16 32 64 128 256 --steps 100
    speed volume-wide "${volume[@]}" --filters 32 64 128 256 --steps 20
    speed 256x10 --size 256 --batch 10 --steps 60
    ;;
study)
    part study "$python" benchmarks/study.py dimensions --configfile config/msd_hippocampus.yaml \
        --minutes "${2:-6}" --folds 3 --tested --at-once 12 --page "$out/study.md" &&
        { cat "$out/study.md" || failed=1; }
    ;;
*)
    sed -n '2,6p' "$0" >&2
    exit 2
    ;;
esac
exit $failed
