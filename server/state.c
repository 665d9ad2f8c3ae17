/* state.c - see state.h. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "datasets.h"

static int cannot(ax_err *err, int e, const char *what, const char *path)
{
    int full = e == ENOSPC || e == EDQUOT;
    return ax_fail(err, full ? AX_ELIMIT : AX_EIO, "'%s' cannot be %s: %s", path, what,
                   strerror(e));
}

/* The descriptor of the lock, or -1. */
static int take_lock(const char *folder, ax_err *err)
{
    char path[4096];
    errno = 0;
    if (ax_make_folder(folder, err) < 0)
        return errno == ENOSPC || errno == EDQUOT ? cannot(err, errno, "made", folder) : -1;
    if (snprintf(path, sizeof path, "%s/lock", folder) >= (int)sizeof path)
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot(err, errno, "made", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int e = errno;
    close(fd);
    if (e != EWOULDBLOCK)
        return cannot(err, e, "locked", path);
    ax_fail(err, AX_EEXIST, "another axond has the state folder '%s'", folder);
    return ax_err_hint(err, "one server a folder: --state says which");
}

void state_init(app *a)
{
    a->state_lock = -1;
    pthread_mutex_init(&a->state_mutex, NULL);
}

int state_claim(app *a, ax_err *err)
{
    pthread_mutex_lock(&a->state_mutex);
    if (a->state_lock < 0 && (a->state_lock = take_lock(a->cfg.state, err)) >= 0 && a->sets)
        datasets_sweep(a->sets);
    int bad = a->state_lock < 0;
    pthread_mutex_unlock(&a->state_mutex);
    return bad ? -1 : 0;
}

int state_is_claimed(const app *a)
{
    return a->state_lock >= 0;
}

void state_release(app *a)
{
    if (a->state_lock >= 0)
        close(a->state_lock);
    pthread_mutex_destroy(&a->state_mutex);
}

int state_refuse(problem *why, const ax_err *err)
{
    if (err->code == AX_ELIMIT)
        return problem_set(why, 507, "disk_full", "%s", err->msg);
    problem_set(why, 503, "no_state", "%s", err->msg);
    why->retry_after = 5;
    return ax_err_hint(
        &why->err, "%s",
        err->hint[0] ? err->hint
                     : "--state DIR says where jobs and data sets are kept; it has to be writable");
}
