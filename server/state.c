/* state.c - see state.h. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/* The lock that is held is still the one of the folder's name: else somebody has removed the
 * folder, and another server may have the one that is there now. */
static int is_ours(const app *a, ax_err *err)
{
    char path[4096];
    struct stat held, there;
    snprintf(path, sizeof path, "%s/lock", a->cfg.state);
    if (fstat(a->state_lock, &held) == 0 && stat(path, &there) == 0 &&
        held.st_ino == there.st_ino && held.st_dev == there.st_dev)
        return 0;
    ax_fail(err, AX_EIO, "the state folder '%s' was removed or replaced while this server ran",
            a->cfg.state);
    return ax_err_hint(err, "restart the server: what it would write now would be lost");
}

void state_init(app *a)
{
    a->state_lock = -1;
    pthread_mutex_init(&a->state_mutex, NULL);
}

int state_claim(app *a, ax_err *err)
{
    pthread_mutex_lock(&a->state_mutex);
    int held = a->state_lock >= 0;
    if (!held && (a->state_lock = take_lock(a->cfg.state, err)) >= 0 && a->sets)
        datasets_sweep(a->sets);
    int bad = a->state_lock < 0 || (held && is_ours(a, err) < 0);
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
