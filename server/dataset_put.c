/* dataset_put.c - PUT /datasets/{name}, from a file that has arrived to a data set; on the thread
 * of the data sets. See docs/datasets.md.
 *
 * What the file is, its content says. It is unpacked where it is gzip, read with the trainer's own
 * reader, described, and only then becomes the set. Of an IDX set the parts come one by one: each
 * waits in the set's folder until it makes a pair. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets.h"
#include "handlers.h"
#include "log.h"
#include "router.h"

const char *const dataset_options[] = {"label", "header", "missing", "part", NULL};

typedef enum kind { CSV, NPZ, SAFETENSORS, IDX, GZIP, KINDS } kind;

static const char *const kind_names[KINDS] = {"csv", "npz", "safetensors", "idx", "gzip"};

enum { IMAGES, LABELS, TEST_IMAGES, TEST_LABELS, PARTS };

static const char *const part_names[PARTS] = {"images", "labels", "test_images", "test_labels"};

/* ---- the file
 * ------------------------------------------------------------------------------------ */

static kind kind_of(int fd)
{
    unsigned char b[10] = {0};
    ssize_t n = pread(fd, b, sizeof b, 0);
    if (n >= 2 && b[0] == 0x1f && b[1] == 0x8b)
        return GZIP;
    if (n >= 4 && !memcmp(b, "PK", 2) && b[2] < 9 && b[3] < 9)
        return NPZ;
    if (n >= 9 && b[8] == '{' && !b[4] && !b[5] && !b[6] && !b[7])
        return SAFETENSORS;
    return n >= 4 && !b[0] && !b[1] && b[3] ? IDX : CSV;
}

static int storage_failed(request *r, const ax_err *err, int e)
{
    log_line(LOG_ERROR, "datasets", "%s: %s", r->param[0], err->msg);
    return problem_from_errno(&r->why, e ? e : EIO, "the data set cannot be stored");
}

/* An error in what was sent. What the system said of our own files is not for others. */
static int refuse(request *r, const ax_err *err)
{
    if (err->code == AX_EIO)
        return storage_failed(r, err, EIO);
    problem_from_file(&r->why, err);
    if (!strcmp(err->at, "missing")) /* an option of the URL */
        r->why.status = 400;
    return -1;
}

static int too_much(request *r, int64_t limit)
{
    if (limit < r->app->cfg.max_dataset) {
        problem_set(&r->why, 507, "quota",
                    "unpacked the data set would take more than what is left of the %lld bytes set "
                    "aside for them",
                    (long long)r->app->cfg.max_datasets);
        return ax_err_hint(&r->why.err,
                           "DELETE /datasets/NAME makes room; --max-datasets sets the bound");
    }
    problem_set(&r->why, 413, "body_too_large", "unpacked the data set is larger than %lld bytes",
                (long long)limit);
    problem_expect(&r->why, "%lld", (long long)limit);
    return ax_err_hint(&r->why.err, "--max-dataset sets the bound");
}

/* r's file becomes an unpacked one. */
static int unpack(request *r)
{
    ax_err err;
    int64_t room = datasets_room(r->app->sets), most = r->app->cfg.max_dataset;
    int64_t limit = room < most ? room : most;
    char *path = ax_arena_printf(&r->mem, "%s/" UPLOAD_NAME, datasets_folder(r->app->sets));
    int fd = path ? request_temp(path) : -1;
    if (fd < 0)
        return problem_from_errno(&r->why, path ? errno : ENOMEM, "the data set cannot be stored");
    errno = 0;
    int64_t n = lseek(r->file, 0, SEEK_SET) < 0 ? -1 : ax_gunzip(r->file, fd, limit, &err);
    int e = errno;
    unlink(n < 0 ? path : r->file_path);
    close(n < 0 ? fd : r->file);
    if (n < 0)
        return err.code == AX_ELIMIT ? too_much(r, limit)
               : err.code == AX_EIO  ? storage_failed(r, &err, e)
                                     : refuse(r, &err);
    r->file = fd;
    r->file_path = path;
    return kind_of(fd) == GZIP
               ? problem_set(&r->why, 422, "invalid", "the file is packed with gzip twice")
               : 0;
}

static int sync_file(request *r)
{
    return fsync(r->file) < 0 ? problem_from_errno(&r->why, errno, "the data set cannot be stored")
                              : 0;
}

