/* server.h - the daemon, as the command line calls it. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

/* Serve until SIGTERM or SIGINT. argv[0] is "serve", flags follow (config.h). Returns the exit
 * code: 0 done, 1 failed, 2 usage; one line on standard error says what and why. */
int axond_serve(int argc, char **argv);

/* argv: "health" [URL]. Ask a server whether it is ready: exit code 0 yes, 1 no. For containers,
 * which have no curl. Without URL the address is that of AXOND_LISTEN or 127.0.0.1:8080. */
int axond_health(int argc, char **argv);

#endif
