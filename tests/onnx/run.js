// Run what tests/onnx/export.c wrote in ONNX Runtime and compare with the engine's numbers.
//
//     node run.js FOLDER-OF-CASES FOLDER-WITH-node_modules
//
// A line per case: largest error in ULP and where, largest absolute error, and that in units of float32's
// epsilon times max(|y|, S), S being the largest |y| for |x| <= 1, or 1 for rows: "eps". Judged are:
//   exact   doubles inside: at most 1 ULP, infinities and NaNs where they belong
//   named   the runtime's own float32 kernels: at most 4 eps; ULPs are told, not judged
// What cannot keep that stands in KNOWN with its reason and a bound of its own. Last line:
// "N passed, N failed".
'use strict';
const fs = require('fs');
const path = require('path');

const [cases, modules] = process.argv.slice(2);
const ort = require(path.join(path.resolve(modules), 'node_modules', 'onnxruntime-node'));
const EPS = 2 ** -23;

// What is beyond the rule: form, what it is, then eps, abs: bounds; odd: so many infinities or NaNs may
// differ; below: |x| from there on is not judged.
const KNOWN = [
  ['named', /^(threshold|hard_shrink|soft_shrink)/, { odd: 1 }, 'a NaN becomes 0: in ONNX these are comparisons'],
  ['named', /^(softsign|leaky_relu alpha=0$|prelu alpha=0$)/, { odd: 2 }, 'inf/inf, 0*inf'],
  ['named', /^(hard_swish|gelu|mish)$/, { odd: 1 }, '-inf*0 at -inf'],
  ['named', /^gelu_tanh/, { odd: 1, eps: 6 }, '1 + tanh cancels on the left; -inf*0 at -inf'],
  ['named', /^(silu|swish|quick_gelu)/, { odd: 2, eps: 40 }, 'x times an error of sigmoid; -inf*0 at -inf'],
  ['named', /^hard_sigmoid beta=16$/, { eps: 6 }, 'the slope is rounded to float32, x is -96'],
  ['named', /^celu alpha=31$/, { eps: 16 }, 'exp(x/31) - 1 in float32, times 31'],
  ['exact', /^hard_sigmoid alpha=0.0166667$/, { abs: 1e-16 }, 'terms cancel at a place that parameters make'],
  ['exact', /^(srelu t_left=1|apl a2=1)$/, { abs: 1e-16 }, 'terms cancel at a place that parameters make'],
  ['exact', /^apl a2=0.2$/, { abs: 0.21 }, '0.2*(b2 - x) - 0.2*(b1 - x) far from 0'],
  ['exact', /^xielu beta=0$/, { abs: 2e-21 }, 'expm1(x) - x at 0'],
  ['exact', /^(sin|cos|sinc) omega=0.6$/, { below: 2 ** 22 }, 'omega*x is rounded'],
  ['exact', /^log_softmax/, { abs: 2.3e-16 }, 'the runtime has no log1p: results near 0 are off'],
  ['exact', /^(selu lambda=0|e_swish beta=0)$/, { odd: 1 }, '0*inf: NaN in the kernel, its limit 0 in the formula'],
  ['exact', /^expm1\(x\/3\)\*sech\(x\/4\)$/, { odd: 400 }, 'inf*0 where exponentials leave doubles'],
];

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

function sizeNearZero(x, want) {
  let size = 0;
  for (let i = 0; i < want.length; i++) if (Math.abs(x[i]) <= 1) size = Math.max(size, Math.abs(want[i]));
  return size;
}

// x: where the numbers belong to; undefined for rows, which are told by their index
function compare(x, want, got, below) {
  const r = { ulp: 0, at: 0, abs: 0, eps: 0, odd: 0, oddAt: '' };
  const size = x ? sizeNearZero(x, want) : 1;
  for (let i = 0; i < want.length; i++) {
    const w = want[i], g = got[i];
    if (Object.is(w, g) || w === g || (x && Math.abs(x[i]) >= below && Number.isFinite(x[i]))) continue;
    if (!Number.isFinite(w) || !Number.isFinite(g)) {
      if (!r.odd++) r.oddAt = `${x ? x[i] : i}: ${w} is wanted, ${g} comes`;
      continue;
    }
    const ulp = Math.abs(order(w) - order(g)), abs = Math.abs(w - g);
    if (ulp > r.ulp) [r.ulp, r.at] = [ulp, x ? x[i] : i];
    r.abs = Math.max(r.abs, abs);
    r.eps = Math.max(r.eps, abs / Math.max(Math.abs(w), size) / EPS);
  }
  return r;
}

// what is wrong, or nothing
function judge(form, r, may) {
  if (r.odd > may.odd) return `${r.odd} infinities or NaNs differ, at ${r.oddAt}`;
  if (form === 'named' && r.eps > may.eps) return `more than ${may.eps} eps`;
  if (form === 'exact' && r.ulp > 1 && r.abs > may.abs) return 'more than 1 ULP';
  return '';
}

async function run(c) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(path.join(cases, `${c.number}.onnx`), options);
  const x = floats(`${c.number}.x`), want = floats(`${c.number}.y`);
  const { y } = await session.run({ x: new ort.Tensor('float32', x, c.vector ? [c.rows, c.len] : [c.len]) });
  await session.release();
  const dims = c.vector ? [c.rows, c.out] : [c.out];
  if (String(y.dims) !== String(dims)) throw new Error(`shape ${y.dims}, expected ${dims}`);
  return compare(c.vector ? undefined : x, want, y.data, c.may.below);
}

function read(line) {
  const [number, what, form, vector, rows, len, out] = line.split('\t');
  const known = KNOWN.find(([f, name]) => f === form && name.test(what));
  const may = { eps: 4, abs: 0, odd: 0, below: Infinity, ...(known && known[2]) };
  return { number, what, form, vector: +vector, rows: +rows, len: +len, out: +out, may, why: known && known[3] };
}

(async () => {
  let passed = 0, failed = 0;
  const off = [], allowed = [];
  for (const c of fs.readFileSync(path.join(cases, 'cases.tsv'), 'utf8').trim().split('\n').map(read)) {
    let verdict = '', figures = '';
    try {
      const r = await run(c);
      verdict = judge(c.form, r, c.may);
      figures = `${String(r.ulp).padStart(10)} ulp at ${String(r.at).padEnd(23)} abs ${r.abs.toExponential(1).padEnd(8)} eps ${r.eps.toFixed(2)}`;
      const told = `${c.what.slice(0, 40).padEnd(40)} ${c.form} ${figures}${r.odd ? `  ${r.odd} odd, at ${r.oddAt}` : ''}`;
      if (c.why) allowed.push(`${told}  (${c.why})`);
      if (c.form === 'named' && r.ulp > 4) off.push(told);
    } catch (e) {
      verdict = String(e.message || e).split('\n')[0];
    }
    if (verdict) failed++; else passed++;
    console.log(`${c.what.slice(0, 40).padEnd(40)} ${c.form} ${figures}${verdict ? '  FAILED: ' + verdict : ''}`);
  }
  console.log('\nOperators whose float32 kernels are off by more than 4 ULP somewhere:');
  off.forEach((line) => console.log('  ' + line));
  console.log('\nJudged by a bound of their own:');
  allowed.forEach((line) => console.log('  ' + line));
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
