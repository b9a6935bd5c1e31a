#include "cormack/signal.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

typedef struct Channel {
  char *name, *unit; /* NULL: "" and "1" */
} Channel;

struct CmSignal {
  CmContext *ctx;
  atomic_int references;
  int channels;
  int64_t samples;
  double rate_hz;
  double *data;
  Channel *channel;
  CmAnnotation *annotations;
  int64_t annotation_count, annotation_room;
};

CmSignal *cm_signal_create(CmContext *ctx, int channels, int64_t samples, double rate_hz, CmError **err) {
  if (channels < 1 || channels > 1024 || samples < 1 || samples > INT64_MAX / 8 / channels || !(rate_hz > 0) ||
      !isfinite(rate_hz)) {
    cm_error_set(err, CM_ERR_PARAMETER, "a signal of %d channels, %lld samples at %g Hz cannot be; all must be above 0",
                 channels, (long long)samples, rate_hz);
    return NULL;
  }
  CmSignal *signal = cm_calloc(ctx, 1, sizeof *signal, err);
  if (!signal) return NULL;
  *signal = (CmSignal){.ctx = ctx, .channels = channels, .samples = samples, .rate_hz = rate_hz};
  atomic_init(&signal->references, 1);
  signal->channel = cm_calloc(ctx, (size_t)channels, sizeof *signal->channel, err);
  if (signal->channel) signal->data = cm_alloc_array(ctx, (size_t)channels * sizeof(double), (size_t)samples, err);
  if (!signal->data) cm_signal_unref(&signal);
  return signal;
}

CmSignal *cm_signal_ref(CmSignal *signal) {
  atomic_fetch_add(&signal->references, 1);
  return signal;
}

void cm_signal_unref(CmSignal **signal) {
  CmSignal *gone = *signal;
  *signal = NULL;
  if (!gone || atomic_fetch_sub(&gone->references, 1) != 1) return;
  for (int i = 0; gone->channel && i < gone->channels; i++) {
    cm_free(gone->channel[i].name);
    cm_free(gone->channel[i].unit);
  }
  cm_free(gone->channel);
  cm_free(gone->data);
  cm_free(gone->annotations);
  cm_free(gone);
}

int cm_signal_channels(const CmSignal *signal) {
  return signal->channels;
}
int64_t cm_signal_samples(const CmSignal *signal) {
  return signal->samples;
}
double cm_signal_rate_hz(const CmSignal *signal) {
  return signal->rate_hz;
}
const double *cm_signal_data(const CmSignal *signal, int channel) {
  return signal->data + channel * signal->samples;
}
double *cm_signal_data_mut(CmSignal *signal, int channel) {
  return signal->data + channel * signal->samples;
}

const char *cm_signal_name(const CmSignal *signal, int channel) {
  return signal->channel[channel].name ? signal->channel[channel].name : "";
}

const char *cm_signal_unit(const CmSignal *signal, int channel) {
  return signal->channel[channel].unit ? signal->channel[channel].unit : "1";
}

bool cm_signal_set_channel(CmSignal *signal, int channel, const char *name, const char *unit, CmError **err) {
  char *new_name = cm_strdup(signal->ctx, name, err);
  char *new_unit = new_name ? cm_strdup(signal->ctx, unit, err) : NULL;
  if (!new_unit) {
    cm_free(new_name);
    return false;
  }
  cm_free(signal->channel[channel].name);
  cm_free(signal->channel[channel].unit);
  signal->channel[channel] = (Channel){new_name, new_unit};
  return true;
}

bool cm_signal_annotate(CmSignal *signal, const CmAnnotation *annotation, CmError **err) {
  if (annotation->sample < 0 || annotation->sample >= signal->samples || annotation->channel < -1 ||
      annotation->channel >= signal->channels) {
    cm_error_set(err, CM_ERR_PARAMETER, "annotation at sample %lld, channel %d lies outside the signal",
                 (long long)annotation->sample, annotation->channel);
    return false;
  }
  if (signal->annotation_count == signal->annotation_room) {
    int64_t room = signal->annotation_room ? 2 * signal->annotation_room : 64;
    CmAnnotation *grown = cm_realloc(signal->ctx, signal->annotations, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    signal->annotations = grown;
    signal->annotation_room = room;
  }
  signal->annotations[signal->annotation_count++] = *annotation;
  return true;
}

int64_t cm_signal_annotation_count(const CmSignal *signal) {
  return signal->annotation_count;
}
const CmAnnotation *cm_signal_annotations(const CmSignal *signal) {
  return signal->annotations;
}
