/* NRRD headers: lines «field: value» and «key:=value». */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "io/nrrd.h"
#include "io/words.h"

/* ---- words
 * ------------------------------------------------------------------------------------------------------------- */

/* The next blank-separated word of *at, in place; NULL at the end. */
static char *next_word(char **at) {
  char *begin = *at + strspn(*at, " \t");
  if (!*begin) return NULL;
  char *end = begin + strcspn(begin, " \t");
  *at = *end ? end + 1 : end;
  *end = 0;
  return begin;
}

static bool refuse_field(const char *field, CmError **err) {
  cm_error_set(err, CM_ERR_FORMAT, "the field \"%s\" cannot be understood; correct the header", field);
  return false;
}

/* "(a,b,c)" of `count` numbers. */
static bool parse_vector(const char **at, double *to, int count) {
  const char *p = *at + strspn(*at, " \t");
  if (*p++ != '(') return false;
  for (int i = 0; i < count; i++) {
    char number[64];
    size_t n = strcspn(p, ",)");
    while (n && isspace((unsigned char)*p)) p++, n--;
    size_t kept = n;
    while (kept && isspace((unsigned char)p[kept - 1])) kept--;
    if (!kept || kept >= sizeof number) return false;
    memcpy(number, p, kept);
    number[kept] = 0;
    if (!cm__parse_real(number, &to[i]) || !isfinite(to[i])) return false;
    p += n;
    if (*p != (i + 1 < count ? ',' : ')')) return false;
    p++;
  }
  *at = p;
  return true;
}

/* ---- fields
 * ------------------------------------------------------------------------------------------------------------ */

static bool set_type(CmNrrd *n, char *value, CmError **err) {
  static const struct {
    const char *names;
    int raw;
  } rows[] = {{"|signed char|int8|int8_t|", CM_I8},
              {"|uchar|unsigned char|uint8|uint8_t|", CM_U8},
              {"|short|short int|signed short|signed short int|int16|int16_t|", CM_I16},
              {"|ushort|unsigned short|unsigned short int|uint16|uint16_t|", CM_U16},
              {"|int|signed int|int32|int32_t|", CM_I32},
              {"|uint|unsigned int|uint32|uint32_t|", CM_U32},
              {"|longlong|long long|long long int|signed long long|signed long long int|int64|int64_t|", CM_RAW_I64},
              {"|ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t|", CM_RAW_U64},
              {"|float|", CM_F32},
              {"|double|", CM_F64}};
  char wanted[64];
  int length = snprintf(wanted, sizeof wanted, "|%s|", value);
  for (int i = 0; length < (int)sizeof wanted && i < CM_COUNT(rows); i++)
    if (strstr(rows[i].names, wanted)) {
      n->raw = rows[i].raw;
      n->typed = true;
      return true;
    }
  cm_error_set(err, CM_ERR_UNSUPPORTED, "the type \"%s\" is not read; save it as an integer, float or double", value);
  return false;
}

static bool set_dimension(CmNrrd *n, char *value, CmError **err) {
  int64_t axes;
  if (!cm__parse_int(value, &axes) || axes < 1 || axes > CM_NRRD_AXES) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "has dimension \"%s\"; 1 to %d are read", value, CM_NRRD_AXES);
    return false;
  }
  n->axes = (int)axes;
  return true;
}

static bool set_sizes(CmNrrd *n, char *value, CmError **err) {
  for (int i = 0; i < n->axes; i++) {
    char *word = next_word(&value);
    if (!word || !cm__parse_int(word, &n->axis[i].size) || n->axis[i].size < 1) return refuse_field("sizes", err);
  }
  n->sized = n->axes > 0;
  return n->sized || refuse_field("sizes (before dimension)", err);
}

static bool set_encoding(CmNrrd *n, char *value, CmError **err) {
  if (!strcasecmp(value, "raw"))
    n->encoding = CM_NRRD_RAW;
  else if (!strcasecmp(value, "gzip") || !strcasecmp(value, "gz"))
    n->encoding = CM_NRRD_GZIP;
  else if (!strcasecmp(value, "text") || !strcasecmp(value, "txt") || !strcasecmp(value, "ascii"))
    n->encoding = CM_NRRD_TEXT;
  else {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the encoding \"%s\" is not read; save it as raw or gzip", value);
    return false;
  }
  return true;
}

