/* bind.h - between bind.c and the files that bind formulas, names of other frameworks and what is
 * learned.
 * Private to engine/activation. */
#ifndef AX_ACTIVATION_BIND_H
#define AX_ACTIVATION_BIND_H

#include "activation/activation.h"

/* The row with its default parameters. */
ax_act ax_act_bound(const ax_act_row *row);

/* What "keras" calls "leaky_relu", with its defaults. AX_ENOTFOUND with the nearest name. */
int ax_act_by_dialect(const char *dialect, const char *name, ax_act *out, ax_err *err);

/* ["beta"] to bits of *learned; p ends with a NULL name. row: one of the catalogue, whose
 * parameters may be learned where they say so; NULL: the parameters are a formula's. */
int ax_act_learned_names(const cJSON *list, const ax_act_row *row, const ax_act_param *p,
                         unsigned *learned, ax_err *err);
/* "learnable":["beta"] of a row of the catalogue. */
int ax_act_learn(ax_act *a, const cJSON *list, ax_arena *arena, ax_err *err);
/* The names of what is learned: ["beta"]. */
cJSON *ax_act_learned_to_json(const ax_act *a);

/* {"formula":...} to an activation whose row is in the arena, and back. */
int ax_act_formula_from_json(const cJSON *json, ax_arena *arena, ax_act *out, ax_err *err);
cJSON *ax_act_formula_to_json(const ax_act *a);

#endif
