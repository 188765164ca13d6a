/* SPDX-License-Identifier: MIT */
/* The actions at the points: one point has an action, with a probability; the others yield, rarely. */
#ifndef POINTS_INTERFERENCE_H
#define POINTS_INTERFERENCE_H

#include <stdint.h>

#include "load.h"
#include "point.h"

void interference_begin(struct tsc_test_point *point, enum action action);
void interference_end(void);

/* Between these two, handlers change the load's counter, and its threads fork. */
void interference_attach(struct load *load);
void interference_detach(void);

/* How often the point was passed, and how often the action was done there, also in forked children. */
uint32_t interference_passed(void);
uint32_t interference_done(void);

#endif
