/* job_death.c - see job_death.h. */
#include "job_death.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    DEATHS = 3, /* by its own fault, or perhaps for its memory: it would happen again */
    KILLS = 100 /* by a SIGKILL that was hardly its fault                             */
};

/* It had so much that the kernel may have ended it for that. */
static int was_large(const death *d)
{
    return d->number == SIGKILL && !d->sent && d->memory > 0 && d->peak > d->memory / 2;
}

int64_t death_peak(int64_t child, int64_t own)
{
    return child > own ? child : 0;
}

int death_tries(const death *d)
{
    return d->number == SIGKILL && !was_large(d) ? KILLS : DEATHS;
}

void death_text(const death *d, char *text, size_t size)
{
    const char *name = sigabbrev_np(d->number);
    int n = snprintf(text, size, "its process was ended by SIG%s%s", name ? name : "?",
                     d->number != SIGKILL ? ""
                     : d->sent            ? " of this server"
                                          : ", which this server did not send");
    if (was_large(d) && n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n,
                 "; it held up to %lld MB of the %lld MB there are, so perhaps for want of memory",
                 (long long)(d->peak / 1000000), (long long)(d->memory / 1000000));
}
