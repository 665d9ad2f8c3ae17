/* Data sets over HTTP: each kind good and bad, options, parts, quotas, clients and servers that
 * vanish, and jobs, which learn from what was there when they were accepted. */
#include "jobs.h"
#include "npz.h"

enum { MAX_ONE = 1000000, MAX_ALL = 3000000 };

static const char *const flags[] = {
    "--max-dataset", "1000000", "--max-datasets", "3000000", "--max-jobs", "1", NULL};

/* ---- files to send ------------------------------------------------------------------------------
 */

typedef struct bytes {
    char *p;
    size_t n;
} bytes;

static bytes text(const char *s)
{
    return (bytes){strdup(s), strlen(s)};
}

static bytes gz(bytes in)
{
    bytes out = {malloc(in.n + 1000), in.n + 1000};
    z_stream z = {.next_in = (Bytef *)in.p,
                  .avail_in = (unsigned)in.n,
                  .next_out = (Bytef *)out.p,
                  .avail_out = (unsigned)out.n};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.n = z.total_out;
    deflateEnd(&z);
    free(in.p);
    return out;
}

static bytes cut(bytes b, size_t n)
{
    b.n -= n;
    return b;
}

static bytes idx(int rank, int n, int labels)
{
    bytes b = {calloc(1, 4096), 4 + 4 * (size_t)rank + (size_t)n * (rank == 3 ? 4 : 1)};
    b.p[2] = 8;
    b.p[3] = (char)rank;
    b.p[7] = (char)n;
    if (rank == 3)
        b.p[11] = b.p[15] = 2;
    for (size_t i = 4 + 4 * (size_t)rank; i < b.n; i++)
        b.p[i] = (char)(i % (size_t)labels);
    return b;
}

static float fx[6][2] = {{0, 1}, {1, 0}, {2, 2}, {3, 1}, {4, 0}, {5, 5}};
static int32_t fy[6] = {0, 1, 0, 1, 0, 1};

static bytes arrays(int zip, int n_y, int members)
{
    static const char *const names[] = {"x", "y"};
    char path[128];
    bytes b = {malloc(16384), 0};
    ax_tensor t[] = {{AX_F32, AX_SHAPE(6, 2), fx}, {AX_I32, AX_SHAPE(n_y), fy}};
    snprintf(path, sizeof path, "%s/array", the.folder);
    if (zip) {
        b.n = npz_make((uint8_t *)b.p, path, names, t, members);
        return b;
    }
    ax_st_item items[] = {{"x", t[0]}, {"y", t[1]}};
    free(b.p);
    b.p = (char *)ax_safetensors_encode(items, members, NULL, 0, &b.n, NULL);
    return b;
}

/* head, n times the piece, tail */
static bytes repeat(const char *head, const char *piece, int n, const char *tail)
{
    size_t len = strlen(piece);
    bytes b = {malloc(strlen(head) + strlen(tail) + len * (size_t)n + 1), 0};
    char *p = stpcpy(b.p, head);
    for (int i = 0; i < n; i++)
        p = stpcpy(p, piece);
    b.n = (size_t)(stpcpy(p, tail) - b.p);
    return b;
}

static bytes numbered(const char *head, const char *format, int n, const char *tail)
{
    bytes b = {malloc(64 + strlen(tail) + 16 * (size_t)n), 0};
    char *p = stpcpy(b.p, head);
    for (int i = 0; i < n; i++)
        p += sprintf(p, format, i);
    b.n = (size_t)(stpcpy(p, tail) - b.p);
    return b;
}

static bytes raw(const char *p, size_t n)
{
    bytes b = {malloc(n), n};
    memcpy(b.p, p, n);
    return b;
}

static reply put(const char *name, const char *type, bytes b)
{
    char path[200];
    snprintf(path, sizeof path, "/datasets/%s", name);
    reply r = ask(&(request){
        .method = "PUT", .path = path, .type = type ? type : "", .body = b.p, .len = b.n});
    free(b.p);
    return r;
}

static long put_text(const char *name, const char *s)
{
    reply r = put(name, "text/csv", text(s));
    reply_free(&r);
    return r.status;
}

