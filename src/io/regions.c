/* The regions of label maps, DICOM segmentations and structure sets, on the grid of an image. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "io/dicom/contours.h"
#include "io/dicom/read.h"
#include "io/label_index.h"
#include "io/regions.h"

#define SEGMENTATION_UID "1.2.840.10008.5.1.4.1.1.66.4"
#define CONTOURS_UID "1.2.840.10008.5.1.4.1.1.481.3"

CmRegionSource cm_region_source(CmContext *ctx, const char *path) {
  char uid[80] = "";
  CmDicom *file = cm_dicom_sniff(path) ? cm_dicom_open(ctx, path, CM_DICOM_REMAINS, NULL) : NULL;
  if (file) cm_dicom_text(cm_dicom_root(file), CM_TAG(8, 0x16), uid, sizeof uid);
  cm_dicom_close(&file);
  if (strcmp(uid, SEGMENTATION_UID) == 0) return CM_REGIONS_SEGMENTATION;
  return strcmp(uid, CONTOURS_UID) == 0 ? CM_REGIONS_CONTOURS : CM_REGIONS_MAP;
}

/* ---- which there are, and which are wanted
 */

static bool add_region(CmRegions *regions, int64_t number, const char *name, CmError **err) {
  if (regions->count == CM__MOST_LABELS) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "more than %d regions", CM__MOST_LABELS);
    return false;
  }
  if (regions->count == regions->room) {
    const int room = regions->room ? 2 * regions->room : 16;
    CmRegion *grown = cm_realloc(regions->ctx, regions->items, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    regions->items = grown;
    regions->room = room;
  }
  char *kept = cm_strdup(regions->ctx, name ? name : "", err);
  if (!kept) return false;
  regions->items[regions->count++] = (CmRegion){.number = number, .name = kept};
  return true;
}

/* The items of a sequence that have a number and may have a name. */
static bool list_items(CmRegions *regions, const CmDicom *file, uint32_t sequence, uint32_t number_tag,
                       uint32_t name_tag, CmError **err) {
  CmDicomElement element;
  CmDicomSet item;
  if (!cm_dicom_find(cm_dicom_root(file), sequence, &element)) return true;
  for (uint64_t at = 0; cm_dicom_item(&element, &at, &item);) {
    char name[256];
    int64_t number;
    if (cm_dicom_int(item, number_tag, 0, &number) &&
        !add_region(regions, number, cm_dicom_text(item, name_tag, name, sizeof name), err))
      return false;
  }
  return true;
}

static bool is_meant(const CmRegion *region, const char *text, size_t size) {
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)region->number);
  return (strlen(region->name) == size && strncmp(region->name, text, size) == 0) ||
         (strlen(number) == size && strncmp(number, text, size) == 0);
}

static bool refuse_missing(const CmRegions *regions, const char *text, size_t size, CmError **err) {
  char known[600] = "";
  for (int k = 0; k < regions->count && strlen(known) < 500; k++) {
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%lld «%.80s»", used ? ", " : "", (long long)regions->items[k].number,
             regions->items[k].name);
  }
  cm_error_set(err, CM_ERR_MISSING, "it has no region «%.*s»; it has %s", (int)(size < 200 ? size : 200), text,
               *known ? known : "none");
  return false;
}

/* Marks what `only` means: a whole name, or names and numbers between commas. */
static bool mark(const CmRegions *regions, const char *only, bool *wanted, CmError **err) {
  bool whole = false;
  for (int k = 0; k < regions->count; k++) whole |= wanted[k] = is_meant(&regions->items[k], only, strlen(only));
  for (const char *text = only; !whole && *text;) {
    const size_t size = strcspn(text, ",");
    bool found = false;
    for (int k = 0; k < regions->count; k++)
      if (is_meant(&regions->items[k], text, size)) found = wanted[k] = true;
    if (!found) return refuse_missing(regions, text, size, err);
    text += size + (text[size] == ',');
  }
  return true;
}

