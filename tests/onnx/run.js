// Run what tests/onnx/export.c wrote in ONNX Runtime and compare with the engine's numbers.
//
//     node run.js FOLDER-OF-CASES FOLDER-WITH-node_modules
//
// A line per case: largest error in ULP and where, largest absolute error, largest error against
// max(|y|, min(|x|, 1)) in units of float32's epsilon: "scaled". What is judged:
//   exact   doubles inside: within 1 ULP, the same infinities and NaNs
//   named   the runtime's own float32 kernels: scaled error at most NAMED
// Last line: "N passed, N failed".
'use strict';
const fs = require('fs');
const path = require('path');

const [cases, modules] = process.argv.slice(2);
const ort = require(path.join(path.resolve(modules), 'node_modules', 'onnxruntime-node'));

const EPS = 2 ** -23;
const NAMED = 4;

const floats = (file) => {
  const b = fs.readFileSync(path.join(cases, file));
  return new Float32Array(b.buffer.slice(b.byteOffset, b.byteOffset + b.length));
};

// the number of a float32 in their order; both zeros are 0
const scratch = new DataView(new ArrayBuffer(4));
const order = (v) => {
  scratch.setFloat32(0, v);
  const i = scratch.getInt32(0);
  return i < 0 ? -(i & 0x7fffffff) : i;
};

function compare(x, want, got, vector) {
  const r = { ulp: 0, at: 0, abs: 0, scaled: 0, odd: 0, oddAt: undefined, n: want.length };
  for (let i = 0; i < want.length; i++) {
    const w = want[i], g = got[i];
    if (Object.is(w, g) || w === g) continue;
    if (Number.isNaN(w) || Number.isNaN(g) || !Number.isFinite(w) || !Number.isFinite(g)) {
      if (!r.odd++) r.oddAt = `${vector ? i : x[i]}: ${w} is wanted, ${g} comes`;
      continue;
    }
    const ulp = Math.abs(order(w) - order(g)), abs = Math.abs(w - g);
    const scale = Math.max(Math.abs(w), vector ? 1 : Math.min(Math.abs(x[i]), 1));
    if (ulp > r.ulp) [r.ulp, r.at] = [ulp, vector ? i : x[i]];
    r.abs = Math.max(r.abs, abs);
    r.scaled = Math.max(r.scaled, abs / scale / EPS);
  }
  return r;
}

async function run(number, rows, len) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(path.join(cases, `${number}.onnx`), options);
  const x = floats(`${number}.x`);
  const { y } = await session.run({ x: new ort.Tensor('float32', x, rows ? [rows, len] : [len]) });
  await session.release();
  return [x, y];
}

(async () => {
  let passed = 0, failed = 0;
  const off = [];
  for (const line of fs.readFileSync(path.join(cases, 'cases.tsv'), 'utf8').trim().split('\n')) {
    const [number, what, form, vector, rows, len, out] = line.split('\t').map((v, i) => (i > 2 ? +v : v));
    const want = floats(`${number}.y`);
    let r, verdict;
    try {
      const [x, y] = await run(number, vector ? rows : 0, len);
      const dims = vector ? [rows, out] : [out];
      r = compare(x, want, y.data, vector);
      if (String(y.dims) !== String(dims)) verdict = `shape ${y.dims}, expected ${dims}`;
      else if (r.odd) verdict = `${r.odd} infinities or NaNs differ: ${r.oddAt}`;
      else if (form === 'exact' && r.ulp > 1) verdict = 'more than 1 ULP';
      else if (form === 'named' && r.scaled > NAMED) verdict = `more than ${NAMED} eps`;
    } catch (e) {
      verdict = String(e.message || e).split('\n')[0];
    }
    if (verdict) failed++; else passed++;
    if (r && form === 'named' && r.ulp > 4) off.push([what, r]);
    const figures = r ? `${String(r.ulp).padStart(10)} ulp at ${String(r.at).padEnd(24)} abs ${r.abs.toExponential(1)}  scaled ${r.scaled.toFixed(2)}` : '';
    console.log(`${what.slice(0, 44).padEnd(44)} ${form} ${figures} ${verdict ? 'FAILED: ' + verdict : ''}`);
  }
  console.log('\nThe float32 kernels of ONNX Runtime that are off by more than 4 ULP somewhere:');
  for (const [what, r] of off) console.log(`  ${what.padEnd(44)} ${r.ulp} ULP at ${r.at}, abs ${r.abs.toExponential(1)}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
