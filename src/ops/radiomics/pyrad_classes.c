/* The classes, their features as PyRadiomics lists them, and which of them are wanted. */
#include <stdio.h>
#include <string.h>

#include "ops/radiomics/pyrad.h"

/* old: deprecated, measured only when asked for by name */

typedef struct Feature {
  const char *name;
  bool old;
} Feature;

static const Feature firstorder[] = {{"10Percentile", 0},
                                     {"90Percentile", 0},
                                     {"Energy", 0},
                                     {"Entropy", 0},
                                     {"InterquartileRange", 0},
                                     {"Kurtosis", 0},
                                     {"Maximum", 0},
                                     {"MeanAbsoluteDeviation", 0},
                                     {"Mean", 0},
                                     {"Median", 0},
                                     {"Minimum", 0},
                                     {"Range", 0},
                                     {"RobustMeanAbsoluteDeviation", 0},
                                     {"RootMeanSquared", 0},
                                     {"Skewness", 0},
                                     {"StandardDeviation", 1},
                                     {"TotalEnergy", 0},
                                     {"Uniformity", 0},
                                     {"Variance", 0}};
static const Feature shape[] = {{"Compactness1", 1},
                                {"Compactness2", 1},
                                {"Elongation", 0},
                                {"Flatness", 0},
                                {"LeastAxisLength", 0},
                                {"MajorAxisLength", 0},
                                {"Maximum2DDiameterColumn", 0},
                                {"Maximum2DDiameterRow", 0},
                                {"Maximum2DDiameterSlice", 0},
                                {"Maximum3DDiameter", 0},
                                {"MeshVolume", 0},
                                {"MinorAxisLength", 0},
                                {"SphericalDisproportion", 1},
                                {"Sphericity", 0},
                                {"SurfaceArea", 0},
                                {"SurfaceVolumeRatio", 0},
                                {"VoxelVolume", 0}};
static const Feature shape2d[] = {{"Elongation", 0},
                                  {"MajorAxisLength", 0},
                                  {"MaximumDiameter", 0},
                                  {"MeshSurface", 0},
                                  {"MinorAxisLength", 0},
                                  {"Perimeter", 0},
                                  {"PerimeterSurfaceRatio", 0},
                                  {"PixelSurface", 0},
                                  {"SphericalDisproportion", 1},
                                  {"Sphericity", 0}};
static const Feature glcm[] = {{"Autocorrelation", 0},
                               {"ClusterProminence", 0},
                               {"ClusterShade", 0},
                               {"ClusterTendency", 0},
                               {"Contrast", 0},
                               {"Correlation", 0},
                               {"DifferenceAverage", 0},
                               {"DifferenceEntropy", 0},
                               {"DifferenceVariance", 0},
                               {"Id", 0},
                               {"Idm", 0},
                               {"Idmn", 0},
                               {"Idn", 0},
                               {"Imc1", 0},
                               {"Imc2", 0},
                               {"InverseVariance", 0},
                               {"JointAverage", 0},
                               {"JointEnergy", 0},
                               {"JointEntropy", 0},
                               {"MCC", 0},
                               {"MaximumProbability", 0},
                               {"SumAverage", 0},
                               {"SumEntropy", 0},
                               {"SumSquares", 0}};
static const Feature glrlm[] = {{"GrayLevelNonUniformity", 0},
                                {"GrayLevelNonUniformityNormalized", 0},
                                {"GrayLevelVariance", 0},
                                {"HighGrayLevelRunEmphasis", 0},
                                {"LongRunEmphasis", 0},
                                {"LongRunHighGrayLevelEmphasis", 0},
                                {"LongRunLowGrayLevelEmphasis", 0},
                                {"LowGrayLevelRunEmphasis", 0},
                                {"RunEntropy", 0},
                                {"RunLengthNonUniformity", 0},
                                {"RunLengthNonUniformityNormalized", 0},
                                {"RunPercentage", 0},
                                {"RunVariance", 0},
                                {"ShortRunEmphasis", 0},
                                {"ShortRunHighGrayLevelEmphasis", 0},
                                {"ShortRunLowGrayLevelEmphasis", 0}};
static const Feature glszm[] = {{"GrayLevelNonUniformity", 0},
                                {"GrayLevelNonUniformityNormalized", 0},
                                {"GrayLevelVariance", 0},
                                {"HighGrayLevelZoneEmphasis", 0},
                                {"LargeAreaEmphasis", 0},
                                {"LargeAreaHighGrayLevelEmphasis", 0},
                                {"LargeAreaLowGrayLevelEmphasis", 0},
                                {"LowGrayLevelZoneEmphasis", 0},
                                {"SizeZoneNonUniformity", 0},
                                {"SizeZoneNonUniformityNormalized", 0},
                                {"SmallAreaEmphasis", 0},
                                {"SmallAreaHighGrayLevelEmphasis", 0},
                                {"SmallAreaLowGrayLevelEmphasis", 0},
                                {"ZoneEntropy", 0},
                                {"ZonePercentage", 0},
                                {"ZoneVariance", 0}};
static const Feature ngtdm[] = {
    {"Busyness", 0}, {"Coarseness", 0}, {"Complexity", 0}, {"Contrast", 0}, {"Strength", 0}};
