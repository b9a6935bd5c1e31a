/* Stacking rules against closed forms: the frames are made from a known volume, so its geometry, order and faults are
 * known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/dicom/volume.h"

#define MOST 400
#define assert_near(a, b, within) assert_true(fabs((double)(a) - (double)(b)) <= (within))

typedef struct Set {
  CmContext *ctx;
  CmPool pool;
  CmFrame frames[MOST];
  const CmFrame *shuffled[MOST];
  char uid[MOST][16];
  int count;
  CmStackList list;
} Set;

static int set_up(void **state) {
  Set *set = calloc(1, sizeof *set);
  set->ctx = cm_context_create(NULL, NULL);
  cm__pool_start(&set->pool, set->ctx);
  *state = set;
  return 0;
}

static int tear_down(void **state) {
  Set *set = *state;
  cm__pool_free(&set->pool);
  assert_int_equal(cm_context_destroy(&set->ctx), 0);
  free(set);
  return 0;
}

/* A 64x48 axial slice at (0, 0, z), 0.5 x 0.75 mm pixels. */
static CmFrame *add(Set *set, double z) {
  CmFrame *frame = &set->frames[set->count];
  cm__frame_clear(frame);
  /* names in an order that is not that of position */
  snprintf(set->uid[set->count], sizeof set->uid[0], "1.%d", (set->count * 7919) % 997);
  frame->uid = set->uid[set->count];
  frame->file = set->count;
  frame->columns = 64;
  frame->rows = 48;
  frame->position[0] = frame->position[1] = 0;
  frame->position[2] = z;
  static const double axial[6] = {1, 0, 0, 0, 1, 0};
  memcpy(frame->orientation, axial, sizeof axial);
  frame->spacing[0] = 0.5;
  frame->spacing[1] = 0.75;
  frame->fact[CM_FACT_THICKNESS] = 2;
  frame->fact[CM_FACT_INSTANCE] = 1000 - set->count; /* against the order of position */
  set->count++;
  return frame;
}

static void stack(Set *set) {
  CmError *err = NULL;
  set->list = (CmStackList){0};
  for (int i = 0; i < set->count; i++) set->shuffled[i] = &set->frames[(i * 389 + 17) % set->count]; /* 389 is prime */
  if (set->count % 389 == 0) set->shuffled[0] = &set->frames[0];
  assert_true(cm__frames_to_stacks(&set->pool, set->shuffled, set->count, &set->list, &err));
  assert_null(err);
}

static const CmStack *only(Set *set) {
  stack(set);
  assert_int_equal(set->list.count, 1);
  return &set->list.items[0];
}

static void even_grid(void **state) {
  Set *set = *state;
  for (int i = 0; i < 20; i++) add(set, -30 + 2.5 * i);
  const CmStack *s = only(set);
  assert_null(s->defect);
  assert_int_equal(s->rank, 3);
  assert_int_equal(s->slices, 20);
  assert_near(s->geometry.spacing[2], 2.5, 1e-12);
  assert_near(s->geometry.origin[2], -30, 0);
  for (int i = 0; i < 20; i++) assert_int_equal(s->frames[i]->file, i);
  assert_string_equal(s->label, "");
}

/* Positions rounded to one decimal, as old scanners write them: 0.625 mm becomes 0.6, 1.3, 1.9, 2.5, ... */
static void rounded_positions(void **state) {
  Set *set = *state;
  for (int i = 0; i < 100; i++) add(set, floor(0.625 * i * 10 + 0.5) / 10);
  const CmStack *s = only(set);
  assert_null(s->defect);
  assert_near(s->geometry.spacing[2], 0.625, 0.001);
}

/* An oblique volume: direction from two rotations, positions along its normal. */
static void oblique_geometry(void **state) {
  Set *set = *state;
  double a = 0.3, b = -0.7;
  double row[3] = {cos(a), sin(a), 0}, column[3] = {-sin(a) * cos(b), cos(a) * cos(b), sin(b)};
  double normal[3] = {row[1] * column[2] - row[2] * column[1], row[2] * column[0] - row[0] * column[2],
                      row[0] * column[1] - row[1] * column[0]};
  for (int i = 0; i < 12; i++) {
    CmFrame *frame = add(set, 0);
    for (int k = 0; k < 3; k++) {
      frame->orientation[k] = row[k];
      frame->orientation[3 + k] = column[k];
      frame->position[k] = 10 * (k + 1) + 3 * (11 - i) * normal[k]; /* the last made is the first */
    }
  }
  const CmStack *s = only(set);
  assert_null(s->defect);
  assert_near(s->geometry.spacing[2], 3, 1e-9);
  for (int k = 0; k < 3; k++) {
    assert_near(s->geometry.origin[k], 10 * (k + 1), 1e-9);
    assert_near(s->geometry.direction[3 * k], row[k], 1e-12);
    assert_near(s->geometry.direction[3 * k + 1], column[k], 1e-12);
    assert_near(s->geometry.direction[3 * k + 2], normal[k], 1e-12);
  }
  assert_int_equal(s->frames[0]->file, 11);
}

