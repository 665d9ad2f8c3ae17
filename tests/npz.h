/* npz.h - NumPy's archives for tests: a zip of stored .npy members, as numpy.savez writes it. */
#ifndef TESTS_NPZ_H
#define TESTS_NPZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "io/npy.h"

/* Into zip, which has room; how many bytes. `temp` is a file that may be written. */
static inline size_t npz_make(uint8_t *zip, const char *temp, const char *const *members,
                              const ax_tensor *t, int n)
{
    uint8_t central[2048];
    size_t at = 0, c = 0;
    for (int i = 0; i < n; i++) {
        char file[64], *bytes;
        size_t size;
        uint32_t offset = (uint32_t)at;
        snprintf(file, sizeof file, "%s.npy", members[i]);
        if (ax_npy_save(temp, &t[i], NULL) || !(bytes = ax_file_read(temp, 1 << 20, &size, NULL)))
            return 0;
        uint32_t crc = (uint32_t)crc32(0, (const uint8_t *)bytes, (unsigned)size),
                 len = (uint32_t)size;
        uint16_t name_len = (uint16_t)strlen(file);
        uint8_t local[30] = {'P', 'K', 3, 4, 20}, entry[46] = {'P', 'K', 1, 2, 20, 0, 20};
        memcpy(local + 14, &crc, 4), memcpy(local + 18, &len, 4), memcpy(local + 22, &len, 4),
            memcpy(local + 26, &name_len, 2);
        memcpy(entry + 16, &crc, 4), memcpy(entry + 20, &len, 4), memcpy(entry + 24, &len, 4),
            memcpy(entry + 28, &name_len, 2);
        memcpy(entry + 42, &offset, 4);
        memcpy(zip + at, local, 30), memcpy(zip + at + 30, file, name_len),
            memcpy(zip + at + 30 + name_len, bytes, size);
        at += 30u + name_len + size;
        memcpy(central + c, entry, 46), memcpy(central + c + 46, file, name_len);
        c += 46u + name_len;
        free(bytes);
    }
    uint8_t end[22] = {'P', 'K', 5, 6};
    uint16_t count = (uint16_t)n;
    uint32_t size = (uint32_t)c, start = (uint32_t)at;
    memcpy(end + 8, &count, 2), memcpy(end + 10, &count, 2), memcpy(end + 12, &size, 4),
        memcpy(end + 16, &start, 4);
    memcpy(zip + at, central, c), memcpy(zip + at + c, end, 22);
    return at + c + 22;
}

#endif
