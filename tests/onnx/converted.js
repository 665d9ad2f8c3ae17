// Run what tests/onnx/converted.c wrote in ONNX Runtime and compare with the engine's numbers.
//
//     node converted.js FOLDER-OF-CASES FOLDER-WITH-node_modules
//
// A line per model: the largest difference, in parts of the largest number of that output; judged is that
// it is at most BOUND. Last line: "N passed, N failed".
'use strict';
const fs = require('fs');
const path = require('path');

const [cases, modules] = process.argv.slice(2);
const ort = require(path.join(path.resolve(modules), 'node_modules', 'onnxruntime-node'));
const BOUND = 1e-5;

const tensor = (t) => new ort.Tensor('float32', Float32Array.from(t.data), t.dims);

// null stands for what JSON has no number for
function difference(want, got) {
  if (String(got.dims) !== String(want.dims)) throw new Error(`shape ${got.dims}, expected ${want.dims}`);
  let largest = 0, off = 0;
  want.data.forEach((w, i) => {
    const g = got.data[i];
    if (w === null && !Number.isFinite(g)) return;
    largest = Math.max(largest, Math.abs(w));
    off = Math.max(off, Number.isFinite(g) ? Math.abs(w - g) : Infinity);
  });
  return off === 0 ? 0 : off / largest;
}

async function run(number) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(path.join(cases, `${number}.onnx`), options);
  const c = JSON.parse(fs.readFileSync(path.join(cases, `${number}.json`), 'utf8'));
  const got = await session.run(Object.fromEntries(c.inputs.map((t) => [t.name, tensor(t)])));
  await session.release();
  return Math.max(...c.outputs.map((t) => difference(t, got[t.name])));
}

(async () => {
  let passed = 0, failed = 0;
  for (const line of fs.readFileSync(path.join(cases, 'cases.tsv'), 'utf8').trim().split('\n')) {
    const [number, what] = line.split('\t');
    let verdict = '';
    try {
      const off = await run(number);
      verdict = off.toExponential(1) + (off <= BOUND ? '' : '  FAILED');
    } catch (e) {
      verdict = 'FAILED: ' + String(e.message || e).split('\n')[0];
    }
    if (verdict.includes('FAILED')) failed++; else passed++;
    console.log(`${what.padEnd(48)} ${verdict}`);
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
