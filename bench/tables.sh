#!/bin/sh
# Real tables learned through the server, beside scikit-learn (Debian: python3-sklearn): iris, wine and
# breast cancer, which that package brings.
#   bench/tables.sh [SPLITS]
# For each of SPLITS (5) ways to part the rows, the rows to learn from are PUT as CSV, trained by POST /train
# with "normalize", and the others predicted raw, by POST /predict; scikit-learn's MLPClassifier gets the same
# rows, standardised by its own StandardScaler, the same hidden layer, batches, epochs and learning rate.
# Prints the share of right answers of both.
set -eu
splits=${1:-5}
dir=$(dirname "$0")
place=$(mktemp -d)
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$place"' EXIT
mkdir "$place/models"
build/axond serve --listen 127.0.0.1:0 --models "$place/models" --state "$place/state" 2>"$place/log" &
server=$!
for i in $(seq 100); do
    url=$(sed -n 's/.* ready message="\(http:[^ ]*\).*/\1/p' "$place/log")
    [ -n "$url" ] && break
    sleep 0.1
done
/usr/bin/python3 "$dir/tables.py" "$url" "$splits"
