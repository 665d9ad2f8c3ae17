/* job_publish.c - a trained model becomes the next version of its name; see jobs_impl.h.
 *
 * The row says `publishing` first. Then the admin thread, which makes all changes to the models
 * folder, links the file into it and lets the repository open, test and serve it as it would an
 * upload. A server that died in between finds the version by the bytes of the file and makes no
 * second one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs_impl.h"
#include "log.h"
#include "repository.h"

typedef struct publication {
    task task; /* on the admin thread, then in the mailbox of the jobs */
    struct publication *next;
    jobs *jobs;
    int64_t job;
    child *child; /* its process, NULL for a sweep                   */
    char name[65], file[4096];
    char *figures;
    int second; /* an earlier server may have published it          */
    int64_t version;
    problem why; /* status 0: it is served                           */
} publication;

/* ---- on the admin thread
 * ------------------------------------------------------------------------- */

/* The file under a name of its own in the models folder. */
static int bring(const publication *p, char temp[4096], problem *why)
{
    const char *folder = repository_folder(p->jobs->app->models);
    if (snprintf(temp, 4096, "%s/" UPLOAD_NAME, folder) >= 4096)
        return problem_from_errno(why, ENAMETOOLONG, "the model cannot be stored");
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return problem_from_errno(why, errno, "the models folder cannot be made");
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return problem_from_errno(why, errno, "the model cannot be stored in the models folder");
    close(fd);
    unlink(temp);
    if (ax_file_link(p->file, temp) == 0)
        return 0;
    return problem_from_errno(why, errno, "the model cannot be stored in the models folder");
}

/* The version of this name that has the bytes of the file; 0: none. */
static int64_t find_twin(const publication *p)
{
    ax_err err;
    int n;
    int64_t version = 0;
    ax_model *m = ax_model_open(p->file, &err);
    if (!m)
        return 0;
    served **list = repository_list(p->jobs->app->models, &n);
    for (int i = 0; i < n; i++) {
        if (!strcmp(list[i]->name, p->name) &&
            !strcmp(list[i]->info->hash, ax_model_get_info(m)->hash))
            version = list[i]->version;
        served_release(list[i]);
    }
    free(list);
    ax_model_release(m);
    return version;
}

static void published(task *t);

static void publish(task *t)
{
    publication *p = (publication *)t;
    char temp[4096];
    served *s = NULL;
    if (p->second && (p->version = find_twin(p)) > 0) {
        /* the last server got this far */
    } else if (!bring(p, temp, &p->why)) {
        if (!repository_put(p->jobs->app->models, p->name, temp, &s, &p->why))
            p->version = s->version;
        else
            unlink(temp);
        served_release(s);
    }
    p->task.run = published;
    jobs_post(p->jobs, &p->task);
}

/* ---- back on the jobs thread
 * ----------------------------------------------------------------------- */

static char *result_of(const publication *p)
{
    cJSON *o = ax_json_parse(p->figures, strlen(p->figures), NULL);
    if (!o && !(o = cJSON_CreateObject()))
        return NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(o, "event");
    cJSON_DeleteItemFromObjectCaseSensitive(o, "model");
    int bad = ax_json_put(o, "model", cJSON_CreateString(p->name)) ||
              ax_json_put(o, "version", cJSON_CreateNumber((double)p->version));
    char *text = bad ? NULL : ax_json_text(o, 0);
    cJSON_Delete(o);
    return text;
}

static int record(jobs *j, const publication *p)
{
    ax_arena mem;
    job_row row;
    ax_err err;
    ax_arena_init(&mem, 0);
    int bad = -1;
    char *text = p->why.status ? NULL : result_of(p);
    const char *code = p->why.code ? p->why.code : ax_code_name(p->why.err.code);
    if (!text && !p->why.status)
        ax_fail(&err, AX_ENOMEM, "out of memory");
    else if (store_get(j->store, p->job, &mem, &row) != 1)
        store_unread(j->store, &err);
    else if (p->why.status)
        bad = jobs_fail(j, &row, code, &p->why.err, &err);
    else {
        row.result = text;
        bad = jobs_finish(j, &row, JOB_SUCCEEDED, &err);
    }
    if (bad)
        log_line(LOG_ERROR, "job", "%lld: its end cannot be recorded yet: %s", (long long)p->job,
                 err.msg);
    free(text);
    ax_arena_fini(&mem);
    return bad;
}

/* Not recorded: the job is looked at once more, and finds the version that is there by then. */
static void published(task *t)
{
    publication *p = (publication *)t, **at = &p->jobs->publications;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    int bad = record(p->jobs, p);
    int64_t again = bad ? now_ns() + SECOND : 0;
    if (p->child) {
        p->child->publishing = 0;
        p->child->again_at = again;
    } else {
        p->jobs->review_at = again;
    }
    free(p->figures);
    free(p);
}

int publish_running(const jobs *j, int64_t id)
{
    const publication *p = j->publications;
    while (p && p->job != id)
        p = p->next;
    return p != NULL;
}

int publish_start(jobs *j, child *c, const job_row *row, int64_t from, const char *figures,
                  ax_err *err)
{
    publication *p = calloc(1, sizeof *p);
    job_row mine = *row;
    mine.publishing = 1;
    if (!p || !(p->figures = strdup(figures)) || jobs_path(j, from, "model.safetensors", p->file))
        ax_fail(err, AX_ENOMEM, "out of memory");
    else if (jobs_change(j, &mine, NULL, NULL, err) == 0) {
        p->jobs = j;
        p->job = row->id;
        p->second = row->publishing;
        p->child = c;
        snprintf(p->name, sizeof p->name, "%s", row->model);
        p->task.run = publish;
        p->next = j->publications;
        j->publications = p;
        if (c)
            c->publishing = 1;
        workers_submit(j->app->admin, &p->task);
        return 0;
    }
    free(p ? p->figures : NULL);
    free(p);
    return -1;
}
