#!/bin/sh
# Activations beside a plain copy and beside PyTorch (Debian: python3-torch), 64 MiB of floats, one
# thread pinned to a core, in turns.
#   bench/activations.sh [ROUNDS]
# Of each function the best nanoseconds an element of the rounds, over those of memcpy in the same run,
# and how many times faster than PyTorch, whose output is allocated beforehand.
set -eu
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
rounds=${1:-3}
names="sigmoid tanh silu mish softplus gelu"
dir=$(dirname "$0")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
i=0
while [ $i -lt "$rounds" ]; do
    # shellcheck disable=SC2086
    taskset -c 0 build/bench/activations $names |
        awk 'NR > 2 {sub(":", "", $7); print "axond", $1, $5; print "copy", $1, $7}' | tr -d , >>"$log"
    # shellcheck disable=SC2086
    taskset -c 0 /usr/bin/python3 "$dir/activations_torch.py" $names | sed 's/^/torch /' >>"$log"
    i=$((i + 1))
done
awk -v names="$names" '
    !(($1, $2) in best) || $3 < best[$1, $2] {best[$1, $2] = $3}
    END {
        printf "%-10s %8s %8s %8s %10s %12s\n", "ns", "copy", "axond", "torch", "over copy", "torch/axond"
        n = split(names, name, " ")
        for (i = 1; i <= n; i++) {
            c = best["copy", name[i]]; a = best["axond", name[i]]; t = best["torch", name[i]]
            printf "%-10s %8.3f %8.3f %8.3f %10.2f %12.1f\n", name[i], c, a, t, a / c, t / a
        }
    }' "$log"
