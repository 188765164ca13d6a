/* SPDX-License-Identifier: MIT */
/* The counts beside the truth. metrics.h has them for Prometheus. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "counts.h"

void report_page(FILE *out, struct counts *counts); /* HTML, which polls the JSON */
void report_json(FILE *out, struct counts *counts);

#endif
