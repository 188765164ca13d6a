/* SPDX-License-Identifier: MIT */
/* The entry point that libFuzzer, AFL++ and the replay call. It aborts on a failed check. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
