/* SPDX-License-Identifier: MIT */
/**
 * @file macros.h
 * Macros for the declarations in the other headers. They are not for callers.
 */
#ifndef TSCOUNTER_MACROS_H
#define TSCOUNTER_MACROS_H

#ifdef __cplusplus
#define TSC_BEGIN_DECLS extern "C" {
#define TSC_END_DECLS }
#else
#define TSC_BEGIN_DECLS
#define TSC_END_DECLS
#endif

#ifdef __has_attribute
#if __has_attribute(visibility)
#define TSC_VISIBLE __attribute__((visibility("default")))
#endif
/* A call through the GOT avoids the jump through the PLT; the ABI is the same. */
#if __has_attribute(noplt)
#define TSC_NOPLT __attribute__((noplt))
#endif
#endif

#ifndef TSC_VISIBLE
#define TSC_VISIBLE
#endif
#ifndef TSC_NOPLT
#define TSC_NOPLT
#endif

#define TSC_API TSC_VISIBLE TSC_NOPLT

#endif
