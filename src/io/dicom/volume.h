/* Volumes out of frames: what is known of a frame, how frames are told apart, and how they stack. Pure functions on
 * plain structs: nothing here opens a file. docs/dicom-volumes.md has the rules and their sources. */
#ifndef CORMACK_IO_DICOM_VOLUME_H
#define CORMACK_IO_DICOM_VOLUME_H

#include "cormack/dicom.h"
#include "io/dicom/pool.h"

/* Numbers that tell frames of one series apart. NAN: absent. Columns: code, name in keys, role, tolerance (absolute if
 * >= 0, else relative to the larger). SPLIT   frames that differ never stack PLACE   tells volumes apart where frames
 * lie at the same position (not a time) TIME    makes the fourth axis where frames lie at the same position; a value
 * per time point ORDER   makes the fourth axis by rank at each position */
#define CM_FACT_MAP(X)                              \
  X(ECHO_NUMBER, "echo", SPLIT, 0.0)                \
  X(ECHO_TIME, "te", SPLIT, -0.01)                  \
  X(B_VALUE, "b", SPLIT, 0.5)                       \
  X(THICKNESS, "thickness", SPLIT, -0.1)            \
  X(KVP, "kvp", PLACE, 0.5)                         \
  X(INVERSION_TIME, "ti", PLACE, -0.001)            \
  X(FLIP_ANGLE, "flip", PLACE, 0.01)                \
  X(REPETITION_TIME, "tr", PLACE, -0.001)           \
  X(TEMPORAL_INDEX, "time", TIME, 0.0)              \
  X(TIME_OFFSET, "offset", TIME, 0.0005)            \
  X(REFERENCE_TIME, "reference", TIME, 0.0005)      \
  X(TRIGGER_TIME, "trigger", TIME, 0.0005)          \
  X(CARDIAC_PERCENT, "cardiac", TIME, 0.01)         \
  X(RESPIRATORY_PERCENT, "respiratory", TIME, 0.01) \
  X(DIMENSION_1, "dim1", TIME, 0.0)                 \
  X(DIMENSION_2, "dim2", TIME, 0.0)                 \
  X(DIMENSION_3, "dim3", TIME, 0.0)                 \
  X(ACQUISITION, "acquisition", TIME, 0.0)          \
  X(ACQUISITION_TIME, "acquired", ORDER, 0.0)       \
  X(CONTENT_TIME, "content", ORDER, 0.0)            \
  X(INSTANCE, "instance", ORDER, 0.0)

typedef enum CmFact {
#define CM_FACT_ENUM(code, name, role, tolerance) CM_FACT_##code,
  CM_FACT_MAP(CM_FACT_ENUM)
#undef CM_FACT_ENUM
      CM_FACT_COUNT
} CmFact;

/* Texts that tell frames apart; all split, the gradient is an axis where frames lie at the same position. NULL: absent.
 */
#define CM_TRAIT_MAP(X)       \
  X(CLASS, "class")           \
  X(REFERENCE_FRAME, "frame") \
  X(IMAGE_TYPE, "type")       \
  X(COMPONENT, "component")   \
  X(STACK, "stack")           \
  X(KERNEL, "kernel")         \
  X(COIL, "coil")             \
  X(GRADIENT, "gradient")

typedef enum CmTrait {
#define CM_TRAIT_ENUM(code, name) CM_TRAIT_##code,
  CM_TRAIT_MAP(CM_TRAIT_ENUM)
#undef CM_TRAIT_ENUM
      CM_TRAIT_COUNT
} CmTrait;

/* How the frames of an object lie in space. */
typedef enum CmLayout {
  CM_LAYOUT_SPACE, /* each frame has its position and orientation */
  CM_LAYOUT_ORDER, /* slices without position: only the instance number orders them */
  CM_LAYOUT_ALONE, /* a picture of its own: projection, secondary capture, localizer without a stack */
} CmLayout;

typedef struct CmFrame {
  int32_t file;  /* index of its instance */
  int32_t frame; /* 0-based in the file */
  CmLayout layout;
  const char *uid; /* SOPInstanceUID; with `frame` the last resort of every order */
  bool colour;
  bool localizer;
  int64_t rows, columns;
  double position[3];    /* mm, LPS, centre of the first pixel; NAN where absent */
  double orientation[6]; /* unit vectors along a row (x) and down a column (y); NAN where absent */
  double spacing[2];     /* mm: between columns (x), between rows (y); NAN where absent */
  double slice_spacing;  /* mm, SpacingBetweenSlices; NAN where absent */
  double slope, intercept;
  double fact[CM_FACT_COUNT];
  const char *trait[CM_TRAIT_COUNT];
} CmFrame;

