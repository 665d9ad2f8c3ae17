/* dataset.h - samples in memory, ready to be drawn: from a name, from files, or from the spec.
 *
 * Pictures stay bytes until a batch is made of them. Targets are class numbers or rows of floats.
 * A data set is read-only once loaded. */
#ifndef AX_TRAIN_DATASET_H
#define AX_TRAIN_DATASET_H

#include <cjson/cJSON.h>

#include "base/rng.h"
#include "math/tensor.h"

typedef struct ax_samples {
    int64_t n;
    const void *x; /* (n, x_shape) of x_type       */
    const int32_t *classes; /* (n), or NULL        */
    const float *y;         /* (n, y_shape) when classes is NULL */
} ax_samples;

/* A column of a table that is not the label: one feature, or one per value of a text. */
typedef struct ax_table_column {
    const char *name;
    int64_t first;       /* its first feature                                         */
    const char **values; /* of a text, in byte order; NULL: a number                  */
    int n_values;        /* 0: a number                                               */
    int64_t missing;     /* so many values were missing                               */
    double fill;         /* what stands in their place: a number, or a place in values */
} ax_table_column;

typedef struct ax_dataset {
    const char *kind; /* "csv", "npz", "safetensors", "idx", "inline" */
    ax_dtype x_type; /* AX_U8 or AX_F32 */
    ax_shape x_shape, y_shape; /* of one sample */
    int n_classes;             /* 0 when targets are floats */
    const char **labels;       /* class names where the source has them, else NULL */
    int strings;               /* targets came as labels: a class number is a place in `labels` */
    ax_samples train, test;    /* test.n is 0 when the source has none */
    const char *label;         /* of a table, else NULL */
    ax_table_column *columns;  /* the same */
    int n_columns;
    ax_arena arena;
    void *owned[8]; /* malloc'ed arrays behind the samples */
    int n_owned;
} ax_dataset;

/* source: "fashion-mnist" | {"x":[[...]],"y":[...]} | {"csv":PATH,"label":COLUMN,"header":BOOL,
 * "missing":"refuse"|"mean"|"median"|"most_frequent"} | {"npz":PATH} | {"safetensors":PATH} |
 * {"idx":[IMAGES,LABELS]} (with "test_idx" too); see docs/model-format.md. Paths are taken only when
 * `allow_paths`. data_dir: where named sets are looked for first, as NAME/set.json,
 * {"source":{"csv":FILE,...}}, whose files are in its folder; may be NULL.
 * -1 with the place in the source in err->at. The caller frees with ax_dataset_free(). */
int ax_dataset_load(ax_dataset *d, const cJSON *source, const char *data_dir, int allow_paths, ax_err *err);
void ax_dataset_free(ax_dataset *d);

/* Of a table: the names of its features, in their order, and what was filled in, by column. NULL where
 * there is none, or no memory (*failed). The caller frees. */
cJSON *ax_dataset_features(const ax_dataset *d, int *failed);
cJSON *ax_dataset_imputed(const ax_dataset *d, int *failed);

typedef struct ax_augment {
    int flip;  /* mirror left-right, half of the time    */
    int shift; /* move by up to this many pixels, zeros come in */
} ax_augment;

/* Sample i of s as floats into out. With a (pictures (c,h,w) only), changed by random numbers
 * number `draw` of the stream. Thread-safe. */
void ax_sample_fetch(const ax_dataset *d, const ax_samples *s, int64_t i, const ax_augment *a,
                     ax_rng rng, uint64_t draw, float *out);

#endif
