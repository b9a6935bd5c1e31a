/* Adapter to one build of the IJG codec: the file that includes this one has its headers and CODEC_JPEG, the function's
 * name.
 *
 * The library's way out of an error is a function that must not return; it jumps back here, and nothing is left behind.
 */
#include <setjmp.h>
#include <string.h>

#include "io/dicom/codec_jpeg.h"

/* A progressive file may hold any number of scans, each over the whole image; encoders write about ten. */
#define MOST_SCANS 256

typedef struct JpegJob {
  struct jpeg_decompress_struct codec;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf out;
  char message[JMSG_LENGTH_MAX];
} JpegJob;

static JpegJob *job_of(j_common_ptr codec) {
  return (JpegJob *)codec->client_data;
}

static void on_error(j_common_ptr codec) {
  JpegJob *job = job_of(codec);
  codec->err->format_message(codec, job->message);
  longjmp(job->out, 1);
}

/* Warnings mean damaged data (a bad code, an early end): an error here, where the pixels must be right. Not so where
 * they concern bytes outside the coded data, or the spectral selection of a sequential scan, which can only be the
 * whole block. */
static void on_message(j_common_ptr codec, int level) {
  int code = codec->err->msg_code;
  bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR ||
                  code == JWRN_NOT_SEQUENTIAL;
  if (level < 0 && !harmless) on_error(codec);
}

static void on_output(j_common_ptr codec) {
  (void)codec;
}

static void on_progress(j_common_ptr codec) {
  JpegJob *job = job_of(codec);
  if (job->codec.input_scan_number > MOST_SCANS) {
    snprintf(job->message, sizeof job->message, "more than %d scans", MOST_SCANS);
    longjmp(job->out, 1);
  }
}

static void source_start(j_decompress_ptr codec) {
  (void)codec;
}
static void source_end(j_decompress_ptr codec) {
  (void)codec;
}

static boolean source_fill(j_decompress_ptr codec) {
  JpegJob *job = job_of((j_common_ptr)codec);
  snprintf(job->message, sizeof job->message, "it ends before its last scan does");
  longjmp(job->out, 1);
}

static void source_skip(j_decompress_ptr codec, long count) {
  if (count <= 0) return;
  if ((size_t)count > codec->src->bytes_in_buffer) source_fill(codec);
  codec->src->next_input_byte += count;
  codec->src->bytes_in_buffer -= (size_t)count;
}

static void begin(JpegJob *job, CmCodecInput input) {
  job->codec.err = jpeg_std_error(&job->errors);
  job->codec.client_data = job;
  job->errors.error_exit = on_error;
  job->errors.emit_message = on_message;
  job->errors.output_message = on_output;
  jpeg_create_decompress(&job->codec);
  job->codec.client_data = job;
  job->source = (struct jpeg_source_mgr){.next_input_byte = input.bytes,
                                         .bytes_in_buffer = input.size,
                                         .init_source = source_start,
                                         .fill_input_buffer = source_fill,
                                         .skip_input_data = source_skip,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = source_end};
  job->codec.src = &job->source;
  job->progress.progress_monitor = on_progress;
  job->codec.progress = &job->progress;
}

static void read_lines(JpegJob *job, const CmFrameShape *shape, void *cells) {
  size_t values = (size_t)shape->columns * (size_t)shape->samples, stride = values * (size_t)shape->cell_bytes;
  bool direct = shape->cell_bytes == (int)sizeof(JSAMPLE);
  JSAMPARRAY line = NULL;
  if (!direct) {
    line = job->codec.mem->alloc_sarray((j_common_ptr)&job->codec, JPOOL_IMAGE, (JDIMENSION)values, 1);
  }
  while (job->codec.output_scanline < job->codec.output_height) {
    uint8_t *to = (uint8_t *)cells + (size_t)job->codec.output_scanline * stride;
    JSAMPROW row = direct ? (JSAMPROW)(void *)to : line[0];
    if (jpeg_read_scanlines(&job->codec, &row, 1) != 1) {
      snprintf(job->message, sizeof job->message, "a row could not be decoded");
      longjmp(job->out, 1);
    }
    if (direct) continue;
    for (size_t i = 0; i < values; i++) {
      if (shape->cell_bytes == 1) {
        to[i] = (uint8_t)row[i];
      } else if (shape->cell_bytes == 2) {
        ((uint16_t *)(void *)to)[i] = (uint16_t)row[i];
      } else {
        ((uint32_t *)(void *)to)[i] = (uint32_t)row[i];
      }
    }
  }
}

static void decode(JpegJob *job, const CmJpegHeader *header, const CmFrameShape *shape, void *cells) {
  jpeg_read_header(&job->codec, TRUE);
  if ((int64_t)job->codec.image_width != header->columns || (int64_t)job->codec.image_height != header->rows ||
      job->codec.num_components != header->components || job->codec.data_precision != header->precision) {
    snprintf(job->message, sizeof job->message, "it has two frame headers that differ");
    longjmp(job->out, 1);
  }
  /* the components as they are: what they mean is decided by the caller */
  job->codec.jpeg_color_space = JCS_UNKNOWN;
  job->codec.out_color_space = JCS_UNKNOWN;
  job->codec.dct_method = JDCT_ISLOW;
  job->codec.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&job->codec);
  if ((int64_t)job->codec.output_width != shape->columns || (int64_t)job->codec.output_height != shape->rows ||
      job->codec.output_components != shape->samples) {
    snprintf(job->message, sizeof job->message, "its output has another size than its header");
    longjmp(job->out, 1);
  }
  read_lines(job, shape, cells);
}

/* `job` is not changed between setjmp and longjmp; what it points to is memory, not a register. */
static bool run(JpegJob *job, CmCodecInput input, const CmJpegHeader *header, const CmFrameShape *shape, void *cells) {
  if (setjmp(job->out)) return false;
  begin(job, input);
  decode(job, header, shape, cells);
  return true;
}

bool CODEC_JPEG(CmCodecInput input, const CmJpegHeader *header, const CmFrameShape *shape, void *cells, CmError **err) {
  JpegJob job;
  memset(&job, 0, sizeof job);
  bool ok = run(&job, input, header, shape, cells);
  if (job.codec.mem) jpeg_destroy_decompress(&job.codec);
  if (!ok) cm_error_set(err, CM_ERR_FORMAT, "the JPEG frame is damaged: %s", job.message);
  return ok;
}
