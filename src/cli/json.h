/* SPDX-License-Identifier: MIT */
/* Writes one JSON value, piece by piece. The caller closes what it opens. A key is NULL inside an array. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool comma; /* the next piece has one before it */
};

void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *text);
void json_integer(struct json *json, const char *key, int64_t number);
void json_real(struct json *json, const char *key, double number);
void json_boolean(struct json *json, const char *key, bool value);
void json_end(struct json *json);

#endif