static bool choose(CmRegions *regions, const char *only, CmError **err) {
  if (!only || !*only) return true;
  bool *wanted = cm_calloc(regions->ctx, (size_t)regions->count + 1, sizeof *wanted, err);
  if (!wanted || !mark(regions, only, wanted, err)) {
    cm_free(wanted);
    return false;
  }
  int kept = 0;
  for (int k = 0; k < regions->count; k++)
    if (wanted[k])
      regions->items[kept++] = regions->items[k];
    else
      cm_free((char *)regions->items[k].name);
  regions->count = kept;
  cm_free(wanted);
  return true;
}

/* ---- into layers
 */

bool cm__region_span(void *user, int64_t first, int64_t step, int64_t count, CmError **err) {
  CmRegions *regions = user;
  (void)err;
  for (int64_t k = 0, at = first; k < count; k++, at += step) regions->mask[at] = 1;
  const int64_t end = first + (count - 1) * step + 1;
  if (first < regions->begin) regions->begin = first;
  if (end > regions->end) regions->end = end;
  return true;
}

static CmImage *add_layer(CmRegions *regions, CmError **err) {
  CmImage **grown = cm_realloc(regions->ctx, regions->layers, (size_t)(regions->layer_count + 1) * sizeof(*grown), err);
  if (!grown) return NULL;
  regions->layers = grown;
  CmImage *layer = cm_image_create(regions->ctx, CM_U16, cm_image_rank(regions->like) < 3 ? 2 : 3,
                                   cm_image_dims(regions->like), 1, err);
  if (layer && !cm_image_set_geometry(layer, cm_image_geometry(regions->like), err)) cm_image_unref(&layer);
  if (!layer) return NULL;
  memset(cm_image_data_mut(layer), 0, cm_image_bytes(layer));
  return regions->layers[regions->layer_count++] = layer;
}

/* Counts what region `at` shares with the others of a layer; false: nothing. */
static bool count_shared(CmRegions *regions, int at, const CmImage *layer) {
  const uint16_t *label = cm_image_data(layer);
  bool any = false;
  for (int64_t i = regions->begin; i < regions->end; i++)
    if (regions->mask[i] && label[i]) {
      regions->shared[at * regions->count + label[i] - 1]++;
      any = true;
    }
  return any;
}

/* Moves the mask into the first layer that has room for it. */
static bool keep_mask(CmRegions *regions, int at, CmError **err) {
  CmRegion *region = &regions->items[at];
  region->layer = -1;
  for (int k = 0; k < regions->layer_count; k++)
    if (!count_shared(regions, at, regions->layers[k]) && region->layer < 0) region->layer = k;
  if (region->layer < 0) {
    region->layer = regions->layer_count;
    if (!add_layer(regions, err)) return false;
  }
  CmImage *layer = regions->layers[region->layer];
  uint8_t rgb[3];
  cm_label_colour(at + 1, rgb);
  region->label = at + 1;
  if (*region->name && !cm_image_set_label(layer, region->label, region->name, rgb, err)) return false;
  uint16_t *label = cm_image_data_mut(layer);
  for (int64_t i = regions->begin; i < regions->end; i++)
    if (regions->mask[i]) {
      label[i] = (uint16_t)region->label;
      region->voxels++;
    }
  if (regions->end > regions->begin) memset(regions->mask + regions->begin, 0, (size_t)(regions->end - regions->begin));
  regions->begin = INT64_MAX;
  regions->end = 0;
  return true;
}

static bool start_masks(CmRegions *regions, CmError **err) {
  const int64_t *dims = cm_image_dims(regions->like);
  const size_t count = (size_t)regions->count;
  regions->begin = INT64_MAX;
  regions->mask = cm_calloc(regions->ctx, (size_t)(dims[0] * dims[1] * dims[2]), 1, err);
  regions->shared = regions->mask ? cm_calloc(regions->ctx, count * count + 1, sizeof *regions->shared, err) : NULL;
  return regions->shared != NULL;
}

