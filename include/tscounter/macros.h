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
#if __has_attribute(warn_unused_result)
#define TSC_CHECKED __attribute__((warn_unused_result))
#endif
#endif

#ifndef TSC_VISIBLE
#define TSC_VISIBLE
#endif
#ifndef TSC_NOPLT
#define TSC_NOPLT
#endif
/* A caller that ignores the result of such a function cannot be right. */
#ifndef TSC_CHECKED
#define TSC_CHECKED
#endif

#define TSC_API TSC_VISIBLE TSC_NOPLT

#endif
