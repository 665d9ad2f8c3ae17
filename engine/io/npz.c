/* npz.c - a zip of npy files, read by its central directory; see npy.h.
 *
 * The directory at the end is the truth: NumPy writes placeholders in the local headers. A local
 * header is looked at only to find where its data starts. Everything is checked against the bytes
 * when the archive is opened, the sizes against the limit when an array is asked for. */
#define ZLIB_CONST
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "io/bytes.h"
#include "io/npy.h"

enum {
    END_SIZE = 22,   /* the record that closes a zip, without its comment    */
    DIR_SIZE = 46,   /* one entry of the directory, without its name         */
    LOCAL_SIZE = 30, /* the header in front of the data                      */
    COMMENT_MAX = 65535,
    MEMBERS_MAX = 4096,
    NAME_MAX_BYTES = 1024,
    DEFLATE_RATIO_MAX = 1032 /* no deflate stream grows by more */
};

typedef struct member {
    const char *name; /* without .npy */
    const uint8_t *data;
    uint32_t packed, size, crc;
    int method; /* 0 stored, 8 deflated */
} member;

struct ax_npz {
    ax_arena arena;
    member *member;
    int n;
};

#define SHOWN(s, n) ax_printable((char[96]){0}, 96, s, n)

/* ---- the directory --------------------------------------------------------------------------- */

/* The closing record: the last place where its comment would end with the file. */
static const uint8_t *find_end(const uint8_t *bytes, size_t n)
{
    for (size_t back = END_SIZE; back <= n && back <= END_SIZE + COMMENT_MAX; back++) {
        const uint8_t *p = bytes + n - back;
        if (!memcmp(p, "PK\5\6", 4) && ax_le16(p + 20) == back - END_SIZE)
            return p;
    }
    return NULL;
}

/* Where the data of a member starts, or NULL when it does not fit in front of the directory. */
static const uint8_t *find_data(const uint8_t *bytes, size_t limit, uint32_t offset,
                                uint32_t packed)
{
    if (offset > limit || limit - offset < LOCAL_SIZE || memcmp(bytes + offset, "PK\3\4", 4))
        return NULL;
    const uint8_t *p = bytes + offset;
    uint64_t start = (uint64_t)offset + LOCAL_SIZE + ax_le16(p + 26) + ax_le16(p + 28);
    return start + packed <= limit ? bytes + start : NULL;
}

static int read_member(ax_npz *z, member *m, const uint8_t *p, const uint8_t *bytes, size_t limit,
                       ax_err *err)
{
    size_t len = ax_le16(p + 28);
    const char *name = (const char *)p + DIR_SIZE, *shown = SHOWN(name, len);
    uint32_t offset = ax_le32(p + 42);
    *m = (member){.method = ax_le16(p + 10),
                  .crc = ax_le32(p + 16),
                  .packed = ax_le32(p + 20),
                  .size = ax_le32(p + 24)};
    if (!len || len > NAME_MAX_BYTES || memchr(name, 0, len) || ax_utf8_valid(name, len) != len)
        return ax_fail(err, AX_ECORRUPT, "npz: a member has the bad name '%s'", shown);
    if (ax_le16(p + 8) & 1)
        return ax_fail(err, AX_EUNSUPPORTED, "npz: '%s' is encrypted", shown);
    if (m->method != 0 && m->method != 8)
        return ax_fail(err, AX_EUNSUPPORTED,
                       "npz: '%s' is packed with method %d; stored and deflated can be read", shown,
                       m->method);
    if (m->packed == UINT32_MAX || m->size == UINT32_MAX || offset == UINT32_MAX)
        return ax_fail(err, AX_EUNSUPPORTED, "npz: '%s' is a zip64 member (4 GiB or more)", shown);
    if (!(m->data = find_data(bytes, limit, offset, m->packed)))
        return ax_fail(err, AX_ECORRUPT, "npz: the data of '%s' is not inside the file", shown);
    if (m->method == 0 ? m->packed != m->size : m->size / DEFLATE_RATIO_MAX > m->packed)
        return ax_fail(err, AX_ECORRUPT, "npz: '%s' cannot hold %u bytes in %u", shown, m->size,
                       m->packed);
    if (len > 4 && !memcmp(name + len - 4, ".npy", 4))
        len -= 4;
    m->name = ax_arena_memdup(&z->arena, name, len);
    return m->name ? 0 : ax_fail(err, AX_ENOMEM, "no memory for the directory of an npz file");
}

