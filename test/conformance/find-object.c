/* SPDX-License-Identifier: MIT */
/*
 * gcc's unwinder, if built for glibc, calls _dl_find_object() to find the unwind tables of an address. musl lacks
 * it; this one serves the tests that unwind.
 */
#include <link.h>
#include <stdint.h>

struct object {
    unsigned long long flags;
    void *start;
    void *end;
    void *map;
    void *tables;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t address;
    struct object *result;
};

static int search_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *search = arg;
    uintptr_t tables = 0;
    int found = 0;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            tables = start;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && search->address - start < info->dlpi_phdr[i].p_memsz)
            found = 1;
    }
    if (found)
        *search->result = (struct object){.tables = (void *)tables};
    return found && tables != 0;
}

int _dl_find_object(void *address, struct object *result);

int _dl_find_object(void *address, struct object *result)
{
    struct search search = {.address = (uintptr_t)address, .result = result};

    return dl_iterate_phdr(search_object, &search) ? 0 : -1;
}
