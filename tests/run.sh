#!/bin/sh
# Run the test programs given and add up what cmocka reports. T=name keeps those whose path contains it.
# The last line is "N passed, N failed"; the exit status is non-zero when anything failed.
passed=0
failed=0
programs=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t in "$@"; do
    case "$t" in *"${T:-}"*) ;; *) continue ;; esac
    programs=$((programs + 1))
    start=$(date +%s.%N)
    timeout "${TEST_TIMEOUT:-600}" $RUNNER "$t" >"$log" 2>&1
    status=$?
    p=$(grep -c '^\[       OK \]' "$log")
    # cmocka names each failure twice: when it happens and in the closing list
    f=$(grep '^\[  FAILED  \] [^0-9]' "$log" | sort -u | wc -l)
    if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    passed=$((passed + p))
    failed=$((failed + f))
    printf '%-44s %4d passed %3d failed  %5.1fs\n' "${t#*tests/}" "$p" "$f" \
        "$(echo "$(date +%s.%N) - $start" | bc)"
    if [ "$f" -ne 0 ]; then cat "$log"; echo "exit status $status"; fi
done
if [ $programs -eq 0 ]; then
    echo "no test program has '${T:-}' in its path" >&2
    exit 1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