/* The folder of the set, which keeps the file under a name that no other has. */
static int move_in(request *r, char name[32])
{
    char path[DATASET_PATH];
    const datasets *s = r->app->sets;
    int bad = datasets_path(s, r->param[0], NULL, path) ||
              (mkdir(path, 0777) < 0 && errno != EEXIST) ||
              datasets_path(s, r->param[0], "data-XXXXXX", path);
    if (bad || datasets_rename(r->file_path, path) < 0)
        return problem_from_errno(&r->why, errno, "the data set cannot be stored");
    r->file_path = NULL; /* it is the set's file now */
    snprintf(name, 32, "%s", strrchr(path, '/') + 1);
    return 0;
}

/* ---- options
 * ------------------------------------------------------------------------------------- */

static int option_misfit(request *r, const char *name, kind k)
{
    problem_set(&r->why, 400, "bad_option", "'%s' is for %s, and the file is %s", name,
                strcmp(name, "part") ? "CSV" : "IDX",
                k == CSV ? "none of IDX, npz, safetensors: it was taken for CSV" : kind_names[k]);
    snprintf(r->why.err.at, sizeof r->why.err.at, "%s", name);
    return -1;
}

static int check_options(request *r, kind k)
{
    for (int i = 0; dataset_options[i]; i++) {
        const char *name = dataset_options[i];
        if (request_query(r, name) && k != (strcmp(name, "part") ? CSV : IDX))
            return option_misfit(r, name, k);
    }
    if (r->type == BODY_CSV && k != CSV) {
        problem_set(&r->why, 415, "unsupported_media_type",
                    "the Content-Type is that of CSV, the file is %s", kind_names[k]);
        return ax_err_hint(&r->why.err, "application/octet-stream takes any kind of data set");
    }
    return 0;
}