/* What ls shows of a folder in STATE. */
static void listing(const char *folder, char out[4096])
{
    char command[300];
    snprintf(command, sizeof command,
             "ls -A '%s/%s' 2>/dev/null | sed 's/data-......$/data/' | tr '\\n' ' '", the.state,
             folder);
    FILE *f = popen(command, "r");
    size_t n = fread(out, 1, 4095, f);
    out[n] = 0;
    pclose(f);
}

static void expect_listing(const char *folder, const char *want)
{
    char now[4096];
    for (double end = seconds() + 5; seconds() < end;
         nap(0.01)) { /* files go when the request does */
        listing(folder, now);
        if (!strcmp(now, want))
            return;
    }
    fail_msg("%s has '%s', expected '%s'", folder, now, want);
}

static void delete_set(const char *name, long want)
{
    char path[128];
    snprintf(path, sizeof path, "/datasets/%s", name);
    assert_int_equal(status_of(&(request){.method = "DELETE", .path = path}), want);
}

/* ---- good ones ----------------------------------------------------------------------------------
 */

#define TABLE "a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n"

static void test_good(void **state)
{
    (void)state;
    const struct {
        const char *name, *type;
        bytes b;
        const char *word;
    } rows[] = {
        {"t1", "text/csv", text(TABLE),
         "\"classes\":[{\"class\":0,\"label\":\"cat\",\"rows\":2},{\"class\":1,\"label\":\"dog\","
         "\"rows\":1}]"},
        {"t2", "text/csv; charset=utf-8", text(TABLE), "\"sample\":[{\"x\":[1,2],\"y\":\"cat\"},"},
        {"t3", "application/octet-stream", text(TABLE), "\"kind\":\"csv\""},
        {"t4", "application/x-www-form-urlencoded", text(TABLE), "\"kind\":\"csv\""},
        {"t5", NULL, text(TABLE), "\"kind\":\"csv\""},
        {"t6", "text/csv", gz(text(TABLE)), "\"bytes\":33,"},
        {"t7", "application/gzip", gz(text(TABLE)), "\"rows\":3"},
        {"t8?label=a", "text/csv", text(TABLE), "\"features\":[\"b\",\"kind=cat\",\"kind=dog\"]"},
        {"t9?header=false", "text/csv", text("1,2\n3,4\n"), "\"rows\":2"},
        {"t10?header=true", "text/csv", text("1,2\n3,4\n"), "\"features\":[\"1\"]"},
        {"t11?missing=median&label=y", "text/csv", text("y,a\n1,\n2,5\n3,7\n"), "\"imputed\":6"},
        {"t12", "text/csv",
         text("\xef\xbb\xbf"
              "a,y\r\n1,0.5\r\n2,1.5\r\n"),
         "\"targets\":{\"shape\":[1],\"min\":0.5,\"max\":1.5,\"mean\":1}"},
        {"t13?label=caf%C3%A9", "text/csv", text("caf\xc3\xa9,a\n1,2\n"),
         "\"label\":\"caf\xc3\xa9\""},
        {"z1", "application/octet-stream", arrays(1, 6, 2), "\"kind\":\"npz\",\"rows\":6"},
        {"z2", "application/octet-stream", gz(arrays(1, 6, 2)), "\"kind\":\"npz\",\"rows\":6"},
        {"s1", "application/octet-stream", arrays(0, 6, 2), "\"kind\":\"safetensors\",\"rows\":6"},
        {"s2", NULL, arrays(0, 6, 2), "\"shape\":[2],\"n_classes\":2"},
    };
    enum { N = sizeof rows / sizeof *rows };
    for (int i = 0; i < N; i++) {
        char path[128], location[200];
        snprintf(path, sizeof path, "/datasets/%.*s", (int)strcspn(rows[i].name, "?"),
                 rows[i].name);
        snprintf(location, sizeof location, "Location: %s\r\n", path);
        reply r = put(rows[i].name, rows[i].type, rows[i].b);
        if (r.status != 201 || !strstr(r.body, rows[i].word) || !strstr(r.headers, location))
            fail_msg("%s: %ld %s", rows[i].name, r.status, r.body);
        reply again = get(path);
        assert_int_equal(again.status, 200);
        assert_string_equal(again.body, r.body);
        reply_free(&again);
        reply_free(&r);
    }
    reply r = get("/datasets");
    assert_int_equal(count(r.body, "\"created_at\""), N);
    assert_non_null(strstr(r.body, "\"max_bytes\":3000000"));
    reply_free(&r);
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(rows[i].name, "?"), rows[i].name);
        delete_set(name, 200);
        delete_set(name, 404);
    }
    expect_listing("datasets", "");
}

