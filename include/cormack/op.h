/* Operations: described functions from images, label maps, tables and signals to the same.
 *
 * The description is the one place where a parameter's name, type, unit, default, range and help stand; command line,
 * study files, Python, docs and fuzzers follow from it. Adding an operation is one .c with one CM_OP in
 * src/ops/<family>/ (found by scanning) and one test.
 *
 *   typedef struct { double sigma; int32_t edge; } GaussianParams;
 *   static const CmParam params[] = {
 *     CM_PARAM_REAL(GaussianParams, sigma, 1.0, 0.0, 100.0, "mm", "standard deviation"),
 *     CM_PARAM_ENUM(GaussianParams, edge, "replicate|mirror|zero", "replicate", "what lies beyond the border"),
 *   };
 *   CM_OP(gaussian) = {
 *     .name = "gaussian", .family = "filter", .since = "0.1", .summary = "Smooth with a Gaussian.",
 *     CM_OP_PARAMS(GaussianParams, params), CM_OP_INPUTS(inputs), CM_OP_OUTPUTS(outputs),
 *     .geometry = CM_GEOMETRY_KEEP, .tolerance = 1e-6, .cite = "...", .examples = "...", .run = run,
 *   };
 */
#ifndef CORMACK_OP_H
#define CORMACK_OP_H

#include "cormack/image.h"
#include "cormack/signal.h"
#include "cormack/table.h"

typedef enum CmParamType {
  CM_BOOL,  /* bool */
  CM_INT,   /* int64_t */
  CM_REAL,  /* double */
  CM_ENUM,  /* int32_t: index into the choices */
  CM_TEXT,  /* CmText */
  CM_INTS,  /* CmInts: up to CM_LIST_MAX, written "2,2,1" */
  CM_REALS, /* CmReals */
} CmParamType;

#define CM_LIST_MAX 64
#define CM_TEXT_MAX 512
typedef struct CmInts {
  int32_t count;
  int64_t value[CM_LIST_MAX];
} CmInts;
typedef struct CmReals {
  int32_t count;
  double value[CM_LIST_MAX];
} CmReals;
typedef struct CmText {
  char value[CM_TEXT_MAX];
} CmText; /* UTF-8, zero-terminated; "" = not given */

typedef struct CmParam {
  const char *name; /* as typed: --name, name=..., name: ... */
  CmParamType type;
  size_t offset;            /* in the operation's parameter struct */
  const char *initial;      /* the default, as text that the parser reads */
  double min, max;          /* inclusive; for INT, REAL and each item of INTS, REALS */
  int min_count, max_count; /* of list items */
  const char *choices;      /* ENUM: "a|b|c" */
  const char *unit;         /* "mm", "voxel", "HU", "1", ... */
  const char *help;         /* one sentence without full stop */
} CmParam;

