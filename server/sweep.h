/* sweep.h - one training spec that stands for many: "sweep" lists values of fields, and each
 * combination is a training of its own.
 *
 *     "sweep": {"activation": ["relu", "gelu", {"formula": "x*sigmoid(x)"}],
 *               "optimizer.learning_rate": [1e-3, 1e-2], "seed": [1, 2, 3]}
 *
 * A key is the path of a field in the spec, as errors name it ("model.layers[0].units");
 * "activation" is that of every layer but the last that names one. What differs by nothing but
 * "seed" is one setting, whose runs are averaged. Works on texts and trees alone. Thread-safe. */
#ifndef SERVER_SWEEP_H
#define SERVER_SWEEP_H

#include "axon.h"

enum { SWEEP_RUNS = 256, SWEEP_AXES = 8 };

/* The number of runs of a spec: 0 when it has no "sweep". -1 with the place in err: no list, an
 * empty one, a value twice, more than SWEEP_RUNS. */
int sweep_count(const cJSON *spec, ax_err *err);

/* Run i, 0 <= i < count; the last key turns fastest. A new spec without "sweep" and "publish", and
 * in *values an object of what was chosen; the caller frees both with cJSON_Delete. NULL with err.
 */
cJSON *sweep_spec(const cJSON *spec, int i, cJSON **values, ax_err *err);

/* Do two runs differ by their seed at most? By their numbers. */
int sweep_same_setting(const cJSON *spec, int a, int b);

#endif
