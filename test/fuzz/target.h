/* SPDX-License-Identifier: MIT */
/* What a target is to libFuzzer, to AFL++ and to the replay. It aborts where something is wrong. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
