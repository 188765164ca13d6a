/* SPDX-License-Identifier: MIT */
/**
 * @file metrics.h
 * The named counters of this process as text that Prometheus and others scrape.
 *
 * tscounter.h does not include this header. The conventions of tscounter.h hold here too.
 *
 * **Names.** The name of a counter is `metric` or `metric{label="value",…}`, spelled as in the text and without
 * spaces. In a value, `\\`, `\"` and `\n` stand for a backslash, a quotation mark and a line feed. No label occurs
 * twice, and none begins with two underscores. A counter with any other name is written as `tscounter{name="…"}`
 * or, if it is a total, as `tscounter_counted_total{name="…"}`.
 *
 * **Kinds.** A total (TSC_KIND_TOTAL) is a counter of Prometheus: its samples end with `_total`, which is added if
 * the name lacks it. Every other counter is a gauge. If a counter tracks its peak, that is one more gauge,
 * `NAME_peak`; the peak of `x_total` is `x_peak`.
 *
 * **The same name.** Counters of the same metric, labels and kind are one sample: the sum of their values, which
 * wraps as a counter does, and the highest of their peaks. The order of labels does not matter, and a label with
 * an empty value is the same as none. If a name clashes in any other way, the counter that was created later is
 * written as if its name were not valid: a gauge and a total of one metric; a gauge and a held counter that are
 * one sample; or a metric named as the `_total`, `_created` or `_peak` of an earlier one.
 *
 * **Values** are exact integers. A total that has passed INT64_MAX is written as the unsigned number.
 *
 * A function of this header that states nothing else is:
 *
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 */
#ifndef TSCOUNTER_METRICS_H
#define TSCOUNTER_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <tscounter/macros.h>

TSC_BEGIN_DECLS

/** Counters that processes share. This version has none. */
typedef struct tsc_segment tsc_segment_t;

/** The formats, each with the value of its `Content-Type`. */
enum {
    TSC_METRICS_OPENMETRICS = 0, /**< `application/openmetrics-text; version=1.0.0; charset=utf-8` */
    TSC_METRICS_TEXT = 1         /**< `text/plain; version=0.0.4; charset=utf-8`, of Prometheus */
};

/**
 * Takes a piece of the text. tsc_metrics_write() calls it from the calling thread, with no lock held. It may call
 * every function of this library.
 *
 * @param text the piece, which may end anywhere; it is not terminated, and valid during the call
 * @param bytes its length, which is not 0
 * @param arg as passed to tsc_metrics_write()
 * @return 0 to continue, a negative value to end
 */
typedef int (*tsc_write_fn)(const char *text, size_t bytes, void *arg);

/**
 * Writes the named counters of this process as text.
 *
 * It reads all of them, as tsc_counter_next() lists them, and then calls `write` with the text, piece by piece.
 * Both formats have the same samples. OpenMetrics ends with `# EOF`, so a text that was cut short is noticed.
 *
 * A read waits where tsc_counter_get() does. The call holds a reference on each counter while it reads it. If that
 * was the last one, the call waits as tsc_counter_unref() does. It holds none during `write`. If cancellation or a
 * C++ exception leaves `write`, its memory is freed.
 *
 * @param format TSC_METRICS_OPENMETRICS or TSC_METRICS_TEXT
 * @param segment NULL: the counters of this process
 * @param write takes the text
 * @param arg passed to `write`
 * @retval 0 success; or the negative value that `write` returned
 * @retval -EINVAL `format` is unknown, `write` is NULL, or `write` returned a positive value
 * @retval -ENOTSUP `segment` is not NULL, or the text is not part of this build
 * @retval -EDEADLK inside an update callback, on whatever counter, or on an owner's thread
 * @retval -ENOMEM out of memory; `write` was not called
 * @ordering acquire
 * @safety MT-Safe, AS-Unsafe, a cancellation point where `write` is a callback that has one
 * @since 1.0
 */
TSC_API int tsc_metrics_write(uint32_t format, tsc_segment_t *segment, tsc_write_fn write, void *arg);

TSC_END_DECLS

#endif