static bool set_endian(CmNrrd *n, char *value, CmError **err) {
  n->endian_given = true;
  n->big_endian = !strcasecmp(value, "big");
  return n->big_endian || !strcasecmp(value, "little") || refuse_field("endian", err);
}

static bool set_space(CmNrrd *n, char *value, CmError **err) {
  static const struct {
    const char *name, *brief;
    double flip[3];
  } rows[] = {{"left-posterior-superior", "LPS", {1, 1, 1}},
              {"right-anterior-superior", "RAS", {-1, -1, 1}},
              {"left-anterior-superior", "LAS", {1, -1, 1}},
              {"scanner-xyz", "scanner-xyz", {1, 1, 1}}, /* no anatomical frame: taken as LPS, as ITK does */
              {"3D-right-handed", "3D-right-handed", {1, 1, 1}}};
  for (int i = 0; i < CM_COUNT(rows); i++) {
    if (strcasecmp(value, rows[i].name) && strcasecmp(value, rows[i].brief)) continue;
    n->space_dimension = 3;
    memcpy(n->flip, rows[i].flip, sizeof n->flip);
    return true;
  }
  cm_error_set(
      err, CM_ERR_UNSUPPORTED,
      "the space \"%s\" is not read; use left-posterior-superior, right-anterior-superior or left-anterior-superior",
      value);
  return false;
}

static bool set_space_dimension(CmNrrd *n, char *value, CmError **err) {
  int64_t dimension;
  if (!cm__parse_int(value, &dimension) || dimension < 2 || dimension > 3) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "has space dimension \"%s\"; 2 and 3 are read", value);
    return false;
  }
  n->space_dimension = (int)dimension;
  return true;
}

static bool set_directions(CmNrrd *n, char *value, CmError **err) {
  const char *at = value;
  for (int i = 0; i < n->axes; i++) {
    at += strspn(at, " \t");
    n->axis[i].has_direction = strncmp(at, "none", 4) != 0;
    if (!n->axis[i].has_direction)
      at += 4;
    else if (!n->space_dimension || !parse_vector(&at, n->axis[i].direction, n->space_dimension))
      return refuse_field("space directions", err);
  }
  return true;
}

static bool set_origin(CmNrrd *n, char *value, CmError **err) {
  const char *at = value;
  n->has_origin = n->space_dimension && parse_vector(&at, n->origin, n->space_dimension);
  return n->has_origin || refuse_field("space origin", err);
}

static bool set_spacings(CmNrrd *n, char *value, CmError **err) {
  for (int i = 0; i < n->axes; i++) {
    char *word = next_word(&value);
    if (!word || (!cm__parse_real(word, &n->axis[i].spacing) && strcasecmp(word, "nan")))
      return refuse_field("spacings", err);
    n->axis[i].has_spacing = isfinite(n->axis[i].spacing) && strcasecmp(word, "nan");
  }
  return true;
}

static bool set_mins(CmNrrd *n, char *value, CmError **err) {
  for (int i = 0; i < n->axes; i++) {
    char *word = next_word(&value);
    if (!word || (!cm__parse_real(word, &n->axis[i].min) && strcasecmp(word, "nan")))
      return refuse_field("axis mins", err);
    n->axis[i].has_min = isfinite(n->axis[i].min) && strcasecmp(word, "nan");
  }
  return true;
}

static bool set_centers(CmNrrd *n, char *value, CmError **err) {
  (void)err;
  for (int i = 0; i < n->axes; i++) {
    char *word = next_word(&value);
    n->axis[i].node_centred = word && !strcasecmp(word, "node");
  }
  return true;
}

static bool set_kinds(CmNrrd *n, char *value, CmError **err) {
  for (int i = 0; i < n->axes; i++) {
    char *word = next_word(&value);
    if (!word || strlen(word) >= sizeof n->axis[i].kind) return refuse_field("kinds", err);
    memcpy(n->axis[i].kind, word, strlen(word) + 1);
  }
  return true;
}

