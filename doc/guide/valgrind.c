/* SPDX-License-Identifier: MIT */
/*
 * Forwards the library's reports for ThreadSanitizer to DRD, or with -DTOOL='<valgrind/helgrind.h>' to Helgrind:
 *   cc -shared -fPIC valgrind.c -o valgrind.so
 *   LD_PRELOAD=./valgrind.so valgrind --tool=drd --suppressions=valgrind.supp ./program
 */
#ifndef TOOL
#define TOOL <valgrind/drd.h>
#endif
#include TOOL

void __tsan_release(void *object);
void __tsan_acquire(void *object);

void __tsan_release(void *object)
{
    ANNOTATE_HAPPENS_BEFORE(object);
}

void __tsan_acquire(void *object)
{
    ANNOTATE_HAPPENS_AFTER(object);
}
