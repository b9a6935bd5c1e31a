/* CmSignal: channels x samples with a sampling rate, units and annotations (ECG). */
#ifndef CORMACK_SIGNAL_H
#define CORMACK_SIGNAL_H

#include "cormack/context.h"

typedef struct CmAnnotation {
  int64_t sample; /* 0-based */
  int channel;    /* -1: all */
  char code[16];  /* e.g. "N", "V" */
} CmAnnotation;

/* Samples undefined, names "", units "1". channels 1..1024, samples >= 1, rate_hz > 0. */
CM_API CM_NODISCARD CmSignal *cm_signal_create(CmContext *ctx, int channels, int64_t samples, double rate_hz,
                                               CmError **err);
CM_API CmSignal *cm_signal_ref(CmSignal *signal);
CM_API void cm_signal_unref(CmSignal **signal);
CM_API int cm_signal_channels(const CmSignal *signal);
CM_API int64_t cm_signal_samples(const CmSignal *signal);
CM_API double cm_signal_rate_hz(const CmSignal *signal);
CM_API const double *cm_signal_data(const CmSignal *signal, int channel); /* samples values; borrowed */
CM_API double *cm_signal_data_mut(CmSignal *signal, int channel);
CM_API const char *cm_signal_name(const CmSignal *signal, int channel);
CM_API const char *cm_signal_unit(const CmSignal *signal, int channel);
CM_API bool cm_signal_set_channel(CmSignal *signal, int channel, const char *name, const char *unit, CmError **err);
CM_API bool cm_signal_annotate(CmSignal *signal, const CmAnnotation *annotation, CmError **err);
CM_API int64_t cm_signal_annotation_count(const CmSignal *signal);
CM_API const CmAnnotation *cm_signal_annotations(const CmSignal *signal); /* borrowed; in order of insertion */

#endif