static const member *find(const ax_npz *z, const char *name)
{
    size_t n = strlen(name);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < z->n; i++)
            if (strlen(z->member[i].name) == n && !memcmp(z->member[i].name, name, n))
                return &z->member[i];
        if (n <= 4 || memcmp(name + n - 4, ".npy", 4))
            break;
        n -= 4;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_unique(ax_npz *z, ax_err *err)
{
    const char **name = AX_ARRAY(&z->arena, const char *, z->n + 1);
    if (!name)
        return ax_fail(err, AX_ENOMEM, "no memory for the directory of an npz file");
    for (int i = 0; i < z->n; i++)
        name[i] = z->member[i].name;
    qsort(name, (size_t)z->n, sizeof *name, by_name);
    for (int i = 1; i < z->n; i++)
        if (!strcmp(name[i - 1], name[i]))
            return ax_fail(err, AX_ECORRUPT, "npz: '%s' is in the archive twice",
                           SHOWN(name[i], strlen(name[i])));
    return 0;
}

static int read_directory(ax_npz *z, const uint8_t *bytes, size_t n, ax_err *err)
{
    const uint8_t *end = find_end(bytes, n);
    if (!end)
        return ax_fail(err, AX_EPARSE, "not an npz file: there is no zip directory at its end");
    unsigned disk = ax_le16(end + 4), dir_disk = ax_le16(end + 6), here = ax_le16(end + 8);
    unsigned members = ax_le16(end + 10);
    uint64_t size = ax_le32(end + 12), offset = ax_le32(end + 16);
    if (members == UINT16_MAX || size == UINT32_MAX || offset == UINT32_MAX)
        return ax_fail(err, AX_EUNSUPPORTED, "npz: zip64 archives (4 GiB or more) cannot be read");
    if (disk || dir_disk || here != members)
        return ax_fail(err, AX_EUNSUPPORTED, "npz: the zip is in several volumes");
    if (offset + size != (uint64_t)(end - bytes))
        return ax_fail(err, AX_ECORRUPT, "npz: the zip directory is not where it should be");
    if (members > MEMBERS_MAX)
        return ax_fail(err, AX_ELIMIT, "npz: %u members, at most %d are read", members,
                       MEMBERS_MAX);
    if (!(z->member = AX_ARRAY(&z->arena, member, members + 1)))
        return ax_fail(err, AX_ENOMEM, "no memory for the directory of an npz file");
    const uint8_t *p = bytes + offset;
    for (; z->n < (int)members; z->n++) {
        size_t left = (size_t)(end - p);
        if (left < DIR_SIZE || memcmp(p, "PK\1\2", 4))
            return ax_fail(err, AX_ECORRUPT, "npz: entry %d of the zip directory is damaged", z->n);
        size_t len = (size_t)DIR_SIZE + ax_le16(p + 28) + ax_le16(p + 30) + ax_le16(p + 32);
        if (len > left)
            return ax_fail(err, AX_ECORRUPT, "npz: entry %d of the zip directory is cut", z->n);
        if (read_member(z, &z->member[z->n], p, bytes, offset, err) < 0)
            return -1;
        p += len;
    }
    if (p != end)
        return ax_fail(err, AX_ECORRUPT, "npz: the zip directory has more bytes than entries");
    return check_unique(z, err);
}