/* Frames that make one image. `frames[t * slices + s]` lies at grid place `places[s]` of `grid_slices` along z. */
typedef struct CmStack {
  const CmFrame **frames;
  int64_t slices, times;
  int64_t *places;
  int64_t grid_slices;
  int rank;
  CmGeometry geometry; /* of the whole grid, gaps filled */
  double shear[2];     /* mm along x and y from one place to the next: gantry tilt; 0 where there is none */
  double tilt_degrees;
  bool fillable, tilted; /* the defect is a gap; a tilt (both may be) */
  const char *defect;    /* NULL: can be read */
  const char *note;      /* NULL, or what the reader should know */
  const char *time_name; /* what the fourth axis is: "acquisition", "gradient", ...; NULL where there is none */
  const double
      *time_values;  /* `times` numbers in the unit of the fact (seconds where it is a time); NULL where unknown */
  const char *label; /* "/echo=2/b=1000"; "" where the series is one volume */
} CmStack;

typedef struct CmStackList {
  CmStack *items;
  int count, room;
} CmStackList;

/* How far a slice may lie from its place on the even grid, as part of the slice spacing; and across, as part of the
 * pixel spacing. */
#define CM_SPACING_TOLERANCE 0.1
/* Frames no further apart along the normal than this part of the pixel spacing are at the same position. */
#define CM_SAME_POSITION 0.01
/* How far a time point may lie from its place on the even time axis, as part of the step. */
#define CM_TIME_TOLERANCE 0.05

void cm__frame_clear(CmFrame *frame); /* everything absent */
/* Splits the frames of one series into stacks, appended to `list`; everything lives in the pool. The order of `frames`
 * does not matter. */
bool cm__frames_to_stacks(CmPool *pool, const CmFrame *const *frames, int64_t count, CmStackList *list, CmError **err);

/* Parts of the above. */

#define CM_FARTHEST 1e7 /* mm: 10 km from the origin there are no patients, only broken numbers */
bool cm__frame_has_position(const CmFrame *frame);
/* Size of a voxel across the slice: spacing between slices, else slice thickness; NAN where unknown. */
double cm__frame_depth(const CmFrame *frame);

typedef enum CmRole { CM_ROLE_SPLIT, CM_ROLE_PLACE, CM_ROLE_TIME, CM_ROLE_ORDER } CmRole;
const char *cm__fact_name(CmFact fact);
CmRole cm__fact_role(CmFact fact);
bool cm__fact_same(CmFact fact, double a, double b); /* within the fact's tolerance; absent equals absent */
const char *cm__trait_name(CmTrait trait);
/* Total order by instance number, SOPInstanceUID and frame: the same whatever the order of files. */
int cm__frame_order(const CmFrame *a, const CmFrame *b);
/* Unit axes and normal out of an orientation; false where its vectors are absent, not of unit length or not at right
 * angles. */
bool cm__frame_axes(const CmFrame *frame, double direction[9]);

/* Stacks frames that differ in nothing but place and time: finds positions, grid, gaps, tilt and time axis; splits
 * further where time or acquisition asks for it. `label` is what has split them so far. */
bool cm__stack_assemble(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                        CmError **err);
/* Frames without positions: slices ordered by instance number, or a picture with the frames of its file as time points.
 */
bool cm__stack_ordered(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                       CmError **err);
bool cm__stack_alone(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                     CmError **err);
/* Appends a zeroed stack with room for slices * times frames. */
CmStack *cm__stack_new(CmPool *pool, CmStackList *list, int64_t slices, int64_t times, const char *label,
                       CmError **err);
/* Adds to stack->note; false: no memory, also where text is NULL. */
bool cm__stack_note(CmPool *pool, CmStack *stack, const char *text, CmError **err);
/* Spacing in the plane and, for a single slice, across it, from a frame. */
bool cm__stack_spacing(CmPool *pool, CmStack *stack, const CmFrame *frame, CmError **err);
/* Sets the fourth axis of a stack whose frames are in place: values, step and name; *even tells whether the times are
 * evenly spaced. */
bool cm__stack_clock(CmPool *pool, CmStack *stack, const char *name, CmFact fact, bool *even, CmError **err);

typedef enum CmGridKind { CM_GRID_EVEN, CM_GRID_GAPS, CM_GRID_IRREGULAR } CmGridKind;
typedef struct CmGrid {
  CmGridKind kind;
  double step;       /* mm between neighbouring places */
  int64_t places;    /* how many the grid has, gaps included */
  int64_t worst;     /* irregular: the slice after which the step is off */
  double worst_step; /* mm */
} CmGrid;
/* Finds the even grid through `count` >= 2 ascending positions; place[i] is the grid place of slice i. */
CmGrid cm__grid_fit(const double *position, int64_t count, int64_t *place);

#endif
