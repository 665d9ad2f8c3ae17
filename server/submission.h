/* submission.h - a job before it is one: what job_check.c finds out and job_accept.c makes a job
 * of. See jobs_impl.h. */
#ifndef SERVER_SUBMISSION_H
#define SERVER_SUBMISSION_H

#include "datasets.h"
#include "jobs_impl.h"

/* Of one run of a sweep: its spec without data, and what it chose; freed with cJSON_free. */
typedef struct run_texts {
    char *config, *values;
} run_texts;

/* In r->mem, as r->job. */
typedef struct submission {
    char digest[17];
    char model[65];          /* the name of the result, "" : job-ID           */
    char data[DATASET_PATH]; /* a folder with links to the data sets, "" : none */
    cJSON *spec, *warnings;  /* freed with the request, as the texts are       */
    int runs;                /* of a sweep; 0: it is none                      */
    char *config, *warned;
    char files[DATASET_PATH]; /* a folder with the files of job i as i/; "" : none */
    run_texts *run;           /* of a sweep                                     */
    char *axes;               /* the same: "sweep" of its spec                  */
} submission;

/* On the thread of the checks: write what the jobs need, all of it, so that the jobs thread has
 * only names to change. -1 with r->why. */
int job_prepare(request *r);
void job_unprepare(submission *s);

/* A spec as text without the numbers that came with it; the caller frees it with cJSON_free. NULL:
 * no memory. */
char *job_config_of(const cJSON *spec);

/* The name of the data set that a spec wants, NULL when it brings its data along. */
const char *job_set_of(const cJSON *spec);

/* On the jobs thread: 1 when the request is answered, since its Idempotency-Key was used before, or
 * nobody can tell. */
int job_replayed(jobs *j, request *r);

/* On the jobs thread: files, row, 202; or the refusal that the check has left in r->why. */
void job_accept(jobs *j, request *r);

#endif