ax_npz *ax_npz_open(const uint8_t *bytes, size_t n, ax_err *err)
{
    ax_npz *z = calloc(1, sizeof *z);
    if (!z) {
        ax_fail(err, AX_ENOMEM, "no memory for an npz file");
        return NULL;
    }
    if (read_directory(z, bytes, n, err) < 0) {
        ax_npz_close(z);
        return NULL;
    }
    return z;
}

void ax_npz_close(ax_npz *z)
{
    if (!z)
        return;
    ax_arena_fini(&z->arena);
    free(z);
}

int ax_npz_count(const ax_npz *z)
{
    return z->n;
}

const char *ax_npz_name(const ax_npz *z, int i)
{
    return z->member[i].name;
}

/* ---- the arrays ------------------------------------------------------------------------------ */

/* Unpack exactly m->size bytes from exactly m->packed. */
static int unpack(const member *m, uint8_t *to, ax_err *err)
{
    const char *shown = SHOWN(m->name, strlen(m->name));
    z_stream s = {.next_in = m->data, .avail_in = m->packed, .next_out = to, .avail_out = m->size};
    if (m->method == 0) {
        memcpy(to, m->data, m->size);
    } else {
        if (inflateInit2(&s, -15) != Z_OK)
            return ax_fail(err, AX_ENOMEM, "no memory to unpack '%s'", shown);
        int rc = inflate(&s, Z_FINISH);
        inflateEnd(&s);
        if (rc == Z_MEM_ERROR)
            return ax_fail(err, AX_ENOMEM, "no memory to unpack '%s'", shown);
        if (rc != Z_STREAM_END || s.avail_in || s.avail_out)
            return ax_fail(err, AX_ECORRUPT, "npz: '%s' does not unpack to its %u bytes%s%s", shown,
                           m->size, s.msg ? ": " : "", s.msg ? s.msg : "");
    }
    if (crc32_z(0, to, m->size) != m->crc)
        return ax_fail(err, AX_ECORRUPT, "npz: the checksum of '%s' is wrong", shown);
    return 0;
}

static int not_found(const ax_npz *z, const char *name, ax_err *err)
{
    const char *names[MEMBERS_MAX];
    for (int i = 0; i < z->n; i++)
        names[i] = z->member[i].name;
    ax_fail(err, AX_ENOTFOUND, "the npz file has no array '%s'", SHOWN(name, strlen(name)));
    const char *near = ax_nearest(name, names, z->n);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", SHOWN(near, strlen(near)));
    return -1;
}

/* The unpacked npy file turns into the array in place, its header moved over. What cannot be viewed
 * (Fortran order) is read into memory of its own, or the reader says what is wrong. */
static int to_array(uint8_t *npy, size_t n, ax_tensor *out, ax_err *err)
{
    ax_tensor t;
    if (ax_npy_view(npy, n, &t, NULL) < 0) {
        if (ax_npy_read(npy, n, out, err) < 0)
            return -1;
        free(npy);
        return 0;
    }
    memmove(npy, t.data, (size_t)(npy + n - (uint8_t *)t.data));
    *out = t;
    out->data = npy;
    return 0;
}

int ax_npz_get(const ax_npz *z, const char *name, size_t limit, ax_tensor *out, ax_err *err)
{
    const member *m = find(z, name);
    if (!m)
        return not_found(z, name, err);
    const char *shown = SHOWN(m->name, strlen(m->name));
    if (m->size > limit)
        return ax_fail(err, AX_ELIMIT, "npz: '%s' unpacks to %u bytes, at most %zu are allowed",
                       shown, m->size, limit);
    uint8_t *npy = malloc((size_t)m->size + 1);
    if (!npy)
        return ax_fail(err, AX_ENOMEM, "no memory for the %u bytes of '%s'", m->size, shown);
    ax_err why;
    if (unpack(m, npy, err) < 0)
        goto fail;
    if (to_array(npy, m->size, out, &why) < 0) {
        ax_fail(err, why.code, "array '%s': %s", shown, why.msg);
        if (*why.hint)
            ax_err_hint(err, "%s", why.hint);
        goto fail;
    }
    return 0;
fail:
    free(npy);
    return -1;
}