static bool tell_overlaps(CmRegions *regions, CmError **err) {
  const int n = regions->count;
  for (int a = 0; a < n; a++) {
    CmTextBuffer text;
    cm__text_start(&text, regions->ctx, err);
    cm__text_add(&text, "");
    for (int b = 0; b < n; b++) {
      const int64_t both = regions->shared[a > b ? a * n + b : b * n + a];
      if (a == b || both == 0) continue;
      cm__text_addf(&text, "%s%lld in %s", text.size ? ", " : "", (long long)both, regions->items[b].name);
      if (!*regions->items[b].name) cm__text_addf(&text, "%lld", (long long)regions->items[b].number);
    }
    regions->items[a].overlaps = cm__text_finish(&text);
    if (!regions->items[a].overlaps) return false;
  }
  return true;
}

/* ---- sources
 */

static bool check_frame(const CmImage *mask, const CmImage *like, CmError **err) {
  const char *a = cm_image_meta(mask, "FrameOfReferenceUID"), *b = cm_image_meta(like, "FrameOfReferenceUID");
  if (!a || !b || !*a || !*b || strcmp(a, b) == 0) return true;
  cm_error_set(err, CM_ERR_GEOMETRY,
               "it is in the frame of reference %s, the image is in %s; give the image that it was drawn on", a, b);
  return false;
}

/* A region of an image that holds it alone, or among others. */
static bool place_image(CmRegions *regions, int at, const CmImage *mask, const CmLabelIndex *index,
                        const CmRegionOptions *options, CmError **err) {
  CmRegion *region = &regions->items[at];
  CmPlacement placement;
  if (!cm__region_placement(mask, regions->like, options->resample, &placement, err)) return false;
  for (int64_t k = 0; k < index->count; k++)
    if (index->values[k] == region->number)
      region->outside = cm__region_place(regions, index->at, cm_image_dims(mask), (uint16_t)(k + 1), &placement);
  return keep_mask(regions, at, err);
}

static bool read_segment(CmRegions *regions, const CmDicomScan *scan, int volume, int at,
                         const CmRegionOptions *options, CmError **err) {
  CmReadOptions read;
  CmLabelIndex index = {0};
  cm_read_default_options(&read);
  read.segment = regions->items[at].number;
  CmImage *mask = cm_dicom_read_volume(regions->ctx, scan, volume, &read, err);
  const bool good = mask && check_frame(mask, regions->like, err) &&
                    cm__label_index_make(regions->ctx, mask, &index, err) &&
                    place_image(regions, at, mask, &index, options, err);
  cm__label_index_free(&index);
  cm_image_unref(&mask);
  if (!good) cm_error_context(err, "segment %lld «%s»", (long long)regions->items[at].number, regions->items[at].name);
  return good;
}

static bool read_segments(CmRegions *regions, const char *path, const CmRegionOptions *options, CmError **err) {
  CmDicom *file = cm_dicom_open(regions->ctx, path, CM_DICOM_HEADER, err);
  bool good = file && list_items(regions, file, CM_TAG(0x62, 2), CM_TAG(0x62, 4), CM_TAG(0x62, 5), err) &&
              choose(regions, options->only, err) && start_masks(regions, err);
  cm_dicom_close(&file);
  CmDicomScan *scan = good ? cm_dicom_scan(regions->ctx, &path, 1, err) : NULL;
  const int volume = scan ? cm__dicom_select(regions->ctx, scan, path, NULL, err) : -1;
  good = volume >= 0;
  for (int k = 0; good && k < regions->count; k++) good = read_segment(regions, scan, volume, k, options, err);
  cm_dicom_scan_free(&scan);
  return good;
}

