/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>

static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static void begin_piece(struct json *json, const char *key)
{
    if (json->comma)
        fputs(", ", json->out);
    json->comma = true;
    if (key != NULL) {
        write_string(json->out, key);
        fputs(": ", json->out);
    }
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin_piece(json, key);
    fputc(bracket, json->out);
    json->comma = false;
}

void json_close(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->comma = true;
}

void json_string(struct json *json, const char *key, const char *text)
{
    begin_piece(json, key);
    write_string(json->out, text);
}

void json_integer(struct json *json, const char *key, int64_t number)
{
    begin_piece(json, key);
    fprintf(json->out, "%" PRId64, number);
}

void json_real(struct json *json, const char *key, double number)
{
    begin_piece(json, key);
    fprintf(json->out, "%.3f", number);
}

void json_boolean(struct json *json, const char *key, bool value)
{
    begin_piece(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_end(struct json *json)
{
    fputc('\n', json->out);
}
