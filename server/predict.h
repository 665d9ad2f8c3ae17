/* predict.h - what the two halves of a prediction share: reading the request, writing the answer.
 */
#ifndef SERVER_PREDICT_H
#define SERVER_PREDICT_H

#include "batcher.h"
#include "repository.h"
#include "wire.h"

typedef struct predict {
    request *r;
    served *model; /* a reference                           */
    wire_request args;
    ticket ticket;
} predict;

/* The options in the URL, into p->args. 0, or -1 with why. */
int predict_query(predict *p, problem *why);

/* How many classes the output of a model tells apart, one number from a sigmoid two; 0 when it says
 * no classes. */
int64_t predict_classes(const ax_model_info *m);

/* The ticket is done: write r->out and the headers. 0 with *type, or -1 with r->why. */
int predict_render(predict *p, const char **type);

#endif
