/* health.c - a tiny HTTP client that asks one question; see server.h. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server.h"

typedef struct target {
    char host[256], port[8], path[512];
} target;

/* http://host:port/path, [::1]:8080, :8080 ... */
static int parse(const char *url, target *t)
{
    if (!strncmp(url, "http://", 7))
        url += 7;
    size_t n = strcspn(url, "/");
    snprintf(t->path, sizeof t->path, "%s", url[n] && url[n + 1] ? url + n : "/health");
    char where[300];
    if (n >= sizeof t->host)
        return -1;
    memcpy(where, url, n);
    where[n] = 0;
    char *colon = strrchr(where, ':'), *host = where;
    if (colon && strchr(colon, ']'))
        colon = NULL;
    snprintf(t->port, sizeof t->port, "%.7s", colon ? colon + 1 : "8080");
    if (colon)
        *colon = 0;
    size_t len = strlen(host);
    if (len > 1 && host[0] == '[' && host[len - 1] == ']')
        host[len - 1] = 0, host++;
    if (!*host || !strcmp(host, "0.0.0.0") || !strcmp(host, "::"))
        host = "localhost";
    snprintf(t->host, sizeof t->host, "%.255s", host);
    return 0;
}

static int dial(const target *t)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    struct timeval patience = {5, 0};
    int fd = -1;
    if (getaddrinfo(t->host, t->port, &hints, &list))
        return -1;
    for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, i->ai_addr, i->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

int axond_health(int argc, char **argv)
{
    const char *listen = getenv("AXOND_LISTEN");
    const char *url = argc > 1 ? argv[1] : listen && *listen ? listen : "127.0.0.1:8080";
    target t;
    char text[1024];
    if (argc > 2 || parse(url, &t) < 0) {
        fprintf(stderr, "usage: axond health [URL]\n");
        return 2;
    }
    int fd = dial(&t), status = 0;
    size_t have = 0;
    if (fd < 0) {
        fprintf(stderr, "axond health: cannot connect to %s port %s\n", t.host, t.port);
        return 1;
    }
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                     t.path, t.host);
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) == n)
        for (ssize_t got = 1; got > 0 && have<sizeof text - 1; have += got> 0 ? (size_t)got : 0)
            got = recv(fd, text + have, sizeof text - 1 - have, 0);
    close(fd);
    text[have] = 0;
    if (sscanf(text, "HTTP/1.1 %d", &status) != 1)
        status = 0;
    const char *body = strstr(text, "\r\n\r\n");
    printf("%s", body ? body + 4 : "no answer\n");
    return status == 200 ? 0 : 1;
}
