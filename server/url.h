/* url.h - is the URL of a request what it claims to be? Pure functions. */
#ifndef SERVER_URL_H
#define SERVER_URL_H

/* Look at a URL as it came over the wire. NULL when it is well formed: every % begins an escape of
 * two hex digits, none is %00 or, in the path, a slash, what the escapes stand for is UTF-8, and
 * spaces and control characters are escaped. Else what is wrong, as a literal, and *at the byte of
 * the URL where. A zero byte matters most: behind it the C strings of the transport would end, and
 * another path would be meant than was asked for. */
const char *url_check(const char *url, int *at);

#endif
