/* bind.h - between bind.c and the files that bind formulas and names of other frameworks.
 * Private to engine/activation. */
#ifndef AX_ACTIVATION_BIND_H
#define AX_ACTIVATION_BIND_H

#include "activation/activation.h"

/* The row with its default parameters. */
ax_act ax_act_bound(const ax_act_row *row);

/* What "keras" calls "leaky_relu", with its defaults. AX_ENOTFOUND with the nearest name. */
int ax_act_by_dialect(const char *dialect, const char *name, ax_act *out, ax_err *err);

/* {"formula":...} to an activation whose row is in the arena, and back. */
int ax_act_formula_from_json(const cJSON *json, ax_arena *arena, ax_act *out, ax_err *err);
cJSON *ax_act_formula_to_json(const ax_act *a);

#endif