#define CM_STRINGIFY_(x) #x
#define CM_PARAM_BOOL(S, field, initial_, help_) \
  { .name = #field, .type = CM_BOOL, .offset = offsetof(S, field), .initial = initial_, .unit = "", .help = help_ }
#define CM_PARAM_INT(S, field, initial_, min_, max_, unit_, help_)                                    \
  {                                                                                                   \
    .name = #field, .type = CM_INT, .offset = offsetof(S, field), .initial = CM_STRINGIFY_(initial_), \
    .min = (double)(min_), .max = (double)(max_), .unit = unit_, .help = help_                        \
  }
#define CM_PARAM_REAL(S, field, initial_, min_, max_, unit_, help_)                                                   \
  {                                                                                                                   \
    .name = #field, .type = CM_REAL, .offset = offsetof(S, field), .initial = CM_STRINGIFY_(initial_), .min = (min_), \
    .max = (max_), .unit = unit_, .help = help_                                                                       \
  }
#define CM_PARAM_ENUM(S, field, choices_, initial_, help_)                                                   \
  {                                                                                                          \
    .name = #field, .type = CM_ENUM, .offset = offsetof(S, field), .initial = initial_, .choices = choices_, \
    .unit = "", .help = help_                                                                                \
  }
#define CM_PARAM_TEXT(S, field, initial_, help_) \
  { .name = #field, .type = CM_TEXT, .offset = offsetof(S, field), .initial = initial_, .unit = "", .help = help_ }
/* initial_ as text, e.g. "1,1,1" or "" for none */
#define CM_PARAM_INTS(S, field, initial_, min_, max_, min_count_, max_count_, unit_, help_)                    \
  {                                                                                                            \
    .name = #field, .type = CM_INTS, .offset = offsetof(S, field), .initial = initial_, .min = (double)(min_), \
    .max = (double)(max_), .min_count = min_count_, .max_count = max_count_, .unit = unit_, .help = help_      \
  }
#define CM_PARAM_REALS(S, field, initial_, min_, max_, min_count_, max_count_, unit_, help_)                           \
  {                                                                                                                    \
    .name = #field, .type = CM_REALS, .offset = offsetof(S, field), .initial = initial_, .min = (min_), .max = (max_), \
    .min_count = min_count_, .max_count = max_count_, .unit = unit_, .help = help_                                     \
  }

typedef enum CmKind { CM_KIND_NONE, CM_KIND_IMAGE, CM_KIND_LABELS, CM_KIND_TABLE, CM_KIND_SIGNAL } CmKind;
CM_API const char *cm_kind_name(CmKind kind); /* "image", "labels", "table", "signal" */

/* What flows in and out. A label map is an integer image; an image port takes any image. */
typedef struct CmValue {
  CmKind kind;
  union {
    CmImage *image; /* CM_KIND_IMAGE and CM_KIND_LABELS */
    CmTable *table;
    CmSignal *signal;
  };
} CmValue;
CM_API void cm_value_unref(CmValue *value); /* releases what it holds, sets CM_KIND_NONE */
CM_API CmValue cm_value_image(CmImage *image);
CM_API CmValue cm_value_labels(CmImage *image);
CM_API CmValue cm_value_table(CmTable *table);

typedef struct CmPort {
  const char *name; /* required ports are positional on the command line, optional ones are --name FILE */
  CmKind kind;
  bool optional;
  uint32_t types;  /* accepted voxel types (CM_TYPE_BIT); 0: any real type */
  bool components; /* more than one component accepted */
  bool own_grid;   /* an image that need not share the grid of the others, as a structuring element */
  const char *help;
} CmPort;

#define CM_MAX_PORTS 8

typedef enum CmGeometryRule {
  CM_GEOMETRY_KEEP,   /* every image out has the grid of the first image in; all images in must share it */
  CM_GEOMETRY_CHANGE, /* the operation sets it, and checks its inputs itself */
  CM_GEOMETRY_NONE,   /* no image comes out; all images in must share one grid */
} CmGeometryRule;

/* Does the work. `params` is the operation's struct, already parsed and in range. in[i] has kind NONE where an optional
 * port is not given; inputs are borrowed. out[i] starts as NONE; what is set there passes to the caller, on success
 * only (on failure the registry releases it). wanted[i]: whether the caller asked for output i (required ones always).
 */
typedef struct CmCall {
  CmContext *ctx;
  const void *params;
  const CmValue *in;
  CmValue *out;
  const bool *wanted;
} CmCall;

typedef struct CmOp {
  const char *name, *family, *since;
  const char *summary; /* one sentence with full stop */
  const char *details; /* what the user must know: formula, conventions, rules for borders, NaN, masks */
  const CmParam *params;
  int param_count;
  size_t params_size;
  const CmPort *inputs;
  int input_count;
  const CmPort *outputs;
  int output_count;
  CmGeometryRule geometry;
  double tolerance;     /* 0: bit-exact on every machine; else the largest relative difference between machines */
  const char *cite;     /* paper or standard, with section */
  const char *examples; /* command lines, one a line */
  bool (*check)(const void *params, CmError **err); /* rules between parameters; may be NULL */
  /* How far, in voxels along x,y,z, the input reaches into a voxel of the first output. Beyond that the voxel depends
   * on nothing, neither on its place nor on the rest of the image, to the last bit: blocks that are this much larger
   * on all sides give what the whole image gives. false: with these parameters that is not so. NULL: it never is. */
  bool (*reach)(const void *params, const CmImage *image, int64_t reach[3]);
  bool (*run)(const CmCall *call, CmError **err);
} CmOp;

#define CM_OP(op_name) const CmOp cm__op_##op_name
#define CM_OP_PARAMS(S, table) .params = table, .param_count = CM_COUNT(table), .params_size = sizeof(S)
#define CM_OP_INPUTS(ports) .inputs = ports, .input_count = CM_COUNT(ports)
#define CM_OP_OUTPUTS(ports) .outputs = ports, .output_count = CM_COUNT(ports)

/* The registry, sorted by name. */
CM_API int cm_op_count(void);
CM_API const CmOp *cm_op_at(int at);
CM_API const CmOp *cm_op_find(const char *name); /* NULL if unknown */
/* As cm_op_find, and CM_ERR_MISSING with the nearest known name. */
CM_API const CmOp *cm_op_get(const char *name, CmError **err);

/* One choice of an ENUM as text (into a caller's buffer), for messages and provenance. */
CM_API const char *cm_param_choice(const CmParam *param, int32_t at, char *to, size_t size);
CM_API const CmParam *cm_op_find_param(const CmOp *op, const char *name);

/* Parameters of one call: a struct of op->params_size, filled with the defaults. Free with cm_free(). */
CM_API CM_NODISCARD void *cm_params_create(CmContext *ctx, const CmOp *op, CmError **err);
/* Parses and checks one value. CM_ERR_PARAMETER names the parameter, what is wrong, and the range or the nearest name;
 * what was set before then stands. */
CM_API bool cm_params_set(const CmOp *op, void *params, const char *name, const char *value, CmError **err);
/* Several: "radius=2 edge=mirror". */
CM_API bool cm_params_set_words(CmContext *ctx, const CmOp *op, void *params, const char *words, CmError **err);
/* One value as text that cm_params_set reads back to the same bits. */
CM_API const char *cm_params_get(const CmOp *op, const void *params, const CmParam *param, char *to, size_t size);
/* {"sigma": 1.5, "edge": "mirror"}: all parameters, in the order of the description. Free with cm_free(). */
CM_API CM_NODISCARD char *cm_params_to_json(CmContext *ctx, const CmOp *op, const void *params, CmError **err);

/* Checks ports, kinds, voxel types, grids and parameters, then runs. in: op->input_count values; out: op->output_count.
 * wanted may be NULL (all outputs). params NULL: the defaults. out is untouched on failure. */
CM_API bool cm_op_run(CmContext *ctx, const CmOp *op, const void *params, const CmValue *in, CmValue *out,
                      const bool *wanted, CmError **err);
/* As CmOp.reach, for an image like `image` (dims and spacing count); false where the operation has none. params NULL is
 * not allowed. */
CM_API bool cm_op_reach(const CmOp *op, const void *params, const CmImage *image, int64_t reach[3]);
/* For calls from C: op by name, parameters as "radius=2 edge=mirror". One image in, one image out. */
CM_API CM_NODISCARD CmImage *cm_op_apply(CmContext *ctx, const char *name, const char *params, CmImage *image,
                                         CmError **err);

/* The registry, or one operation (op not NULL), as JSON. Free with cm_free(). */
CM_API CM_NODISCARD char *cm_ops_to_json(CmContext *ctx, const CmOp *op, CmError **err);
/* The known name nearest to `name` by edit distance, NULL if none is near; for «did you mean» everywhere. */
CM_API const char *cm_nearest_name(const char *name, const char *const *names, int count);

#endif
