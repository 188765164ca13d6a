/* SPDX-License-Identifier: MIT */
#include <tscounter/tscounter.h>

const char *tsc_version_string(void)
{
    return TSC_VERSION_STRING;
}

uint32_t tsc_version_number(void)
{
    return TSC_VERSION_NUMBER;
}
