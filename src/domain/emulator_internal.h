/* emulator_internal.h - building an emulator, from QMP replies or from its cache file. */
#pragma once
#include "domain/emulator.h"

/* NULL without memory. */
struct emulator *emulator_new(void);
void emulator_names_sort(struct emulator_names *names);
/* An array of strings, sorted; "no array" is an empty one. -1: no memory, or not strings. */
int emulator_names_from_json(struct emulator *e, struct json_object *array,
                             struct emulator_names *ret_names);

/* Reading JSON that an emulator or a cache file gave: each checks the type. A missing or misshapen
 * member is NULL, false or -1. */
const char *emulator_json_string(struct json_object *json, const char *key);
bool emulator_json_bool(struct json_object *json, const char *key);
/* 0..INT32_MAX, else -1. */
int emulator_json_int(struct json_object *json, const char *key);
struct json_object *emulator_json_array(struct json_object *json, const char *key);