/* "mm" "mm" "mm": one unit for all. */
static bool set_units(CmNrrd *n, char *value, CmError **err) {
  static const struct {
    const char *name;
    double mm;
  } rows[] = {{"", 1},     {"mm", 1},    {"millimeter", 1},   {"millimeters", 1}, {"cm", 10},
              {"m", 1000}, {"um", 1e-3}, {"\xc2\xb5m", 1e-3}, {"micron", 1e-3},   {"microns", 1e-3}};
  double found = 0;
  for (char *at = strchr(value, '"'); at; at = strchr(at, '"')) {
    char *end = strchr(++at, '"');
    if (!end) return refuse_field("space units", err);
    *end = 0;
    double mm = 0;
    for (int i = 0; i < CM_COUNT(rows); i++)
      if (!strcmp(at, rows[i].name)) mm = rows[i].mm;
    if (mm == 0 || (found != 0 && mm != found)) {
      cm_error_set(err, CM_ERR_UNSUPPORTED,
                   "the space unit \"%s\" is not known or not the same on all axes; use \"mm\"", at);
      return false;
    }
    found = mm;
    at = end + 1;
  }
  if (found != 0) n->mm = found;
  return true;
}

static bool set_skip(int64_t *skip, char *value, const char *field, int64_t least, CmError **err) {
  return (cm__parse_int(value, skip) && *skip >= least) || refuse_field(field, err);
}

static bool set_line_skip(CmNrrd *n, char *value, CmError **err) {
  return set_skip(&n->line_skip, value, "line skip", 0, err);
}
static bool set_byte_skip(CmNrrd *n, char *value, CmError **err) {
  return set_skip(&n->byte_skip, value, "byte skip", -1, err);
}

static bool set_data_file(CmNrrd *n, char *value, CmError **err) {
  (void)err;
  n->data_file = value;
  return true;
}

static bool set_content(CmNrrd *n, char *value, CmError **err) {
  (void)err;
  n->content = value;
  return true;
}

static bool parse_field(CmNrrd *n, const char *name, char *value, CmError **err) {
  static const struct {
    const char *name;
    bool (*set)(CmNrrd *, char *, CmError **);
  } rows[] = {{"type", set_type},
              {"dimension", set_dimension},
              {"sizes", set_sizes},
              {"encoding", set_encoding},
              {"endian", set_endian},
              {"space", set_space},
              {"space dimension", set_space_dimension},
              {"space directions", set_directions},
              {"space origin", set_origin},
              {"spacings", set_spacings},
              {"axis mins", set_mins},
              {"axismins", set_mins},
              {"centers", set_centers},
              {"centerings", set_centers},
              {"kinds", set_kinds},
              {"space units", set_units},
              {"line skip", set_line_skip},
              {"lineskip", set_line_skip},
              {"byte skip", set_byte_skip},
              {"byteskip", set_byte_skip},
              {"data file", set_data_file},
              {"datafile", set_data_file},
              {"content", set_content}};
  for (int i = 0; i < CM_COUNT(rows); i++)
    if (!strcasecmp(name, rows[i].name)) return rows[i].set(n, value, err);
  return true; /* thicknesses, labels, measurement frame, ...: nothing that an image keeps */
}

/* «\n» and «\\» in keys' values, in place. */
static size_t unescape(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (from[0] == '\\' && (from[1] == 'n' || from[1] == '\\'))
      *to++ = *++from == 'n' ? '\n' : '\\';
    else
      *to++ = *from;
  }
  *to = 0;
  return (size_t)(to - text);
}

static bool parse_line(CmNrrd *n, char *line, CmError **err) {
  if (*line == '#' || !*line) return true;
  char *key = strstr(line, ":="), *field = strstr(line, ": ");
  if (key && (!field || key < field)) {
    *key = 0;
    if (strcmp(line, CM_WORDS_KEY)) return true;
    n->words = key + 2;
    n->words_size = unescape(key + 2);
    return true;
  }
  if (!field) return refuse_field(line, err);
  *field = 0;
  return parse_field(n, line, field + 2 + strspn(field + 2, " \t"), err);
}