/* {"csv":NAME, and the options of the URL}; NULL: no memory. */
static cJSON *source_of(const request *r, kind k, const char *file)
{
    static const char *const texts[] = {"label", "missing"};
    const char *header = request_query(r, "header");
    cJSON *o = cJSON_CreateObject();
    int bad = ax_json_put(o, kind_names[k], cJSON_CreateString(file));
    for (int i = 0; i < 2; i++)
        if (request_query(r, texts[i]))
            bad |= ax_json_put(o, texts[i], cJSON_CreateString(request_query(r, texts[i])));
    if (header)
        bad |= ax_json_put(o, "header", cJSON_CreateBool(!strcmp(header, "true")));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* ---- the answer
 * ---------------------------------------------------------------------------------- */

static cJSON *describe(request *r, const cJSON *source)
{
    ax_err err;
    int64_t t = now_ns();
    cJSON *o = source ? ax_dataset_describe(source, NULL, 1, &err) : NULL;
    r->compute_ns += now_ns() - t;
    if (!o && source)
        refuse(r, &err);
    else if (!o)
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
    return o;
}

/* Name, size and time in front of what is in it. */
static cJSON *card(const request *r, cJSON *about, int64_t bytes)
{
    char text[WALL_TEXT];
    cJSON *o = cJSON_CreateObject(), *e;
    int bad = ax_json_put(o, "name", cJSON_CreateString(r->param[0])) ||
              ax_json_put(o, "bytes", cJSON_CreateNumber((double)bytes)) ||
              ax_json_put(o, "created_at", cJSON_CreateString(wall_text(wall_ms(), text)));
    while ((e = cJSON_DetachItemFromArray(about, 0))) {
        char *key = e->string;
        e->string = NULL;
        bad |= ax_json_put(o, key, e);
        cJSON_free(key);
    }
    cJSON_Delete(about);
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* Source, with names for the files, and its description become the set; both are taken over. */
static int keep(request *r, cJSON *source, cJSON *about, int64_t bytes)
{
    cJSON *c = card(r, about, bytes);
    char *text = ax_json_text(c, 0);
    if (!source || !text) {
        cJSON_Delete(source);
        cJSON_Delete(c);
        cJSON_free(text);
        datasets_count(r->app->sets);
        return problem_set(&r->why, 503, "out_of_memory", "out of memory");
    }
    int bad = datasets_commit(r->app->sets, r->param[0], source, c, &r->why);
    if (!bad) {
        buf_str(&r->out, text);
        buf_char(&r->out, '\n');
        request_header(r, "Location", ax_arena_printf(&r->mem, "/datasets/%s", r->param[0]));
        log_line(LOG_INFO, "dataset", "%s is put: %lld bytes", r->param[0], (long long)bytes);
    }
    cJSON_free(text);
    return bad;
}

/* ---- one file
 * ------------------------------------------------------------------------------------ */

static int put_file(request *r, kind k)
{
    char file[32];
    struct stat st;
    cJSON *source = source_of(r, k, r->file_path), *about = describe(r, source);
    cJSON_Delete(source);
    if (!about)
        return -1;
    if (sync_file(r) < 0 || fstat(r->file, &st) < 0 || move_in(r, file) < 0) {
        cJSON_Delete(about);
        return r->why.status ? -1
                             : problem_from_errno(&r->why, errno, "the data set cannot be stored");
    }
    return keep(r, source_of(r, k, file), about, st.st_size);
}

/* ---- IDX
 * ----------------------------------------------------------------------------------------- */

static int which_part(request *r)
{
    const char *name = request_query(r, "part");
    for (int i = 0; name && i < PARTS; i++)
        if (!strcmp(part_names[i], name))
            return i;
    if (name)
        problem_set(&r->why, 400, "bad_option",
                    "part: '%.40s' is none of images, labels, test_images, test_labels", name);
    else
        problem_set(&r->why, 400, "missing_option",
                    "an IDX file is a part of a data set: say which");
    snprintf(r->why.err.at, sizeof r->why.err.at, "part");
    return ax_err_hint(
        &r->why.err,
        "?part=images and ?part=labels make a set; test_images and test_labels may be added");
}

/* The parts of a set: those that wait, and those that it has. */
typedef struct parts {
    char path[PARTS][DATASET_PATH];
    char name[PARTS][32]; /* in the folder; "" : there is none  */
    int waits[PARTS];
} parts;

static void take_pair(parts *p, const cJSON *list, int first)
{
    for (int i = 0; i < 2; i++) {
        const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(list, i));
        if (name && !p->waits[first + i])
            snprintf(p->name[first + i], sizeof p->name[0], "%s", name);
    }
}

static void find_parts(const request *r, parts *p)
{
    cJSON *set = datasets_read(r->app->sets, r->param[0]),
          *source = cJSON_GetObjectItemCaseSensitive(set, "source");
    char path[DATASET_PATH];
    *p = (parts){0};
    for (int i = 0; i < PARTS; i++) {
        char name[32];
        snprintf(name, sizeof name, "part-%s", part_names[i]);
        p->waits[i] = !datasets_path(r->app->sets, r->param[0], name, path) && !access(path, F_OK);
        if (p->waits[i])
            snprintf(p->name[i], sizeof p->name[i], "%s", name);
    }
    /* A new pair to learn from makes a new set; one to test with joins the set that is there. */
    if (!p->waits[IMAGES] && !p->waits[LABELS])
        take_pair(p, cJSON_GetObjectItemCaseSensitive(source, "idx"), IMAGES);
    cJSON_Delete(set);
}

static int has_pair(const parts *p, int first)
{
    return p->name[first][0] && p->name[first + 1][0];
}

/* With names, or with paths for who is to read it now. */
static cJSON *idx_source(const request *r, parts *p, int paths)
{
    static const char *const keys[] = {"idx", "test_idx"};
    cJSON *o = cJSON_CreateObject();
    int bad = !o;
    for (int k = 0; k < 2; k++) {
        int first = k ? TEST_IMAGES : IMAGES;
        if (!has_pair(p, first))
            continue;
        cJSON *list = cJSON_CreateArray();
        for (int i = first; i < first + 2; i++) {
            bad |= datasets_path(r->app->sets, r->param[0], p->name[i], p->path[i]);
            bad |= ax_json_put(list, NULL, cJSON_CreateString(paths ? p->path[i] : p->name[i]));
        }
        bad |= ax_json_put(o, keys[k], list);
    }
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* Parts that waited get names of their own: they are of the set. */
static int settle(request *r, parts *p, int64_t *bytes)
{
    *bytes = 0;
    for (int i = 0; i < PARTS; i++) {
        struct stat st;
        char path[DATASET_PATH];
        if (!has_pair(p, i < TEST_IMAGES ? IMAGES : TEST_IMAGES))
            continue;
        if (p->waits[i]) {
            if (datasets_path(r->app->sets, r->param[0], "data-XXXXXX", path) ||
                datasets_rename(p->path[i], path) < 0)
                return problem_from_errno(&r->why, errno, "the data set cannot be stored");
            snprintf(p->path[i], sizeof p->path[i], "%s", path);
            snprintf(p->name[i], sizeof p->name[i], "%s", strrchr(path, '/') + 1);
        }
        if (stat(p->path[i], &st) == 0)
            *bytes += st.st_size;
    }
    return 0;
}

static int wait_for_more(request *r, const parts *p)
{
    int n = 0;
    buf_str(&r->out, "{\"name\":");
    buf_json(&r->out, r->param[0]);
    buf_str(&r->out, ",\"state\":\"incomplete\",\"waiting_for\":[");
    for (int i = 0; i < PARTS; i++) {
        int twin = i ^ 1, wanted = !p->name[i][0] && (i < TEST_IMAGES || p->waits[twin]);
        if (wanted)
            buf_printf(&r->out, "%s\"%s\"", n++ ? "," : "", part_names[i]);
    }
    buf_str(&r->out, "]}\n");
    datasets_count(r->app->sets);
    return 202;
}

/* The part in its place; one that was there goes. */
static int place_part(request *r, int part, char path[DATASET_PATH])
{
    char name[32];
    const datasets *s = r->app->sets;
    snprintf(name, sizeof name, "part-%s", part_names[part]);
    if (sync_file(r) < 0)
        return -1;
    if (datasets_path(s, r->param[0], NULL, path) || (mkdir(path, 0777) < 0 && errno != EEXIST) ||
        datasets_path(s, r->param[0], name, path) || rename(r->file_path, path) < 0)
        return problem_from_errno(&r->why, errno, "the data set cannot be stored");
    r->file_path = NULL;
    return 0;
}

/* The status, or -1. */
static int put_part(request *r)
{
    ax_tensor t;
    ax_err err;
    int64_t bytes;
    char path[DATASET_PATH];
    int part = which_part(r);
    if (part < 0)
        return -1;
    if (ax_idx_load(r->file_path, (size_t)r->app->cfg.max_dataset * 4, &t, &err) < 0)
        return refuse(r, &err);
    free(t.data);
    parts *p = ax_arena_raw(&r->mem, sizeof *p);
    if (!p)
        return problem_set(&r->why, 503, "out_of_memory", "out of memory");
    if (place_part(r, part, path) < 0)
        return -1;
    find_parts(r, p);
    if (!has_pair(p, IMAGES) || (part >= TEST_IMAGES && !has_pair(p, TEST_IMAGES)))
        return wait_for_more(r, p);
    cJSON *source = idx_source(r, p, 1), *about = describe(r, source);
    cJSON_Delete(source);
    if (!about) {
        unlink(path); /* it does not fit the others */
        datasets_count(r->app->sets);
        return -1;
    }
    if (settle(r, p, &bytes) < 0) {
        cJSON_Delete(about);
        return -1;
    }
    return keep(r, idx_source(r, p, 0), about, bytes) < 0 ? -1 : 201;
}

/* ---- the handler
 * --------------------------------------------------------------------------------- */

static void put(request *r)
{
    kind k = kind_of(r->file);
    if (k == GZIP && unpack(r) < 0) {
        request_refuse(r);
        return;
    }
    k = kind_of(r->file);
    int status = check_options(r, k) < 0 ? -1
                 : k == IDX              ? put_part(r)
                 : put_file(r, k) < 0    ? -1
                                         : 201;
    if (status < 0)
        request_refuse(r);
    else
        request_done(r, status, "application/json");
}

void datasets_put(request *r)
{
    const char *header = request_query(r, "header");
    int bad = 0;
    if (!r->received)
        bad = problem_set(&r->why, 400, "empty_body", "the body is empty: expected a data set");
    else if (header && strcmp(header, "true") && strcmp(header, "false")) {
        bad = problem_set(&r->why, 400, "bad_option", "header: '%.40s' is neither true nor false",
                          header);
        snprintf(r->why.err.at, sizeof r->why.err.at, "header");
    }
    if (bad)
        request_refuse(r);
    else
        datasets_submit(r, put);
}