static void missing_slices(void **state) {
  Set *set = *state;
  for (int i = 0; i < 30; i++)
    if (i != 7 && i != 20 && i != 21) add(set, 5.0 * i);
  const CmStack *s = only(set);
  assert_non_null(s->defect);
  assert_true(s->fillable);
  assert_int_equal(s->slices, 27);
  assert_int_equal(s->grid_slices, 30);
  assert_int_equal(s->places[7], 8);
  assert_non_null(strstr(s->defect, "3 slices are missing"));
  assert_non_null(strstr(s->defect, "1 between slice 7 (30.00 mm"));
  assert_non_null(strstr(s->defect, "2 between slice 19 (95.00 mm"));
}

static void uneven_spacing(void **state) {
  Set *set = *state;
  for (int i = 0; i < 20; i++) add(set, i < 10 ? 2.0 * i : 18 + 3.0 * (i - 9));
  const CmStack *s = only(set);
  assert_non_null(s->defect);
  assert_false(s->fillable);
  assert_non_null(strstr(s->defect, "unevenly spaced: 3 mm between slice 10 and slice 11"));
}

/* A gantry tilt of 12 degrees: planes turned about x, stacked along z. */
static void gantry_tilt(void **state) {
  Set *set = *state;
  double angle = 12 * M_PI / 180;
  for (int i = 0; i < 25; i++) {
    CmFrame *frame = add(set, 4.0 * i);
    frame->orientation[4] = cos(angle);
    frame->orientation[5] = sin(angle);
  }
  const CmStack *s = only(set);
  assert_true(s->tilted);
  assert_near(s->tilt_degrees, 12, 1e-9);
  assert_near(s->geometry.spacing[2], 4 * cos(angle), 1e-9);
  assert_near(s->shear[0], 0, 1e-12);
  assert_near(s->shear[1], 4 * sin(angle), 1e-9);
  assert_non_null(strstr(s->defect, "12.00 degrees"));
}

/* Every attribute that must split, one after the other: two interleaved volumes of 6 slices come apart. */
static void every_split(void **state) {
  Set *set = *state;
  for (int rule = 0; rule < 17; rule++) {
    set->count = 0;
    for (int i = 0; i < 12; i++) {
      CmFrame *f = add(set, 2.0 * (i / 2));
      bool second = i % 2;
      switch (rule) {
        case 0:
          f->columns = second ? 128 : 64;
          break;
        case 1:
          f->colour = second;
          break;
        case 2:
          f->spacing[0] = second ? 0.6 : 0.5;
          break;
        case 3:
          if (second) { /* sagittal */
            f->orientation[0] = 0;
            f->orientation[1] = 1;
            f->orientation[4] = 0;
            f->orientation[5] = -1;
            f->position[0] = 2.0 * (i / 2);
            f->position[2] = 0;
          }
          break;
        case 4:
          f->fact[CM_FACT_ECHO_NUMBER] = 1 + second;
          break;
        case 5:
          f->fact[CM_FACT_ECHO_TIME] = second ? 4.9 : 2.4;
          break;
        case 6:
          f->fact[CM_FACT_B_VALUE] = second ? 1000 : 0;
          break;
        case 7:
          f->fact[CM_FACT_THICKNESS] = second ? 5 : 2;
          break;
        case 8:
          f->trait[CM_TRAIT_IMAGE_TYPE] = second ? "DERIVED\\SECONDARY\\MPR" : "ORIGINAL\\PRIMARY\\AXIAL";
          break;
        case 9:
          f->trait[CM_TRAIT_COMPONENT] = second ? "PHASE" : "MAGNITUDE";
          break;
        case 10:
          f->trait[CM_TRAIT_STACK] = second ? "2" : "1";
          break;
        case 11:
          f->trait[CM_TRAIT_KERNEL] = second ? "B70f" : "B30f";
          break;
        case 12:
          f->trait[CM_TRAIT_CLASS] = second ? "1.2.840.10008.5.1.4.1.1.7" : "1.2.840.10008.5.1.4.1.1.2";
          break;
        case 13:
          f->trait[CM_TRAIT_REFERENCE_FRAME] = second ? "1.2" : "1.1";
          break;
        case 14:
          f->fact[CM_FACT_INVERSION_TIME] = second ? 800 : 400;
          break;
        case 15:
          f->fact[CM_FACT_KVP] = second ? 140 : 80;
          break;
        default:
          f->trait[CM_TRAIT_COIL] = second ? "C2" : "C1";
          break;
      }
    }
    stack(set);
    assert_int_equal(set->list.count, 2);
    for (int v = 0; v < 2; v++) {
      const CmStack *s = &set->list.items[v];
      assert_null(s->defect);
      assert_int_equal(s->slices, 6);
      assert_int_equal(s->times, 1);
      for (int i = 0; i < 6; i++) assert_int_equal(s->frames[i]->file % 2, s->frames[0]->file % 2);
      assert_int_equal(s->label[0], '/');
    }
    assert_string_not_equal(set->list.items[0].label, set->list.items[1].label);
  }
}

