/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include "sanitizer.h"
#include "test-point.h"

#include <errno.h>

/*
 * The named counters in the order of their creation. The registry lock protects the list, so the child of a fork
 * finds it whole.
 *
 * A counter stays listed until the thread that frees it removes it. So a counter in the list may have no
 * references, but its memory is valid while the registry is locked; a walk skips it. And a counter that a walk
 * holds stays in its place. Model: test/model/listing.pml
 */
static struct tsc_counter *first;
static struct tsc_counter **end = &first;

void tsc_listing_add(struct tsc_counter *counter)
{
    if (counter->name[0] == '\0')
        return;
    tsc_sanitizer_release(&counter->object);
    tsc_registry_lock();
    tsc_counter_texts(counter)->link = end;
    *end = counter;
    end = &tsc_counter_texts(counter)->next;
    tsc_registry_unlock();
}

void tsc_listing_remove(struct tsc_counter *counter)
{
    struct tsc_texts *place = tsc_counter_texts(counter);

    if (place->link == NULL)
        return;
    *place->link = place->next;
    if (place->next != NULL)
        tsc_counter_texts(place->next)->link = place->link;
    else
        end = place->link;
}

static struct tsc_counter *acquire_next(struct tsc_counter *former)
{
    struct tsc_counter *found;

    tsc_registry_lock();
    found = former != NULL ? tsc_counter_texts(former)->next : first;
    TSC_TEST_POINT(listing_found);
    while (found != NULL && !tsc_object_try_ref(&found->object))
        found = tsc_counter_texts(found)->next;
    tsc_registry_unlock();
    if (found != NULL)
        tsc_sanitizer_acquire(&found->object);
    return found;
}

/* The unref comes last: it may wait for an owner's thread. */
int tsc_counter_next(tsc_counter_t **counter)
{
    struct tsc_counter *former;
    int result;

    if (counter == NULL || (*counter != NULL && (*counter)->name[0] == '\0'))
        return -EINVAL;
    former = *counter;
    *counter = acquire_next(former);
    tsc_sanitizer_stored(counter, sizeof(*counter));
    result = *counter != NULL;
    tsc_counter_unref(former);
    return result;
}
