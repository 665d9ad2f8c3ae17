#!/bin/sh
# The speed of this machine: kernels, activations, then every sample model alone and in batches, on
# one thread and on all. What holds OpenBLAS to an older processor is taken out of the environment.
set -eu
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
cd "$(dirname "$0")/.."
build/bench/kernels
build/bench/activations
for model in models/*.safetensors; do
    [ -e "$model" ] || continue
    for threads in 1 0; do
        for batch in 1 8 32; do
            build/axond bench "$model" --threads $threads --batch $batch --seconds 1
        done
    done
done