static void keys_tell_what_split(void **state) {
  Set *set = *state;
  for (int i = 0; i < 8; i++) {
    CmFrame *f = add(set, 2.0 * (i / 4));
    f->fact[CM_FACT_ECHO_NUMBER] = 1 + i % 2;
    f->fact[CM_FACT_B_VALUE] = i % 4 < 2 ? 0 : 1000;
  }
  stack(set);
  assert_int_equal(set->list.count, 4);
  assert_string_equal(set->list.items[0].label, "/echo=1/b=0");
  assert_string_equal(set->list.items[3].label, "/echo=2/b=1000");
}

/* Five time points, by each attribute that says so; the step is 1.5 s. */
static void time_axis(void **state) {
  Set *set = *state;
  static const struct {
    CmFact fact;
    double first, step, seconds;
  } ways[] = {
      {CM_FACT_TIME_OFFSET, 0, 1.5, 1.5},    {CM_FACT_REFERENCE_TIME, 30, 1.5, 1.5},
      {CM_FACT_TRIGGER_TIME, 0, 1.5, 1.5},   {CM_FACT_ACQUISITION_TIME, 4e9, 1.5, 1.5},
      {CM_FACT_CONTENT_TIME, 4e9, 1.5, 1.5}, {CM_FACT_TEMPORAL_INDEX, 1, 1, 1},
      {CM_FACT_CARDIAC_PERCENT, 0, 20, 1},   {CM_FACT_ACQUISITION, 1, 1, 1},
      {CM_FACT_DIMENSION_1, 1, 1, 1},        {CM_FACT_INSTANCE, 1, 4, 1},
  };
  for (int way = 0; way < CM_COUNT(ways); way++) {
    set->count = 0;
    for (int i = 0; i < 20; i++) {
      CmFrame *f = add(set, 2.0 * (i % 4));
      f->fact[CM_FACT_INSTANCE] = ways[way].fact == CM_FACT_INSTANCE ? (double)(i + 1) : (double)NAN;
      if (ways[way].fact != CM_FACT_INSTANCE) f->fact[ways[way].fact] = ways[way].first + ways[way].step * (i / 4);
    }
    const CmStack *s = only(set);
    assert_null(s->defect);
    assert_int_equal(s->rank, 4);
    assert_int_equal(s->times, 5);
    assert_int_equal(s->slices, 4);
    assert_near(s->geometry.spacing_t, ways[way].seconds, 1e-5);
    for (int i = 0; i < 20; i++) assert_int_equal(s->frames[i]->file, i);
  }
}

/* Instance numbers that count the times of one position, then of the next. */
static void times_within_position(void **state) {
  Set *set = *state;
  for (int i = 0; i < 12; i++) add(set, 2.0 * (i / 3))->fact[CM_FACT_INSTANCE] = i + 1;
  const CmStack *s = only(set);
  assert_int_equal(s->times, 3);
  assert_int_equal(s->frames[1]->file, 3);
  assert_int_equal(s->frames[4]->file, 1);
}

/* Dynamic PET with frames of 10, 10, 30 s: no even axis, so three volumes. */
static void uneven_times_split(void **state) {
  Set *set = *state;
  static const double starts[3] = {0, 10, 40};
  for (int i = 0; i < 12; i++) add(set, 2.0 * (i % 4))->fact[CM_FACT_REFERENCE_TIME] = starts[i / 4];
  stack(set);
  assert_int_equal(set->list.count, 3);
  assert_string_equal(set->list.items[2].label, "/reference=40");
  for (int v = 0; v < 3; v++) assert_null(set->list.items[v].defect);
}

/* One time point lacks a slice: it alone has the defect. */
static void incomplete_time(void **state) {
  Set *set = *state;
  for (int i = 0; i < 18; i++)
    if (i != 14) add(set, 2.0 * (i % 6))->fact[CM_FACT_TEMPORAL_INDEX] = 1 + i / 6;
  stack(set);
  assert_int_equal(set->list.count, 3);
  assert_null(set->list.items[0].defect);
  assert_null(set->list.items[1].defect);
  assert_true(set->list.items[2].fillable);
}

