/* health.c - a tiny HTTP client that asks one question; see server.h. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "axon.h"
#include "server.h"

typedef struct target {
    char host[256], port[8], path[512];
} target;

/* "host", ":8080", "[::1]:8080": the port is what is behind the last colon outside brackets. */
static int parse_host(char *where, target *t, ax_err *err)
{
    char *colon = strrchr(where, ':'), *host = where;
    if (colon && strchr(colon, ']'))
        colon = NULL;
    const char *port = colon ? colon + 1 : "8080";
    size_t digits = strspn(port, "0123456789");
    if (!digits || digits > 5 || port[digits] || atoi(port) < 1 || atoi(port) > 65535)
        return ax_fail(err, AX_EINVAL, "'%.40s' is not a port: expected 1 to 65535", port);
    snprintf(t->port, sizeof t->port, "%.5s", port);
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

/* http://host:port/path; scheme, port and path may be missing. */
static int parse(const char *url, target *t, ax_err *err)
{
    const char *scheme = strstr(url, "://"), *rest = scheme ? scheme + 3 : url;
    int named = scheme && strcspn(url, ":/") == (size_t)(scheme - url);
    if (named && strncasecmp(url, "http://", 7))
        return ax_fail(err, AX_EUNSUPPORTED,
                       "%.*s is not spoken here: expected http://HOST[:PORT][/PATH]",
                       (int)(scheme - url < 40 ? scheme - url : 40), url);
    url = named ? rest : url;
    size_t n = strcspn(url, "/");
    char where[sizeof t->host];
    if (n >= sizeof where)
        return ax_fail(err, AX_ELIMIT, "a host of %zu characters: at most %zu are possible", n,
                       sizeof where - 1);
    if (strpbrk(url, " \t\r\n") || strlen(url + n) >= sizeof t->path)
        return ax_fail(err, AX_EINVAL, "'%.100s' is not a URL: it has white space or is too long",
                       url);
    snprintf(t->path, sizeof t->path, "%s", url[n] && url[n + 1] ? url + n : "/health");
    memcpy(where, url, n);
    where[n] = 0;
    return parse_host(where, t, err);
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
    ax_err err;
    char text[1024];
    if (parse(url, &t, &err) < 0) {
        fprintf(stderr, "axond health: %s%s\n", argc > 1 ? "" : "AXOND_LISTEN: ", err.msg);
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
