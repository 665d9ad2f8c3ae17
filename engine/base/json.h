/* json.h - strict JSON for control messages: our own check, then cJSON's tree.
 *
 * cJSON is lenient (numbers like 01, NaN, trailing commas in places) and tells errors through a
 * global. So the text is first checked against RFC 8259 here - grammar, UTF-8, depth, duplicate
 * keys, size - with line and column in the error; only then is the tree built. Big number arrays do
 * not come this way: the server's wire reader has its own path. Thread-safe. */
#ifndef AX_BASE_JSON_H
#define AX_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AX_JSON_DEPTH 64

/* Check text[0..len) for one JSON value and nothing behind it but white space. Beyond the RFC are
 * refused: a key twice in one object (however it is escaped), \u0000, numbers above the largest
 * double or of more than 63 characters, nesting beyond AX_JSON_DEPTH, texts above 2 GiB. The
 * message has line and column (in characters, from 1); err->at is left to the caller. Time is
 * O(n log n). */
int ax_json_check(const char *text, size_t len, ax_err *err);

/* Check and build; the caller frees with cJSON_Delete. NULL on failure. */
cJSON *ax_json_parse(const char *text, size_t len, ax_err *err);

/* The same of a part of text, text[from..from+len), whose errors tell the place in text. */
cJSON *ax_json_parse_part(const char *text, size_t from, size_t len, ax_err *err);

/* Fields of an object, typed. `key` absent (or o NULL): the default, and 0. Wrong type (null is
 * one) or outside [lo,hi]: -1 with err->at = key. Integers must be integral and below 2^53 in
 * magnitude: beyond, a tree of doubles no longer knows which one was written. *out is untouched on
 * failure. */
int ax_json_int(const cJSON *o, const char *key, int64_t def, int64_t lo, int64_t hi, int64_t *out,
                ax_err *err);
int ax_json_num(const cJSON *o, const char *key, double def, double lo, double hi, double *out,
                ax_err *err);
int ax_json_bool(const cJSON *o, const char *key, int def, int *out, ax_err *err);
/* Borrowed from the tree; def may be NULL. */
int ax_json_str(const cJSON *o, const char *key, const char *def, const char **out, ax_err *err);

/* Put an item into an object (under `key`), or an array (key NULL). It is taken over in any case: -1,
 * and deleted, where `to` or `item` is NULL or there is no memory. So a document is complete when no
 * call failed. */
int ax_json_put(cJSON *to, const char *key, cJSON *item);

/* The tree as text, indented where `pretty`. As cJSON prints it, except for numbers: cJSON's may lack
 * the last bit or have digits that tell nothing, these are ax_number_str(). What is not finite is
 * null. The caller frees with cJSON_free. NULL: no tree, or no memory. The tree is only read. */
char *ax_json_text(const cJSON *json, int pretty);

/* Every key of object o must be one of known[0..n); else AX_EINVAL naming the key, with the nearest
 * known one as hint. */
int ax_json_known(const cJSON *o, const char *const *known, int n, ax_err *err);

#endif
