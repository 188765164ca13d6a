/* SPDX-License-Identifier: MIT */
#ifndef TSC_LISTING_H
#define TSC_LISTING_H

#include "counter-internal.h"

/* Lists a counter that has a name, behind all others; the caller holds a reference. */
void tsc_listing_add(struct tsc_counter *counter);

/* Called with the registry locked. A counter that is not listed is ignored. */
void tsc_listing_remove(struct tsc_counter *counter);

#endif
