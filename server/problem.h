/* problem.h - an answer that says no: status, word, sentence, place, expectation.
 *
 * Every refusal of the server is one of these, so clients always read the same JSON:
 * {"error":"...","code":"shape_mismatch","at":"inputs[2]","expected":784,"got":783,"hint":"..."} */
#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include "axon.h"
#include "buf.h"

typedef struct problem {
    int status;        /* HTTP; 0: no problem                              */
    int retry_after;   /* seconds for Retry-After; 0: no such header       */
    const char *code;  /* literal; NULL: the name of err.code              */
    char expected[96]; /* JSON: 784, "a number", [1,28,28]; "" when unfit  */
    char got[96];      /* the same                                         */
    int position;      /* the column in a formula, from 1; 0: no such thing */
    ax_err err;        /* message, place, hint                             */
} problem;

/* Fill p. Always returns -1. `code` is a literal. */
int problem_set(problem *p, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* An engine's error with the status that fits its code. A file or memory of ours that fails is 500;
 * what the client sent is 4xx. Always returns -1. */
int problem_from(problem *p, const ax_err *err);

/* An error in a file that the client sent: the request is well formed, the file in it is not, so it
 * is 422 whatever is wrong; only memory (503) and disk (500) are ours. Always returns -1. */
int problem_from_file(problem *p, const ax_err *err);

/* What the system said when the models folder was to be changed: 403 when it may not be, 507 when
 * it is full, else 500. `what` names no path of the server. Always returns -1. */
int problem_from_errno(problem *p, int e, const char *what);

/* expected and got, as JSON text. */
void problem_expect(problem *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void problem_got(problem *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As a JSON object on a line of its own; only the fields, for an object with more in it. */
void problem_write(const problem *p, buf *out);
void problem_fields(const problem *p, buf *out);

#endif
