#!/bin/sh
# Let the fuzzer loose on each target for FUZZ_SECONDS (60), from its seeds and what earlier runs
# found worth keeping (build/fuzz/corpus). T=name picks targets. A crash is kept as a file: mend it and
# put the file among the seeds.
#   tests/fuzz.sh FOLDER OF THE PROGRAMS
set -eu
failed=0
for target in "$1"/*; do
    name=$(basename "$target")
    [ -x "$target" ] && [ ! -d "$target" ] || continue
    case "$name" in *"${T:-}"*) ;; *) continue ;; esac
    corpus=build/fuzz/corpus/$name
    mkdir -p "$corpus"
    case "$name" in
    io_onnx*) # ONNX's own cases, where they are installed, have every operator
        find /usr/share/libonnx-testdata/data -name model.onnx -size -64k 2>/dev/null | while read -r f; do
            cp "$f" "$corpus/$(basename "$(dirname "$f")")"
        done
        ;;
    esac
    if "$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" \
        "$corpus" "tests/fuzz/$name.seeds" 2>"build/fuzz/$name.log"; then
        awk -v n="$name" '/number_of_executed_units/ {e = $2} END {printf "%-20s %d inputs, no failure\n", n, e}' \
            "build/fuzz/$name.log"
    else
        failed=1
        cat "build/fuzz/$name.log"
        echo "$name failed: the input is build/fuzz/$name-*"
    fi
done
exit $failed
