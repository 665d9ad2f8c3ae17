#!/bin/sh
# Training speed beside PyTorch (Debian: python3-torch) on the same cores, in turns.
#   bench/train.sh SPEC.json [ROUNDS] [STEPS of PyTorch]
# Takes one epoch of SPEC and prints samples per second of each round and, of the medians, ours over
# PyTorch's better thread setting. Settings that hold OpenBLAS to an older processor are removed for both.
set -eu
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
spec=$1 rounds=${2:-3} steps=${3:-100} cores=$(nproc)
dir=$(dirname "$0")
log=$(mktemp) short=$(mktemp)
trap 'rm -f "$log" "$short"' EXIT
sed 's/"epochs": *[0-9]*/"epochs": 1/' "$spec" >"$short"
i=0
while [ $i -lt "$rounds" ]; do
    ours=$(build/bench/train "$short" "$cores")
    one=$(/usr/bin/python3 "$dir/train_torch.py" "$spec" 1 "$steps")
    all=$(/usr/bin/python3 "$dir/train_torch.py" "$spec" "$cores" "$steps")
    echo "$ours $one $all" | tee -a "$log" | awk '{printf "axond %s  torch 1 thread %s  torch all cores %s\n", $1, $2, $3}'
    i=$((i + 1))
done
median() { cut -d' ' -f"$1" "$log" | sort -n | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }
awk -v a="$(median 1)" -v b="$(median 2)" -v c="$(median 3)" 'BEGIN {
    best = b > c ? b : c; printf "medians: axond %d, torch %d (best setting): ratio %.2f\n", a, best, a / best }'
