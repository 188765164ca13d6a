/* SPDX-License-Identifier: MIT */
/* The counts, for people and for programs. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "counts.h"

void report_page(FILE *out, struct counts *counts);    /* HTML, which polls the JSON */
void report_json(FILE *out, struct counts *counts);    /* all counts beside the truth */
void report_metrics(FILE *out, struct counts *counts); /* the same in Prometheus text format */

#endif