/* Twelve directions of one b-value are an axis in the order of acquisition, without a time. */
static void directions(void **state) {
  Set *set = *state;
  static const char *const names[3] = {"1.000000\\0.000000\\0.000000", "0.000000\\1.000000\\0.000000",
                                       "0.000000\\0.000000\\1.000000"};
  for (int i = 0; i < 12; i++) {
    CmFrame *f = add(set, 2.0 * (i % 4));
    f->trait[CM_TRAIT_GRADIENT] = names[i / 4];
    f->fact[CM_FACT_B_VALUE] = 700;
    f->fact[CM_FACT_INSTANCE] = i;
  }
  const CmStack *s = only(set);
  assert_int_equal(s->times, 3);
  assert_string_equal(s->time_name, "gradient");
  assert_ptr_equal(s->frames[0]->trait[CM_TRAIT_GRADIENT], names[0]);
  assert_ptr_equal(s->frames[11]->trait[CM_TRAIT_GRADIENT], names[2]);
}

/* Nothing tells two frames at one place apart. */
static void ambiguous(void **state) {
  Set *set = *state;
  for (int i = 0; i < 9; i++) add(set, 2.0 * (i % 8))->fact[CM_FACT_INSTANCE] = NAN;
  const CmStack *s = only(set);
  assert_non_null(
      strstr(s->defect, "2 frames lie in the same plane (at 0.00, 0.00, 0.00 mm; 9 frames at 8 positions)"));
  assert_false(s->fillable);
}

/* Two acquisitions whose slices interleave unevenly come apart by acquisition number. */
static void interleaved_acquisitions(void **state) {
  Set *set = *state;
  for (int i = 0; i < 10; i++)
    add(set, i % 2 ? 2.0 * (i / 2) + 0.7 : 2.0 * (i / 2))->fact[CM_FACT_ACQUISITION] = 1 + i % 2;
  stack(set);
  assert_int_equal(set->list.count, 2);
  assert_null(set->list.items[0].defect);
  assert_string_equal(set->list.items[1].label, "/acquisition=2");
}

static void localizers(void **state) {
  Set *set = *state;
  for (int i = 0; i < 10; i++) add(set, 2.0 * i)->trait[CM_TRAIT_IMAGE_TYPE] = "ORIGINAL\\PRIMARY\\AXIAL";
  for (int i = 0; i < 3; i++) {
    CmFrame *f = add(set, i * i * 7.0 + 1);
    f->trait[CM_TRAIT_IMAGE_TYPE] = "ORIGINAL\\PRIMARY\\LOCALIZER";
    f->localizer = true;
  }
  stack(set);
  assert_int_equal(set->list.count, 4);
  assert_int_equal(set->list.items[0].slices, 10);
  for (int v = 1; v < 4; v++) assert_int_equal(set->list.items[v].rank, 2);
}

/* No positions: the instance number orders, and the note says so. */
static void without_positions(void **state) {
  Set *set = *state;
  for (int i = 0; i < 6; i++) {
    CmFrame *f = add(set, 0);
    f->position[0] = f->orientation[0] = NAN;
    f->layout = CM_LAYOUT_ORDER;
  }
  const CmStack *s = only(set);
  assert_int_equal(s->slices, 6);
  assert_int_equal(s->frames[0]->file, 5);
  assert_near(s->geometry.spacing[2], 2, 0);
  assert_non_null(strstr(s->note, "instance numbers"));
}

static void pictures_alone(void **state) {
  Set *set = *state;
  for (int i = 0; i < 3; i++) add(set, 2.0 * i)->layout = CM_LAYOUT_ALONE;
  for (int i = 0; i < 4; i++) { /* a film of four frames at 40 ms */
    CmFrame *f = add(set, 0);
    f->layout = CM_LAYOUT_ALONE;
    f->uid = "9.9";
    f->frame = i;
    f->fact[CM_FACT_INSTANCE] = 5000;
    f->fact[CM_FACT_TIME_OFFSET] = 0.04 * i;
  }
  stack(set);
  assert_int_equal(set->list.count, 4);
  assert_int_equal(set->list.items[3].rank, 4);
  assert_int_equal(set->list.items[3].times, 4);
  assert_near(set->list.items[3].geometry.spacing_t, 0.04, 1e-9);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(even_grid),
      CASE(rounded_positions),
      CASE(oblique_geometry),
      CASE(missing_slices),
      CASE(uneven_spacing),
      CASE(gantry_tilt),
      CASE(every_split),
      CASE(keys_tell_what_split),
      CASE(time_axis),
      CASE(times_within_position),
      CASE(uneven_times_split),
      CASE(incomplete_time),
      CASE(directions),
      CASE(ambiguous),
      CASE(interleaved_acquisitions),
      CASE(localizers),
      CASE(without_positions),
      CASE(pictures_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