bool cm__nrrd_parse(char *text, size_t size, CmNrrd *n, CmError **err) {
  *n = (CmNrrd){.raw = CM_U8, .flip = {1, 1, 1}, .mm = 1};
  char *end = text + size;
  bool first = true;
  for (char *line = text; line < end;) {
    char *stop = memchr(line, '\n', (size_t)(end - line));
    char *next = stop ? stop + 1 : end;
    if (!stop) stop = end; /* a zero byte stands there */
    while (stop > line && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t')) stop--;
    *stop = 0;
    if (!first && !parse_line(n, line, err)) return false;
    first = false;
    /* the rest of a file list is the data file field's own */
    if (n->data_file && !strncmp(n->data_file, "LIST", 4)) break;
    line = next;
  }
  if (n->typed && n->sized) return true;
  cm_error_set(err, CM_ERR_FORMAT, "the header has no %s; it is cut off or damaged", n->typed ? "sizes" : "type");
  return false;
}

/* ---- what the axes are ---------------------------------------------------------------------------------------------
 */

static bool is_space_axis(const CmNrrd *n, int i) {
  const CmNrrdAxis *axis = &n->axis[i];
  if (axis->has_direction) return true;
  bool oriented = false;
  for (int k = 0; k < n->axes; k++) oriented = oriented || n->axis[k].has_direction;
  if (oriented) return false;
  return !*axis->kind || !strcasecmp(axis->kind, "domain") || !strcasecmp(axis->kind, "space") ||
         !strcmp(axis->kind, "???");
}

static bool is_time_axis(const CmNrrd *n, int i) {
  return !strcasecmp(n->axis[i].kind, "time") || (!strcasecmp(n->axis[i].kind, "list") && i > 0) ||
         (i == n->axes - 1 && i > 0 && (!*n->axis[i].kind || !strcasecmp(n->axis[i].kind, "domain")));
}

/* Complex numbers and matrices are no components that anybody could treat apart. */
static bool is_component_axis(const CmNrrd *n, int i) {
  const char *kind = n->axis[i].kind;
  return strcasecmp(kind, "complex") && strcasestr(kind, "matrix") == NULL;
}

bool cm__nrrd_layout(const CmNrrd *n, CmLayout *layout, CmGeometry *g, CmError **err) {
  int spatial[CM_NRRD_AXES], count = 0;
  *layout = (CmLayout){.raw = n->raw, .big_endian = n->big_endian};
  bool seen[CM_ROLE_COUNT] = {false};
  double step = 1;
  for (int i = 0; i < n->axes; i++) {
    CmRole role = CM_ROLE_COUNT;
    if (is_space_axis(n, i) && count < 3) {
      role = (CmRole)(CM_ROLE_X + count);
      spatial[count++] = i;
    } else if (!is_space_axis(n, i) ? is_time_axis(n, i) : true) {
      role = CM_ROLE_T;
      if (n->axis[i].has_spacing && n->axis[i].spacing > 0) step = n->axis[i].spacing;
    } else if (is_component_axis(n, i)) {
      role = CM_ROLE_C;
    }
    if (role == CM_ROLE_COUNT || seen[role] || layout->axes == CM_LAYOUT_AXES) {
      cm_error_set(
          err, CM_ERR_UNSUPPORTED,
          "axis %d (kind \"%s\") has no place in an image of x, y, z, t and components; split or convert the file", i,
          n->axis[i].kind);
      return false;
    }
    seen[role] = true;
    layout->size[layout->axes] = n->axis[i].size;
    layout->role[layout->axes++] = role;
  }
  layout->rank = seen[CM_ROLE_T] ? 4 : count == 3 ? 3 : 2;
  if (!count) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "has no axis in space; it is no image");
    return false;
  }
  cm_geometry_default(g);
  g->spacing_t = step;
  for (int k = 0; k < count; k++) {
    const CmNrrdAxis *axis = &n->axis[spatial[k]];
    if (axis->has_direction) {
      double norm = sqrt(axis->direction[0] * axis->direction[0] + axis->direction[1] * axis->direction[1] +
                         axis->direction[2] * axis->direction[2]);
      g->spacing[k] = norm * n->mm;
      for (int i = 0; i < 3; i++) g->direction[3 * i + k] = n->flip[i] * axis->direction[i] / norm + 0.0;
    } else {
      double sign = axis->has_spacing && axis->spacing < 0 ? -1 : 1;
      g->spacing[k] = axis->has_spacing ? fabs(axis->spacing) * n->mm : 1;
      g->direction[4 * k] = sign;
      if (axis->has_min)
        g->origin[k] = (axis->min + (axis->node_centred ? 0 : sign * g->spacing[k] / n->mm / 2)) * n->mm;
    }
  }
  if (n->has_origin)
    for (int i = 0; i < 3; i++) g->origin[i] = n->flip[i] * n->origin[i] * n->mm + 0.0;
  if (count == 2 && n->space_dimension == 3) { /* a plane in space: its normal */
    double *d = g->direction;
    d[2] = d[3] * d[7] - d[6] * d[4] + 0.0, d[5] = d[6] * d[1] - d[0] * d[7] + 0.0,
    d[8] = d[0] * d[4] - d[3] * d[1] + 0.0;
  }
  return cm_geometry_check(g, err);
}