static bool read_contour(CmRegions *regions, const CmDicom *file, int at, CmError **err) {
  CmRegion *region = &regions->items[at];
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)region->number);
  CmContourSet *set = cm__contours_open(regions->ctx, file, regions->like, number, err);
  bool good = set != NULL;
  for (int k = 0; good && k < cm__contours_count(set); k++) {
    const CmContourRoi *roi = cm__contours_roi(set, k);
    if (roi->number != region->number) continue; /* another's name is this number */
    good = cm__contours_fill(set, k, cm__region_span, regions, err);
    region->outside = roi->beyond;
  }
  cm__contours_close(&set);
  return good && keep_mask(regions, at, err);
}

static bool read_contours(CmRegions *regions, const char *path, const CmRegionOptions *options, CmError **err) {
  CmDicom *file = cm_dicom_open(regions->ctx, path, CM_DICOM_WHOLE, err);
  bool good = file &&
              list_items(regions, file, CM_TAG(0x3006, 0x20), CM_TAG(0x3006, 0x22), CM_TAG(0x3006, 0x26), err) &&
              choose(regions, options->only, err) && start_masks(regions, err);
  for (int k = 0; good && k < regions->count; k++) good = read_contour(regions, file, k, err);
  cm_dicom_close(&file);
  return good;
}

static bool read_map(CmRegions *regions, const char *path, const CmRegionOptions *options, CmError **err) {
  CmLabelIndex index = {0};
  CmImage *map = cm_image_read(regions->ctx, path, NULL, err);
  bool good = map && check_frame(map, regions->like, err) && cm__label_index_make(regions->ctx, map, &index, err);
  for (int64_t k = 0; good && k < index.count; k++) {
    CmLabel label;
    const bool named = cm_image_find_label(map, index.values[k], &label);
    good = add_region(regions, index.values[k], named ? label.name : NULL, err);
  }
  good = good && choose(regions, options->only, err) && start_masks(regions, err);
  for (int k = 0; good && k < regions->count; k++) good = place_image(regions, k, map, &index, options, err);
  cm__label_index_free(&index);
  cm_image_unref(&map);
  return good;
}

CmRegions *cm_regions_read(CmContext *ctx, const char *path, const CmImage *like, const CmRegionOptions *options,
                           CmError **err) {
  static bool (*const read[])(CmRegions *, const char *, const CmRegionOptions *, CmError **) = {
      [CM_REGIONS_MAP] = read_map, [CM_REGIONS_SEGMENTATION] = read_segments, [CM_REGIONS_CONTOURS] = read_contours};
  const CmRegionOptions defaults = {.only = NULL};
  CmRegions *regions = cm_calloc(ctx, 1, sizeof *regions, err);
  if (!regions) return NULL;
  *regions = (CmRegions){.ctx = ctx, .like = like};
  bool good = read[cm_region_source(ctx, path)](regions, path, options ? options : &defaults, err);
  if (good && regions->count == 0) {
    cm_error_set(err, CM_ERR_DATA, "it has no region; give a mask with voxels other than 0");
    good = false;
  }
  good = good && tell_overlaps(regions, err);
  cm_free(regions->mask);
  regions->mask = NULL;
  regions->like = NULL;
  if (good) return regions;
  cm_error_context(err, "%s", path);
  cm_regions_free(&regions);
  return NULL;
}

void cm_regions_free(CmRegions **regions) {
  CmRegions *old = *regions;
  if (!old) return;
  for (int k = 0; k < old->count; k++) {
    cm_free((char *)old->items[k].name);
    cm_free((char *)old->items[k].overlaps);
  }
  for (int k = 0; k < old->layer_count; k++) cm_image_unref(&old->layers[k]);
  cm_free(old->items);
  cm_free(old->layers);
  cm_free(old->shared);
  cm_free(old->mask);
  cm_free(old);
  *regions = NULL;
}

int cm_regions_count(const CmRegions *regions) {
  return regions->count;
}

const CmRegion *cm_regions_at(const CmRegions *regions, int at) {
  return &regions->items[at];
}

int cm_regions_layers(const CmRegions *regions) {
  return regions->layer_count;
}

CmImage *cm_regions_layer(const CmRegions *regions, int at) {
  return regions->layers[at];
}
