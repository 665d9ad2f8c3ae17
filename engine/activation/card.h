/* card.h - what there is to say about an activation, as one JSON object: the server's answer, the
 * command line's, and the page of documentation come from here. */
#ifndef AX_ACTIVATION_CARD_H
#define AX_ACTIVATION_CARD_H

#include "activation/activation.h"

/* The largest errors of f, f' and f'' over all float32 inputs in ULP, with default parameters; -1
 * where it has not been measured (make ulp-exhaustive), as in vector functions and formulas. */
void ax_act_max_ulp(const ax_act_row *row, double max[3]);

/* {"name":...,"aliases":[...],"family":...,"kind":"element"|"vector","formula":...,"derivative":...,
 * "params":[{"name","default","min","max","learnable","doc"}],"range","gain","max_ulp":{...},"onnx",
 * "dialects":[{"dialect","name","defaults":{...}}],"paper","doc"}. A parameter that is not at its
 * default has a "value", too; "gain" is that of the values. What nobody knows is null. The caller
 * deletes it; NULL: no memory. Takes about a millisecond: the gain is a quadrature. Thread-safe. */
cJSON *ax_act_card(const ax_act *a);

#endif
