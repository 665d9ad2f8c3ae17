#!/bin/sh
# Write every activation as ONNX models, run them in ONNX Runtime, compare the numbers.
#
# The runtime is the npm package onnxruntime-node, which brings its library for the CPU; it is put
# into build/onnx and never runs a script of its own.
set -eu
cd "$(dirname "$0")/.."
work=${BUILD:-build}/onnx

if ! command -v npm >/dev/null; then
    ./deps.sh nodejs npm
fi
mkdir -p "$work"
if [ ! -d "$work/node_modules/onnxruntime-node" ]; then
    [ -e "$work/package.json" ] || echo '{"private": true}' >"$work/package.json"
    npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --silent onnxruntime-node
fi
rm -rf "$work/cases"
mkdir -p "$work/cases"
"${BUILD:-build}/onnx-export" "$work/cases"
exec node tests/onnx/run.js "$work/cases" "$work"
