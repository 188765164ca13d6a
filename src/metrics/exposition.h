/* SPDX-License-Identifier: MIT */
#ifndef TSC_METRICS_EXPOSITION_H
#define TSC_METRICS_EXPOSITION_H

#include <tscounter/metrics.h>

/* Reads all named counters, then writes them. Returns 0, -ENOMEM, or a negative value of `write`. */
int tsc_exposition_write(uint32_t format, tsc_write_fn write, void *arg);

#endif
