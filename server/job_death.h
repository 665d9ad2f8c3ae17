/* job_death.h - a training process that a signal has ended: what is known of it, how often that may
 * be.
 *
 * Who sent a SIGKILL nobody can tell, nor does the kernel say of which process it ended for want of
 * memory. Known is whether it was this server, and how much memory the process itself had at most.
 */
#ifndef SERVER_JOB_DEATH_H
#define SERVER_JOB_DEATH_H

#include <stddef.h>
#include <stdint.h>

typedef struct death {
    int number;     /* of the signal                                            */
    int sent;       /* SIGKILL was this server's                                 */
    int64_t peak;   /* bytes that the process held at most; 0: not known        */
    int64_t memory; /* bytes that there are for it: the machine's, or its group's */
} death;

/* The peak of a child that had `child` bytes at most by its rusage, of a server that had `own`. Between
 * vfork and exec a child lives in the server's memory, and Linux counts that as its own: what is not above
 * the server's says nothing. */
int64_t death_peak(int64_t child, int64_t own);

/* After how many of them without a step further its job has failed. */
int death_tries(const death *d);
/* A clause of what is known. */
void death_text(const death *d, char *text, size_t size);

#endif
