/* SPDX-License-Identifier: MIT */
/* What happens at the points: at one of them something, now and then; at all others a thread gives way, seldom. */
#ifndef POINTS_INTERFERENCE_H
#define POINTS_INTERFERENCE_H

#include <stdint.h>

#include "load.h"
#include "point.h"

void interference_begin(struct tsc_test_point *point, enum action action);
void interference_end(void);

/* Around the part of a load's life in which handlers visit its counter, and its threads fork. */
void interference_concern(struct load *load);
void interference_concern_none(void);

/* How often the point was passed, and how often something happened there, in children of forks too. */
uint32_t interference_passed(void);
uint32_t interference_done(void);

#endif
