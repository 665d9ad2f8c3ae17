#!/bin/sh
# Real tables learned through the server, beside scikit-learn (Debian: python3-sklearn): iris, wine and
# breast cancer, which that package brings.
#   bench/tables.sh [SPLITS] [SEEDS]
# For each of SPLITS (5, at least 2) ways to part the rows, the rows to learn from are PUT as CSV, trained by
# POST /train with "normalize", and the others predicted raw, by POST /predict; scikit-learn's MLPClassifier
# gets the same rows, standardised by its own StandardScaler, the same hidden layer, initializer, batches,
# epochs, optimizer and learning rate; all of it from each of SEEDS (1) seeds. axond is measured with its own
# (the default) initializer, too.
# Prints the shares of right answers and, over the splits, the mean difference to scikit-learn with its
# standard error: where it is within two of them, nothing has been shown.
set -eu
splits=${1:-5} seeds=${2:-1}
dir=$(dirname "$0")
place=$(mktemp -d)
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$place"' EXIT
mkdir "$place/models"
build/axond serve --listen 127.0.0.1:0 --models "$place/models" --state "$place/state" --job-nice 0 --job-threads 1 \
    2>"$place/log" &
server=$!
for i in $(seq 100); do
    url=$(sed -n 's/.* ready message="\(http:[^ ]*\).*/\1/p' "$place/log")
    [ -n "$url" ] && break
    sleep 0.1
done
OPENBLAS_NUM_THREADS=1 /usr/bin/python3 "$dir/tables.py" "$url" "$splits" "$seeds"
