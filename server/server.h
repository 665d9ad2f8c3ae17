/* server.h - the daemon, as the command line calls it. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

/* Serve until SIGTERM or SIGINT. argv[0] is "serve", flags follow (config.h). Returns the exit
 * code: 0 done, 1 failed, 2 usage; one line on standard error says what and why. */
int axond_serve(int argc, char **argv);

#endif
