/* train.c - how many samples a second a training spec reaches: one line with the number.
 *
 *     build/bench/train SPEC.json [THREADS]
 *
 * The clock runs over the training steps alone, not over loading, planning and writing. */
#include <stdio.h>
#include <stdlib.h>

#include "axon.h"

int main(int argc, char **argv)
{
    size_t n;
    ax_err err = {0};
    char *text = argc > 1 ? ax_file_read(argv[1], 1 << 24, &n, &err) : NULL;
    if (!text) {
        fprintf(stderr, "%s\n", argc > 1 ? err.msg : "usage: train SPEC.json [THREADS]");
        return 2;
    }
    ax_train_options o = {.spec = text, .spec_len = n, .threads = argc > 2 ? atoi(argv[2]) : 0, .allow_paths = 1};
    ax_train_result r;
    int bad = ax_train(&o, &r, &err);
    if (bad)
        fprintf(stderr, "%s at %s\n", err.msg, err.at);
    else
        printf("%.0f\n", (double)r.samples / r.seconds);
    free(text);
    return bad ? 1 : 0;
}
