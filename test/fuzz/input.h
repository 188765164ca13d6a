/* SPDX-License-Identifier: MIT */
/* The bytes that a program is read from. After the end, all bytes are 0. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *next;
    const uint8_t *end;
};

static inline size_t input_left(const struct input *input)
{
    return (size_t)(input->end - input->next);
}

static inline uint8_t input_byte(struct input *input)
{
    return input->next == input->end ? 0 : *input->next++;
}

static inline uint64_t input_word(struct input *input)
{
    uint64_t word = 0;

    for (size_t i = 0; i < sizeof word; i++)
        word = word << 8 | input_byte(input);
    return word;
}

#endif