/* The two halves of a set in either order; a part that does not fit leaves the others waiting. */
static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        int rank, n, labels, packed;
        long status;
        const char *word;
    } rows[] = {
        {"labels", 1, 6, 3, 0, 202, "\"state\":\"incomplete\",\"waiting_for\":[\"images\"]"},
        {"images", 3, 5, 200, 0, 422, "as many labels"},
        {"images", 3, 6, 200, 1, 201,
         "\"rows\":6,\"test_rows\":0,\"type\":\"uint8\",\"shape\":[1,2,2],\"n_classes\":3"},
        {"test_images", 3, 4, 200, 0, 202, "\"waiting_for\":[\"test_labels\"]"},
        {"test_labels", 1, 4, 2, 1, 201, "\"rows\":6,\"test_rows\":4"},
        {"images", 3, 8, 200, 0, 202, "\"waiting_for\":[\"labels\"]"},
        {"images", 3, 9, 200, 0, 202, "\"waiting_for\":[\"labels\"]"},
        {"labels", 1, 9, 2, 0, 201, "\"rows\":9,\"test_rows\":0"},
        {"test_labels", 1, 4, 2, 0, 202, "\"waiting_for\":[\"test_images\"]"},
        {"test_images", 3, 5, 200, 0, 422, "as many labels"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[64];
        bytes b = idx(rows[i].rank, rows[i].n, rows[i].labels);
        snprintf(name, sizeof name, "pair?part=%s", rows[i].part);
        reply r = put(name, "application/octet-stream", rows[i].packed ? gz(b) : b);
        if (r.status != rows[i].status || !strstr(r.body, rows[i].word))
            fail_msg("row %zu: %ld %s", i, r.status, r.body);
        reply_free(&r);
        if (i == 0) {
            r = get("/datasets/pair");
            assert_int_equal(r.status, 404);
            assert_non_null(strstr(r.body, "not complete"));
            reply_free(&r);
        }
    }
    expect_listing("datasets/pair", "data data part-test_labels set.json ");
    delete_set("pair", 200);
    expect_listing("datasets", "");
}

/* ---- bad ones -----------------------------------------------------------------------------------
 */

