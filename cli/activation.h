/* activation.h - what the files of `axond activation` share. */
#ifndef CLI_ACTIVATION_H
#define CLI_ACTIVATION_H

#include "cli.h"

/* An activation with what was asked about it. */
typedef struct explained {
    ax_act act;
    const char *label; /* how the user called it                              */
    float *x, *y[3];   /* x[0..n); f, f' and f'' as far as derivatives say    */
    int64_t n, out;    /* numbers in x and in each y                          */
    int derivatives;
} explained;

/* The row behind row i where families stand together, in the order of their first rows; -1 behind
 * the last one. */
int activation_next(const ax_act_row *row, int n, int i);

/* The names of the catalogue, by family. */
void activation_list(FILE *out);
/* The whole catalogue as a page of Markdown, or as JSON. -1: no memory. */
int activation_page(FILE *out);
int activation_catalog_json(FILE *out);

/* The card for people; the card with the values as JSON; the values as a table. -1: no memory. */
int activation_card(const explained *e, FILE *out);
int activation_json(const explained *e, FILE *out);
int activation_table(const explained *e, FILE *out);

#endif