static const Feature gldm[] = {{"DependenceEntropy", 0},
                               {"DependenceNonUniformity", 0},
                               {"DependenceNonUniformityNormalized", 0},
                               {"DependenceVariance", 0},
                               {"GrayLevelNonUniformity", 0},
                               {"GrayLevelVariance", 0},
                               {"HighGrayLevelEmphasis", 0},
                               {"LargeDependenceEmphasis", 0},
                               {"LargeDependenceHighGrayLevelEmphasis", 0},
                               {"LargeDependenceLowGrayLevelEmphasis", 0},
                               {"LowGrayLevelEmphasis", 0},
                               {"SmallDependenceEmphasis", 0},
                               {"SmallDependenceHighGrayLevelEmphasis", 0},
                               {"SmallDependenceLowGrayLevelEmphasis", 0}};

/* Names that PyRadiomics still takes and gives no value for: they equal another feature. */
static const char *const removed[] = {"Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance",
                                      "DependencePercentage"};

typedef struct Class {
  const char *name;
  const Feature *features;
  int count;
  CmPyradClassFn *measure; /* NULL: of the mask */
  size_t choice;           /* offset of the parameter that says what is wanted */
} Class;
#define CLASS(name, list, fn) \
  { #name, list, CM_COUNT(list), fn, offsetof(CmPyradParams, name) }
static const Class classes[CM__PYRAD_CLASSES] = {
    CLASS(firstorder, firstorder, cm__pyrad_firstorder),
    CLASS(shape, shape, NULL),
    CLASS(shape2D, shape2d, NULL),
    CLASS(glcm, glcm, cm__pyrad_glcm),
    CLASS(glrlm, glrlm, cm__pyrad_glrlm),
    CLASS(glszm, glszm, cm__pyrad_glszm),
    CLASS(ngtdm, ngtdm, cm__pyrad_ngtdm),
    CLASS(gldm, gldm, cm__pyrad_gldm),
};

static int find_feature(const Class *class, const char *name, size_t length) {
  for (int k = 0; k < class->count; k++)
    if (strlen(class->features[k].name) == length && strncmp(class->features[k].name, name, length) == 0) return k;
  return -1;
}

static bool refuse_feature(const Class *class, const char *name, int length, CmError **err) {
  const char *names[CM__PYRAD_MOST];
  char text[CM__FEATURE_NAME];
  snprintf(text, sizeof text, "%.*s", length, name);
  for (int k = 0; k < CM_COUNT(removed); k++)
    if (strcmp(removed[k], text) == 0) return true;
  for (int k = 0; k < class->count; k++) names[k] = class->features[k].name;
  const char *nearest = cm_nearest_name(text, names, class->count);
  cm_error_set(err, CM_ERR_PARAMETER, "%s has no feature «%s»%s%s%s", class->name, text,
               nearest ? "; did you mean «" : "", nearest ? nearest : "", nearest ? "»?" : "");
  return false;
}

static bool read_class(const CmPyradParams *p, const Class *class, uint32_t *wanted, CmError **err) {
  const char *at = ((const CmText *)(const void *)((const char *)p + class->choice))->value;
  *wanted = 0;
  if (strcmp(at, "none") == 0 || !*at) return true;
  for (int k = 0; strcmp(at, "all") == 0 && k < class->count; k++)
    if (!class->features[k].old) *wanted |= 1u << k;
  if (*wanted) return true;
  for (at += strspn(at, ", "); *at; at += strspn(at, ", ")) {
    const size_t length = strcspn(at, ", ");
    const int k = find_feature(class, at, length);
    if (k >= 0)
      *wanted |= 1u << k;
    else if (!refuse_feature(class, at, (int)length, err))
      return false;
    at += length;
  }
  return true;
}

bool cm__pyrad_check_class(const char *name, const char *features, CmError **err) {
  for (int c = 0; c < CM__PYRAD_CLASSES; c++) {
    CmPyradParams p;
    uint32_t wanted;
    if (strcmp(classes[c].name, name) != 0) continue;
    memset(&p, 0, sizeof p);
    snprintf(((CmText *)(void *)((char *)&p + classes[c].choice))->value, CM_TEXT_MAX, "%s", features);
    return read_class(&p, &classes[c], &wanted, err);
  }
  return true;
}

bool cm__pyrad_wanted(const CmPyradParams *p, uint32_t wanted[CM__PYRAD_CLASSES], CmError **err) {
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (!read_class(p, &classes[c], &wanted[c], err)) return false;
  return true;
}

bool cm__pyrad_add_features(CmPyradItems *to, const char *image, int number, uint32_t wanted, const double *values,
                            CmError **err) {
  const Class *class = &classes[number];
  char name[2 * CM__FEATURE_NAME];
  for (int k = 0; k < class->count; k++) {
    if (!(wanted >> k & 1u)) continue;
    snprintf(name, sizeof name, "%s_%s_%s", image, class->name, class->features[k].name);
    if (!cm__pyrad_add(to, name, values[k], err)) return false;
  }
  return true;
}

CmPyradClassFn *cm__pyrad_class_fn(int number) {
  return classes[number].measure;
}

const char *cm__pyrad_class_name(int number) {
  return classes[number].name;
}