static void test_bad(void **state)
{
    (void)state;
#define CSV "text/csv"
#define ANY "application/octet-stream"
#define X64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    const struct {
        const char *name, *type;
        bytes b;
        long status;
        const char *word;
    } rows[] = {
        {"x", CSV, text("a,y\n1,2\n3\n"), 422, "line 3 has fewer fields than the 2"},
        {"x", CSV, text("a,y\n1,2\n3,4,5\n"), 422, "line 3 has more fields than the 2"},
        {"x", CSV, text("a,y\n1,2\n,4\n"), 422,
         "column 1 ('a') has 1 missing values, the first in line 3"},
        {"x?missing=mean", CSV, text("a,y\n,2\n,4\n"), 422, "column 1 ('a') has no value at all"},
        {"x?missing=mean", CSV, text("a,y\n1,2\n2,\n"), 422,
         "the label, column 2 ('y'), has missing values, the first in line 3"},
        {"x", CSV, text("a,y\n1,2\n1,2\none,2\n"), 422, "column 1 ('a') holds text in line 4"},
        {"x", CSV, text("a,y\n1,2\n1e40,2\n"), 422, "column 1 ('a') holds a number in line 3"},
        {"x?label=klass", CSV, text(TABLE), 422, "no column 'klass'"},
        {"x?label=kinds", CSV, text(TABLE), 422, "did you mean 'kind'"},
        {"x?label=", CSV, text(TABLE), 422, "\"at\":\"label\""},
        {"x", CSV, text("y\n1\n"), 422, "no column besides the label"},
        {"x", CSV, text("a;y\n1;2\n"), 422, "separated by commas"},
        {"x", CSV, text("a,y\n"), 422, "no rows"},
        {"x", CSV, text("\n\n"), 422, "empty"},
        {"x", CSV, text("a,a\n1,2\n"), 422, "two columns are called 'a'"},
        {"x", CSV, text("a,\n1,2\n"), 422, "line 1, column 2"},
        {"x", CSV, text("a,y\n\"1,2\n"), 422, "line 2, column 1 ('a'): the quote"},
        {"x", CSV, text("a,y\n1\"\",2\n"), 422, "line 2, column 1 ('a'): a quote"},
        {"x", CSV, text("a,y\r1,2\r"), 422, "carriage return"},
        {"x", CSV, text("a,y\n1,\xff\n"), 422, "line 2: the byte 0xff is not UTF-8"},
        {"x", CSV, raw("a,y\n1,\0\n", 8), 422, "line 2: the byte 0x00"},
        {"x", CSV, text("1,2\n3,4\n"), 422, "header=false"},
        {"x", CSV, repeat("a", ",b", 66000, "\n"), 422, "more than 65536 columns"},
        {"x", CSV, repeat("", "a", 70000, ",y\n1,2\n"), 422, "longer than 65536 bytes"},
        {"x", CSV, numbered("c,y\n", "v%d,1\n", 1001, ""), 422,
         "column 1 ('c') holds text of 1001 kinds"},
        {"x?header=maybe", CSV, text(TABLE), 400, "neither true nor false"},
        {"x?missing=average", CSV, text(TABLE), 400, "'average' is none of"},
        {"x?lable=kind", CSV, text(TABLE), 400, "did you mean 'label'"},
        {"x?label=a&label=b", CSV, text(TABLE), 400, "given twice"},
        {"x?part=images", CSV, text(TABLE), 400, "'part' is for IDX"},
        {"x", "application/json", text("{\"x\":[[1]],\"y\":[1]}"), 415, "text/csv"},
        {"x", "image/png", text("a,y\n1,2\n"), 415, "text/csv"},
        {"x", "text/html", text("a,y\n1,2\n"), 415, "text/csv"},
        {"x", CSV, arrays(1, 6, 2), 415, "the file is npz"},
        {"x", CSV, gz(arrays(0, 6, 2)), 415, "the file is safetensors"},
        {".x", CSV, text(TABLE), 400, "cannot be the name"},
        {"-x", CSV, text(TABLE), 400, "cannot be the name"},
        {"a%20b", CSV, text(TABLE), 400, "cannot be the name"},
        {"a%2Fb", CSV, text(TABLE), 400, "slash"},
        {"..", CSV, text(TABLE), 400, "cannot be the name"},
        {X64 "a", CSV, text(TABLE), 404, "longer than 64"},
        {"x", CSV, cut(gz(text(TABLE)), 5), 422, "ends too early"},
        {"x", CSV, raw("\x1f\x8b\x08garbage garbage", 18), 422, "damaged"},
        {"x", CSV, raw("\x1f\x8b", 2), 422, "ends too early"},
        {"x", ANY, gz(gz(text(TABLE))), 422, "twice"},
        {"x", CSV, gz(repeat("a,y\n", "1,2\n", 250000, "")), 413,
         "unpacked the data set is larger than 1000000"},
        {"x", CSV, repeat("a,y\n", "1,2\n", 250000, ""), 413, "--max-dataset"},
        {"x", ANY, arrays(1, 6, 1), 422, "y"},
        {"x", ANY, arrays(1, 5, 2), 422, "as many labels"},
        {"x", ANY, cut(arrays(1, 6, 2), 10), 422, "zip"},
        {"x", ANY, raw("PK\5\6nothing", 11), 422, "zip"},
        {"x", ANY, arrays(0, 5, 2), 422, "as many labels"},
        {"x", ANY, arrays(0, 6, 1), 422, "y"},
        {"x", ANY, cut(arrays(0, 6, 2), 1), 422, ""},
        {"x", ANY, raw("\xff\xff\xff\xff\0\0\0\0{\"x\":1}", 15), 422, "header"},
        {"x?label=y", ANY, arrays(1, 6, 2), 400, "'label' is for CSV, and the file is npz"},
        {"x?missing=mean", ANY, arrays(0, 6, 2), 400, "'missing' is for CSV"},
        {"x", ANY, idx(3, 6, 9), 400, "?part=images"},
        {"x?part=pictures", ANY, idx(3, 6, 9), 400, "'pictures' is none of images"},
        {"x?part=images", ANY, cut(idx(3, 6, 9), 1), 422, "idx"},
        {"x?part=images", ANY,
         raw("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16), 422, ""},
        {"x", ANY, raw("\x89PNG\r\n\x1a\n", 8), 422, "not UTF-8"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply r = put(rows[i].name, rows[i].type, rows[i].b);
        int good = r.status == rows[i].status && strstr(r.body, rows[i].word) &&
                   strstr(r.body, "\"error\":\"") && !strstr(r.body, the.folder);
        if (!good)
            print_error("row %zu, %s: %ld %s, expected %ld with '%s'\n", i, rows[i].name, r.status,
                        r.body, rows[i].status, rows[i].word);
        wrong += !good;
        reply_free(&r);
    }
    assert_int_equal(wrong, 0);
    reply r = put("x", CSV, text(""));
    assert_int_equal(r.status, 400);
    reply_free(&r);
    r = ask(&(request){.method = "PUT",
                       .path = "/datasets/x",
                       .type = CSV,
                       .body = TABLE,
                       .header = {"Content-Encoding: gzip"}});
    assert_int_equal(r.status, 415);
    reply_free(&r);
    expect_listing("datasets", "");
    r = get("/datasets");
    assert_null(strstr(r.body, "created_at"));
    assert_non_null(strstr(r.body, "\"bytes\":0,"));
    reply_free(&r);
}

static void test_routes(void **state)
{
    (void)state;
    assert_int_equal(put_text("cats", TABLE), 201);
    static const struct {
        const char *method, *path;
        long status;
        const char *word;
    } rows[] = {
        {"GET", "/datasets/cat", 404, "did you mean 'cats'"},
        {"GET", "/datasets/.upload", 404, "no data set"},
        {"DELETE", "/datasets/cat", 404, "did you mean 'cats'"},
        {"POST", "/datasets/cats", 405, "GET, HEAD, PUT, DELETE"},
        {"POST", "/datasets", 405, "GET"},
        {"GET", "/datasets/cats?x=1", 400, "takes no option 'x'"},
        {"GET", "/datasets/cats/rows", 404, "nothing at"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply r = ask(&(request){.method = rows[i].method, .path = rows[i].path});
        if (r.status != rows[i].status || !strstr(r.body, rows[i].word))
            fail_msg("%s %s: %ld %s", rows[i].method, rows[i].path, r.status, r.body);
        reply_free(&r);
    }
    /* what cannot replace it leaves it as it is; what can leaves nothing of the old one */
    reply before = get("/datasets/cats");
    assert_int_equal(put_text("cats", "a,y\n1\n"), 422);
    reply after = get("/datasets/cats");
    assert_string_equal(before.body, after.body);
    reply_free(&before);
    reply_free(&after);
    assert_int_equal(put_text("cats", "a,y\n1,2\n3,4\n"), 201);
    expect_listing("datasets/cats", "data set.json ");
    delete_set("cats", 200);
}

/* ---- quotas -------------------------------------------------------------------------------------
 */

static char *big(size_t n)
{
    bytes b = repeat("a,y\n", "1,2\n", (int)(n / 4) - 1, "");
    return b.p;
}

/* Without a length: the body is counted as it comes. */
static long put_chunked(const char *name, const char *body)
{
    char out[4096];
    int fd = dial();
    size_t n = strlen(body);
    char *all = malloc(n + 512);
    sprintf(all,
            "PUT /datasets/%s HTTP/1.1\r\nHost: t\r\nContent-Type: text/csv\r\nTransfer-Encoding: "
            "chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
            name, n, body);
    for (size_t at = 0, len = strlen(all); at < len;) {
        ssize_t w = send(fd, all + at, len - at, MSG_NOSIGNAL);
        if (w <= 0)
            break;
        at += (size_t)w;
    }
    free(all);
    hear(fd, out, sizeof out, "}\n");
    close(fd);
    return strncmp(out, "HTTP/1.1 ", 9) ? 0 : atol(out + 9);
}

static void test_quota(void **state)
{
    (void)state;
    char *most = big(MAX_ONE - MAX_ONE % 4), *over = big(MAX_ONE + 8);
    assert_int_equal(put_text("q1", over), 413);
    assert_int_equal(put_chunked("q1", over), 413);
    assert_int_equal(put_text("q1", most), 201);
    assert_int_equal(put_chunked("q2", most), 201);
    /* together with their descriptions the third does not fit, however it comes */
    reply r = put("q3", "text/csv", text(most));
    assert_int_equal(r.status, 507);
    assert_non_null(strstr(r.body, "\"code\":\"quota\""));
    assert_non_null(strstr(r.body, "DELETE /datasets/NAME"));
    reply_free(&r);
    assert_int_equal(put_chunked("q3", most), 507);
    r = put("q3", "text/csv", gz(text(most)));
    assert_int_equal(r.status, 507);
    assert_non_null(strstr(r.body, "unpacked"));
    reply_free(&r);
    assert_int_equal(put_text("q3", TABLE), 201);
    delete_set("q1", 200);
    assert_int_equal(put_text("q1", most), 201);
    for (int i = 1; i <= 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "q%d", i);
        delete_set(name, 200);
    }
    free(most);
    free(over);
    expect_listing("datasets", "");
}

/* ---- those that vanish --------------------------------------------------------------------------
 */

static int half_an_upload(const char *name)
{
    char head[256];
    char *body = big(400000);
    int fd = dial();
    snprintf(head, sizeof head,
             "PUT /datasets/%s HTTP/1.1\r\nHost: t\r\nContent-Type: text/csv\r\nContent-Length: "
             "800000\r\n\r\n",
             name);
    assert_int_equal(say(fd, head), 0);
    assert_int_equal(say(fd, body), 0);
    free(body);
    for (double end = seconds() + 10; seconds() < end; nap(0.01)) { /* it is on the disk */
        char now[4096];
        listing("datasets", now);
        if (strstr(now, ".upload-"))
            return fd;
    }
    fail_msg("there is no upload");
    return fd;
}

static void test_vanishing_client(void **state)
{
    (void)state;
    for (int i = 0; i < 6;
         i++) /* each sets room aside: two more than there is room for, one after the other */
        close(half_an_upload("gone"));
    expect_listing("datasets", "");
    int fd[3];
    for (int i = 0; i < 3; i++)
        fd[i] = half_an_upload("gone");
    char *most = big(MAX_ONE);
    assert_int_equal(put_text("kept", most), 507); /* three times 800000 are arriving */
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    expect_listing("datasets", "");
    assert_int_equal(put_text("kept", most), 201);
    free(most);
    delete_set("kept", 200);
}

static void test_killed_server(void **state)
{
    (void)state;
    char command[300];
    assert_int_equal(put_text("cats", TABLE), 201);
    reply r = put("pair?part=labels", NULL, idx(1, 6, 2));
    assert_int_equal(r.status, 202);
    reply_free(&r);
    reply before = get("/datasets/cats");
    int fd = half_an_upload("cats");
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
    close(fd);
    /* what it may have left beside: files that no set names, the data of a job that was being
     * checked */
    snprintf(command, sizeof command,
             "cd '%s' && touch datasets/cats/data-abcdef && mkdir -p datasets/empty "
             "jobs/hold-abcdef/cats && touch datasets/empty/data-abcdef",
             the.state);
    assert_int_equal(system(command), 0);
    start(flags);
    expect_listing("datasets", "cats pair ");
    expect_listing("datasets/cats", "data set.json ");
    expect_listing("jobs", "");
    reply after = get("/datasets/cats");
    assert_string_equal(before.body, after.body);
    reply_free(&before);
    reply_free(&after);
    r = put("pair?part=images", NULL, idx(3, 6, 200));
    assert_int_equal(r.status, 201);
    reply_free(&r);
    delete_set("pair", 200);
    delete_set("cats", 200);
}

/* ---- jobs ---------------------------------------------------------------------------------------
 */

/* 60 rows of two classes and one text column; another seed gives other rows. */
static char *points(int seed)
{
    char *s = malloc(8192), *p = s + sprintf(s, "a,b,colour,y\n");
    ax_rng r = {.seed = (uint64_t)seed, .stream = 1};
    for (uint64_t i = 0; i < 60; i++) {
        float a = ax_rng_uniform(r, 2 * i), b = ax_rng_uniform(r, 2 * i + 1);
        p += sprintf(p, "%.4f,%.1f,%s,%s\n", a, 1000 * b, i % 3 ? "red" : "blue",
                     a > b ? "yes" : "no");
    }
    return s;
}

static const char spec[] = "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":[{"
                           "\"type\":\"dense\",\"units\":8,\"activation\":\"tanh\"},"
                           "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]},"
                           "\"dataset\":\"points\",\"normalize\":true,\"epochs\":5,"
                           "\"validation_split\":0.2,\"publish\":\"points\"}";

static void put_points(int seed)
{
    char *s = points(seed);
    assert_int_equal(put_text("points", s), 201);
    free(s);
}

/* A queued job learns from the bytes that were there when it was accepted, whatever is put or
 * deleted, and over a server that is killed. */
static void test_jobs(void **state)
{
    (void)state;
    char first[128], second[128], third[128], *long_spec = job_spec("long", 2000, 1000, "");
    put_points(1);
    int id = post_job(spec, NULL);
    await(id, "succeeded", 60);
    hash_of("points", 1, first);
    assert_true(first[0]);
    reply r = get("/models/points");
    assert_non_null(strstr(r.body, "\"features\":[\"a\",\"b\",\"colour=blue\",\"colour=red\"]"));
    assert_non_null(strstr(r.body, "\"labels\":[\"no\",\"yes\"]"));
    reply_free(&r);
    /* raw numbers go in */
    r = post("/models/points/predict", "{\"inputs\":[[0.9,100,0,1],[0.1,900,1,0]]}");
    assert_int_equal(r.status, 200);
    reply_free(&r);

    int blocker = post_job(long_spec, NULL);
    await(blocker, "running", 60);
    int old = post_job(spec, NULL);
    put_points(2);
    int fresh = post_job(spec, NULL);
    delete_set("points", 200);
    long status;
    post_job(spec, &status);
    assert_int_equal(status, 422);
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
    start(flags);
    act(blocker, "POST", "/cancel");
    await(old, "succeeded", 120);
    await(fresh, "succeeded", 60);
    assert_string_equal(hash_of("points", 2, second), first);
    assert_true(strcmp(hash_of("points", 3, third), first) && third[0]);
    /* one that has succeeded lets go of its data; one that may be resumed would not */
    char folder[64], now[4096];
    snprintf(folder, sizeof folder, "jobs/%d", old);
    listing(folder, now);
    assert_null(strstr(now, "data"));
    free(long_spec);
}

/* Cancelled, the set put anew, resumed: the same bits as never stopped. */
static void test_resumed_job(void **state)
{
    (void)state;
    char first[128], second[128], body[1024];
    int start = (int)(strstr(spec, "\"epochs\"") - spec);
    snprintf(body, sizeof body,
             "%.*s\"epochs\":1500,\"checkpoint_every\":300,\"publish\":\"resumed\"}", start, spec);
    put_points(3);
    int id = post_job(body, NULL);
    await(id, "succeeded", 120);
    hash_of("resumed", 1, first);
    id = post_job(body, NULL);
    await(id, "running", 60);
    for (char step[128] = "0"; atoi(step) < 1;) {
        reply r = job(id);
        field(r.body, "step", step);
        reply_free(&r);
        nap(0.01);
    }
    act(id, "POST", "/cancel");
    await(id, "cancelled", 60);
    put_points(4);
    assert_int_equal(act(id, "POST", "/resume"), 202);
    await(id, "succeeded", 120);
    assert_true(first[0]);
    assert_string_equal(hash_of("resumed", 2, second), first);
    delete_set("points", 200);
}

static double kept_bytes(void)
{
    cJSON *o = object(get("/datasets"));
    double n = num(o, "bytes");
    cJSON_Delete(o);
    return n;
}

/* What a cancelled job keeps counts, once, and goes with it. */
static void test_kept_by_jobs(void **state)
{
    (void)state;
    char *long_spec = job_spec("long", 2000, 100000, "");
    int blocker = post_job(long_spec, NULL);
    await(blocker, "running", 60);
    double before = kept_bytes();
    put_points(6);
    double with = kept_bytes() - before;
    assert_true(with > 0);
    int id = post_job(spec, NULL);
    assert_int_equal(act(id, "POST", "/cancel"), 200);
    assert_true(kept_bytes() - before == with);
    delete_set("points", 200);
    assert_true(kept_bytes() - before == with);
    assert_int_equal(act(id, "DELETE", ""), 200);
    assert_true(kept_bytes() == before);
    act(blocker, "POST", "/cancel");
    await(blocker, "cancelled", 60);
    free(long_spec);
}

/* Sets in the folder of --data are listed; one that was put here under the same name goes before.
 */
static void test_data_folder(void **state)
{
    (void)state;
    char folder[128], path[256];
    const char *const more[] = {"--data", folder, NULL};
    static const char *const names[] = {"", "/given", "/points"};
    stop();
    snprintf(folder, sizeof folder, "%s/given", the.folder);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", folder, names[i]);
        assert_int_equal(mkdir(path, 0777), 0);
        if (!i)
            continue;
        snprintf(path, sizeof path, "%s%s/set.json", folder, names[i]);
        FILE *f = fopen(path, "w");
        fputs("{\"source\":{\"csv\":\"t.csv\"}}", f);
        fclose(f);
        snprintf(path, sizeof path, "%s%s/t.csv", folder, names[i]);
        f = fopen(path, "w");
        fputs(TABLE, f);
        fclose(f);
    }
    start(more);
    put_points(1);
    reply r = get("/datasets");
    assert_non_null(strstr(r.body, "{\"name\":\"given\",\"installed\":true}"));
    assert_int_equal(count(r.body, "\"name\":\"points\""), 1);
    reply_free(&r);
    r = get("/datasets/given");
    assert_int_equal(r.status, 200);
    reply_free(&r);
    r = ask(&(request){.method = "DELETE", .path = "/datasets/points"});
    assert_string_equal(r.body, "{\"deleted\":\"points\"}\n");
    reply_free(&r);
    stop();
    start(flags);
}

/* Each run of a sweep keeps what it learns from, also where that is what they differ in. */
static void test_sweep(void **state)
{
    (void)state;
    char body[1024], id[128], now[4096], folder[64];
    char *other = points(6);
    put_points(5);
    assert_int_equal(put_text("others", other), 201);
    free(other);
    int start = (int)(strstr(spec, "\"epochs\"") - spec);
    snprintf(body, sizeof body,
             "%.*s\"epochs\":5,\"sweep\":{\"dataset\":[\"points\",\"others\"],\"seed\":[1,2]}}",
             start, spec);
    reply r = post("/train", body);
    if (r.status != 202)
        fail_msg("%ld %s", r.status, r.body);
    int sweep = atoi(field(r.body, "id", id));
    reply_free(&r);
    delete_set("points", 200);
    delete_set("others", 200);
    await(sweep, "succeeded", 120);
    for (int i = 1; i <= 4; i++) {
        await(sweep + i, "succeeded", 1);
        snprintf(folder, sizeof folder, "jobs/%d", sweep + i);
        listing(folder, now);
        assert_null(strstr(now, "data"));
    }
}

static void test_bad_jobs(void **state)
{
    (void)state;
    put_points(1);
    static const struct {
        const char *from, *to, *word;
    } rows[] = {
        {"\"points\",\"norm", "\"point\",\"norm", "did you mean 'points'"},
        {"\"points\",\"norm", "\"../points\",\"norm", "there is no data set"},
        {"[4]", "[5]", "the data set has (4)"},
        {"[4]}", "[4],\"mean\":1}", "has its own \\\"mean\\\""},
        {"true", "1", "normalize"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[1024];
        const char *at = strstr(spec, rows[i].from);
        assert_non_null(at);
        snprintf(body, sizeof body, "%.*s%s%s", (int)(at - spec), spec, rows[i].to,
                 at + strlen(rows[i].from));
        reply r = post("/train", body);
        if ((r.status != 422 && r.status != 400) || !strstr(r.body, rows[i].word))
            fail_msg("%s: %ld %s", body, r.status, r.body);
        reply_free(&r);
    }
    char now[4096];
    for (double end = seconds() + 5; seconds() < end; nap(0.01)) {
        listing("jobs", now);
        if (!strstr(now, "hold-"))
            break;
    }
    assert_null(strstr(now, "hold-"));
    delete_set("points", 200);
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

static int setup(void **state)
{
    (void)state;
    curl_global_init(CURL_GLOBAL_ALL);
    folder_new();
    start(flags);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop();
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_parts),
        cmocka_unit_test(test_bad),           cmocka_unit_test(test_routes),
        cmocka_unit_test(test_quota),         cmocka_unit_test(test_vanishing_client),
        cmocka_unit_test(test_killed_server), cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_resumed_job),   cmocka_unit_test(test_bad_jobs),
        cmocka_unit_test(test_sweep),         cmocka_unit_test(test_kept_by_jobs),
        cmocka_unit_test(test_data_folder),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
