/* Features by the codes of the Image Biomarker Standardisation Initiative: the permanent IDs of its reference manual,
 * the coding scheme IBSI of PS3.16 8; meanings are those of PS3.16 annex D where it has them (CID 7466 to 7482), else
 * the manual's. PyRadiomics' features have a code where their definition is the standard's: kurtosis (not excess),
 * energy (shifted) and what the standard does not have keep codes of our own. */
#include "io/dicom/report_codes.h"

#include <stdio.h>
#include <string.h>

#include "cormack/base.h"

static const struct {
  const char *tag, *theirs, *code, *meaning;
  CmFeatureUnit unit;
} features[] = {
    {"morph_volume", "shape_MeshVolume", "RNU0", "Volume of Mesh", CM__UNIT_MM3},
    {"morph_vol_approx", "shape_VoxelVolume", "YEKZ", "Volume from Voxel Summation", CM__UNIT_MM3},
    {"morph_area_mesh", "shape_SurfaceArea", "C0JK", "Surface Area of Mesh", CM__UNIT_MM2},
    {"morph_av", "shape_SurfaceVolumeRatio", "2PR5", "Surface to Volume Ratio", CM__UNIT_PER_MM},
    {"morph_comp_1", "shape_Compactness1", "SKGS", "Compactness 1", CM__UNIT_ONE},
    {"morph_comp_2", "shape_Compactness2", "BQWJ", "Compactness 2", CM__UNIT_ONE},
    {"morph_sph_dispr", "shape_SphericalDisproportion", "KRCK", "Spherical Disproportion", CM__UNIT_ONE},
    {"morph_sphericity", "shape_Sphericity", "QCFX", "Sphericity", CM__UNIT_ONE},
    {"morph_asphericity", NULL, "25C7", "Asphericity", CM__UNIT_ONE},
    {"morph_com", NULL, "KLMA", "Centre of Mass Shift", CM__UNIT_MM},
    {"morph_diam", "shape_Maximum3DDiameter", "L0JK", "Maximum 3D Diameter of a Mesh", CM__UNIT_MM},
    {"morph_pca_maj_axis", "shape_MajorAxisLength", "TDIC", "Major Axis in 3D Length", CM__UNIT_MM},
    {"morph_pca_min_axis", "shape_MinorAxisLength", "P9VJ", "Minor Axis in 3D Length", CM__UNIT_MM},
    {"morph_pca_least_axis", "shape_LeastAxisLength", "7J51", "Least Axis in 3D Length", CM__UNIT_MM},
    {"morph_pca_elongation", "shape_Elongation", "Q3CK", "Elongation", CM__UNIT_ONE},
    {"morph_pca_flatness", "shape_Flatness", "N17B", "Flatness", CM__UNIT_ONE},
    {"morph_vol_dens_aabb", NULL, "PBX1", "Volume Density in Frame of Reference Axis Aligned Bounding Box",
     CM__UNIT_ONE},
    {"morph_area_dens_aabb", NULL, "R59B", "Area Density in Frame of Reference Axis Aligned Bounding Box",
     CM__UNIT_ONE},
    {"morph_vol_dens_ombb", NULL, "ZH1A", "Volume Density in Oriented Minimum Bounding Box", CM__UNIT_ONE},
    {"morph_area_dens_ombb", NULL, "IQYR", "Area Density in Oriented Minimum Bounding Box", CM__UNIT_ONE},
    {"morph_vol_dens_aee", NULL, "6BDE", "Volume Density in Approximate Enclosing Ellipsoid", CM__UNIT_ONE},
    {"morph_area_dens_aee", NULL, "RDD2", "Area Density in Approximate Enclosing Ellipsoid", CM__UNIT_ONE},
    {"morph_vol_dens_mvee", NULL, "SWZ1", "Volume Density in Minimum Volume Enclosing Ellipsoid", CM__UNIT_ONE},
    {"morph_area_dens_mvee", NULL, "BRI8", "Area Density in Minimum Volume Enclosing Ellipsoid", CM__UNIT_ONE},
    {"morph_vol_dens_conv_hull", NULL, "R3ER", "Volume Density in Convex Hull", CM__UNIT_ONE},
    {"morph_area_dens_conv_hull", NULL, "7T7F", "Area Density in Convex Hull", CM__UNIT_ONE},
    {"morph_integ_int", NULL, "99N0", "Integrated Intensity", CM__UNIT_INTENSITY_MM3},
    {"morph_moran_i", NULL, "N365", "Moran's I Index", CM__UNIT_ONE},
    {"morph_geary_c", NULL, "NPT7", "Geary's C Measure", CM__UNIT_ONE},
    {"loc_peak_loc", NULL, "VJGA", "Local intensity peak", CM__UNIT_INTENSITY},
    {"loc_peak_glob", NULL, "0F91", "Global intensity peak", CM__UNIT_INTENSITY},
    {"stat_mean", "firstorder_Mean", "Q4LE", "Mean", CM__UNIT_INTENSITY},
    {"stat_var", "firstorder_Variance", "ECT3", "Variance", CM__UNIT_INTENSITY2},
    {"stat_skew", "firstorder_Skewness", "KE2A", "Skewness", CM__UNIT_ONE},
    {"stat_kurt", NULL, "IPH6", "Excess kurtosis", CM__UNIT_ONE},
    {"stat_median", "firstorder_Median", "Y12H", "Median", CM__UNIT_INTENSITY},
    {"stat_min", "firstorder_Minimum", "1GSF", "Minimum grey level", CM__UNIT_INTENSITY},
    {"stat_p10", "firstorder_10Percentile", "QG58", "10th percentile", CM__UNIT_INTENSITY},
    {"stat_p90", "firstorder_90Percentile", "8DWT", "90th percentile", CM__UNIT_INTENSITY},
    {"stat_max", "firstorder_Maximum", "84IY", "Maximum grey level", CM__UNIT_INTENSITY},
    {"stat_iqr", "firstorder_InterquartileRange", "SALO", "Interquartile range", CM__UNIT_INTENSITY},
    {"stat_range", "firstorder_Range", "2OJQ", "Range", CM__UNIT_INTENSITY},
    {"stat_mad", "firstorder_MeanAbsoluteDeviation", "4FUA", "Mean absolute deviation", CM__UNIT_INTENSITY},
    {"stat_rmad", "firstorder_RobustMeanAbsoluteDeviation", "1128", "Robust mean absolute deviation",
     CM__UNIT_INTENSITY},
    {"stat_medad", NULL, "N72L", "Median absolute deviation", CM__UNIT_INTENSITY},
    {"stat_cov", NULL, "7TET", "Coefficient of variation", CM__UNIT_ONE},
    {"stat_qcod", NULL, "9S40", "Quartile coefficient of dispersion", CM__UNIT_ONE},
    {"stat_energy", NULL, "N8CA", "Energy", CM__UNIT_INTENSITY2},
    {"stat_rms", NULL, "5ZWQ", "Root mean square", CM__UNIT_INTENSITY},
    {"ih_mean", NULL, "X6K6", "Intensity Histogram Mean", CM__UNIT_ONE},
    {"ih_var", NULL, "CH89", "Intensity Histogram Variance", CM__UNIT_ONE},
    {"ih_skew", NULL, "88K1", "Intensity Histogram Skewness", CM__UNIT_ONE},
    {"ih_kurt", NULL, "C3I7", "Intensity Histogram Kurtosis", CM__UNIT_ONE},
    {"ih_median", NULL, "WIFQ", "Intensity Histogram Median", CM__UNIT_ONE},
    {"ih_min", NULL, "1PR8", "Intensity Histogram Minimum Gray Level", CM__UNIT_ONE},
    {"ih_p10", NULL, "GPMT", "Intensity Histogram 10th Percentile", CM__UNIT_ONE},
    {"ih_p90", NULL, "OZ0C", "Intensity Histogram 90th Percentile", CM__UNIT_ONE},
    {"ih_max", NULL, "3NCY", "Intensity Histogram Maximum Gray Level", CM__UNIT_ONE},
    {"ih_mode", NULL, "AMMC", "Intensity Histogram Mode", CM__UNIT_ONE},
    {"ih_iqr", NULL, "WR0O", "Intensity Histogram Interquartile Range", CM__UNIT_ONE},
    {"ih_range", NULL, "5Z3W", "Intensity Histogram Range", CM__UNIT_ONE},
    {"ih_mad", NULL, "D2ZX", "Intensity Histogram Mean Absolute Deviation", CM__UNIT_ONE},
    {"ih_rmad", NULL, "WRZB", "Intensity Histogram Robust Mean Absolute Deviation", CM__UNIT_ONE},
    {"ih_medad", NULL, "4RNL", "Intensity Histogram Median Absolute Deviation", CM__UNIT_ONE},
    {"ih_cov", NULL, "CWYJ", "Intensity Histogram Coefficient of Variation", CM__UNIT_ONE},
    {"ih_qcod", NULL, "SLWD", "Intensity Histogram Quartile Coefficient of Dispersion", CM__UNIT_ONE},
    {"ih_entropy", "firstorder_Entropy", "TLU2", "Intensity Histogram Entropy", CM__UNIT_ONE},
    {"ih_uniformity", "firstorder_Uniformity", "BJ5W", "Intensity Histogram Uniformity", CM__UNIT_ONE},
    {"ih_max_grad", NULL, "12CE", "Intensity Histogram Maximum Gradient", CM__UNIT_ONE},
    {"ih_max_grad_g", NULL, "8E6O", "Intensity Histogram Maximum Gradient Gray Level", CM__UNIT_ONE},
    {"ih_min_grad", NULL, "VQB3", "Intensity Histogram Minimum Gradient", CM__UNIT_ONE},
    {"ih_min_grad_g", NULL, "RHQZ", "Intensity Histogram Minimum Gradient Gray Level", CM__UNIT_ONE},
    {"ivh_v10", NULL, "BC2M", "Volume at intensity fraction 0.10", CM__UNIT_ONE},
    {"ivh_v90", NULL, "BC2M", "Volume at intensity fraction 0.90", CM__UNIT_ONE},
    {"ivh_i10", NULL, "GBPN", "Intensity at volume fraction 0.10", CM__UNIT_INTENSITY},
    {"ivh_i90", NULL, "GBPN", "Intensity at volume fraction 0.90", CM__UNIT_INTENSITY},
    {"ivh_diff_v10_v90", NULL, "DDTU", "Volume fraction difference between intensity fractions", CM__UNIT_ONE},
    {"ivh_diff_i10_i90", NULL, "CNV2", "Intensity fraction difference between volume fractions", CM__UNIT_INTENSITY},
    {"ivh_auc", NULL, "9CMM", "Area under the IVH curve", CM__UNIT_ONE},
    {"cm_joint_max", "glcm_MaximumProbability", "GYBY", "Joint Maximum of GLCM", CM__UNIT_ONE},
    {"cm_joint_avg", "glcm_JointAverage", "60VM", "Joint Average of GLCM", CM__UNIT_ONE},
    {"cm_joint_var", "glcm_SumSquares", "UR99", "Joint Variance of GLCM", CM__UNIT_ONE},
    {"cm_joint_entr", "glcm_JointEntropy", "TU9B", "Joint Entropy of GLCM", CM__UNIT_ONE},
    {"cm_diff_avg", "glcm_DifferenceAverage", "TF7R", "Difference Average of GLCM", CM__UNIT_ONE},
    {"cm_diff_var", "glcm_DifferenceVariance", "D3YU", "Difference Variance of GLCM", CM__UNIT_ONE},
    {"cm_diff_entr", "glcm_DifferenceEntropy", "NTRS", "Difference Entropy of GLCM", CM__UNIT_ONE},
    {"cm_sum_avg", "glcm_SumAverage", "ZGXS", "Sum Average of GLCM", CM__UNIT_ONE},
    {"cm_sum_var", NULL, "OEEB", "Sum Variance of GLCM", CM__UNIT_ONE},
    {"cm_sum_entr", "glcm_SumEntropy", "P6QZ", "Sum Entropy of GLCM", CM__UNIT_ONE},
    {"cm_energy", "glcm_JointEnergy", "8ZQL", "Angular Second Moment of GLCM", CM__UNIT_ONE},
    {"cm_contrast", "glcm_Contrast", "ACUI", "Contrast of GLCM", CM__UNIT_ONE},
    {"cm_dissimilarity", NULL, "8S9J", "Dissimilarity of GLCM", CM__UNIT_ONE},
    {"cm_inv_diff", "glcm_Id", "IB1Z", "Inverse Difference of GLCM", CM__UNIT_ONE},
    {"cm_inv_diff_norm", "glcm_Idn", "NDRX", "Normalized Inverse Difference of GLCM", CM__UNIT_ONE},
    {"cm_inv_diff_mom", "glcm_Idm", "WF0Z", "Inverse Difference Moment of GLCM", CM__UNIT_ONE},
    {"cm_inv_diff_mom_norm", "glcm_Idmn", "1QCO", "Normalized Inverse Difference Moment of GLCM", CM__UNIT_ONE},
    {"cm_inv_var", "glcm_InverseVariance", "E8JP", "Inverse Variance of GLCM", CM__UNIT_ONE},
    {"cm_corr", "glcm_Correlation", "NI2N", "Correlation of GLCM", CM__UNIT_ONE},
    {"cm_auto_corr", "glcm_Autocorrelation", "QWB0", "Autocorrelation of GLCM", CM__UNIT_ONE},
    {"cm_clust_tend", "glcm_ClusterTendency", "DG8W", "Cluster Tendency of GLCM", CM__UNIT_ONE},
    {"cm_clust_shade", "glcm_ClusterShade", "7NFM", "Cluster Shade of GLCM", CM__UNIT_ONE},
    {"cm_clust_prom", "glcm_ClusterProminence", "AE86", "Cluster Prominence of GLCM", CM__UNIT_ONE},
    {"cm_info_corr1", "glcm_Imc1", "R8DG", "First Measure of Information Correlation of GLCM", CM__UNIT_ONE},
    {"cm_info_corr2", "glcm_Imc2", "JN9H", "Second Measure of Information Correlation of GLCM", CM__UNIT_ONE},
    {"rlm_sre", "glrlm_ShortRunEmphasis", "22OV", "Short Runs Emphasis", CM__UNIT_ONE},
    {"rlm_lre", "glrlm_LongRunEmphasis", "W4KF", "Long Runs Emphasis", CM__UNIT_ONE},
    {"rlm_lgre", "glrlm_LowGrayLevelRunEmphasis", "V3SW", "Low Gray Level Run Emphasis", CM__UNIT_ONE},
    {"rlm_hgre", "glrlm_HighGrayLevelRunEmphasis", "G3QZ", "High Gray Level Run Emphasis", CM__UNIT_ONE},
    {"rlm_srlge", "glrlm_ShortRunLowGrayLevelEmphasis", "HTZT", "Short Run Low Gray Level Emphasis", CM__UNIT_ONE},
    {"rlm_srhge", "glrlm_ShortRunHighGrayLevelEmphasis", "GD3A", "Short Run High Gray Level Emphasis", CM__UNIT_ONE},
    {"rlm_lrlge", "glrlm_LongRunLowGrayLevelEmphasis", "IVPO", "Long Run Low Gray Level Emphasis", CM__UNIT_ONE},
    {"rlm_lrhge", "glrlm_LongRunHighGrayLevelEmphasis", "3KUM", "Long Run High Gray Level Emphasis", CM__UNIT_ONE},
    {"rlm_glnu", "glrlm_GrayLevelNonUniformity", "R5YN", "Gray Level Nonuniformity in Runs", CM__UNIT_ONE},
    {"rlm_glnu_norm", "glrlm_GrayLevelNonUniformityNormalized", "OVBL", "Normalized Gray Level Nonuniformity in Runs",
     CM__UNIT_ONE},
    {"rlm_rlnu", "glrlm_RunLengthNonUniformity", "W92Y", "Run Length Nonuniformity", CM__UNIT_ONE},
    {"rlm_rlnu_norm", "glrlm_RunLengthNonUniformityNormalized", "IC23", "Normalized Run Length Nonuniformity",
     CM__UNIT_ONE},
    {"rlm_r_perc", "glrlm_RunPercentage", "9ZK5", "Run Percentage", CM__UNIT_ONE},
    {"rlm_gl_var", "glrlm_GrayLevelVariance", "8CE5", "Gray Level Variance in Runs", CM__UNIT_ONE},
    {"rlm_rl_var", "glrlm_RunVariance", "SXLW", "Run Length Variance", CM__UNIT_ONE},
    {"rlm_rl_entr", "glrlm_RunEntropy", "HJ9O", "Run Entropy", CM__UNIT_ONE},
    {"szm_sze", "glszm_SmallAreaEmphasis", "5QRC", "Small Zone Emphasis", CM__UNIT_ONE},
    {"szm_lze", "glszm_LargeAreaEmphasis", "48P8", "Large Zone Emphasis", CM__UNIT_ONE},
    {"szm_lgze", "glszm_LowGrayLevelZoneEmphasis", "XMSY", "Low Gray Level Zone Emphasis", CM__UNIT_ONE},
    {"szm_hgze", "glszm_HighGrayLevelZoneEmphasis", "5GN9", "High Gray Level Zone Emphasis", CM__UNIT_ONE},
    {"szm_szlge", "glszm_SmallAreaLowGrayLevelEmphasis", "5RAI", "Small Zone Low Gray Level Emphasis", CM__UNIT_ONE},
    {"szm_szhge", "glszm_SmallAreaHighGrayLevelEmphasis", "HW1V", "Small Zone High Gray Level Emphasis", CM__UNIT_ONE},
    {"szm_lzlge", "glszm_LargeAreaLowGrayLevelEmphasis", "YH51", "Large Zone Low Gray Level Emphasis", CM__UNIT_ONE},
    {"szm_lzhge", "glszm_LargeAreaHighGrayLevelEmphasis", "J17V", "Large Zone High Gray Level Emphasis", CM__UNIT_ONE},
    {"szm_glnu", "glszm_GrayLevelNonUniformity", "JNSA", "Gray Level Nonuniformity of Size Zone Counts", CM__UNIT_ONE},
    {"szm_glnu_norm", "glszm_GrayLevelNonUniformityNormalized", "Y1RO",
     "Normalized Gray Level Nonuniformity of Size Zone Counts", CM__UNIT_ONE},
    {"szm_zsnu", "glszm_SizeZoneNonUniformity", "4JP3", "Zone Size Nonuniformity", CM__UNIT_ONE},
    {"szm_zsnu_norm", "glszm_SizeZoneNonUniformityNormalized", "VB3A", "Normalized Zone Size Nonuniformity",
     CM__UNIT_ONE},
    {"szm_z_perc", "glszm_ZonePercentage", "P30P", "Size Zone Percentage", CM__UNIT_ONE},
    {"szm_gl_var", "glszm_GrayLevelVariance", "BYLV", "Gray Level Variance in Size Zones", CM__UNIT_ONE},
    {"szm_zs_var", "glszm_ZoneVariance", "3NSA", "Zone Size Variance", CM__UNIT_ONE},
    {"szm_zs_entr", "glszm_ZoneEntropy", "GU8N", "Zone Size Entropy", CM__UNIT_ONE},
    {"dzm_sde", NULL, "0GBI", "Small Distance Emphasis", CM__UNIT_ONE},
    {"dzm_lde", NULL, "MB4I", "Large Distance Emphasis", CM__UNIT_ONE},
    {"dzm_lgze", NULL, "S1RA", "Low Grey Level Zone Emphasis", CM__UNIT_ONE},
    {"dzm_hgze", NULL, "K26C", "High Grey Level Zone Emphasis", CM__UNIT_ONE},
    {"dzm_sdlge", NULL, "RUVG", "Small Distance Low Grey Level Emphasis", CM__UNIT_ONE},
    {"dzm_sdhge", NULL, "DKNJ", "Small Distance High Grey Level Emphasis", CM__UNIT_ONE},
    {"dzm_ldlge", NULL, "A7WM", "Large Distance Low Grey Level Emphasis", CM__UNIT_ONE},
    {"dzm_ldhge", NULL, "KLTH", "Large Distance High Grey Level Emphasis", CM__UNIT_ONE},
    {"dzm_glnu", NULL, "VFT7", "Grey Level Non-uniformity of Distance Zone Counts", CM__UNIT_ONE},
    {"dzm_glnu_norm", NULL, "7HP3", "Normalized Grey Level Non-uniformity of Distance Zone Counts", CM__UNIT_ONE},
    {"dzm_zdnu", NULL, "V294", "Zone Distance Non-uniformity", CM__UNIT_ONE},
    {"dzm_zdnu_norm", NULL, "IATH", "Normalized Zone Distance Non-uniformity", CM__UNIT_ONE},
    {"dzm_z_perc", NULL, "VIWW", "Distance Zone Percentage", CM__UNIT_ONE},
    {"dzm_gl_var", NULL, "QK93", "Grey Level Variance in Distance Zones", CM__UNIT_ONE},
    {"dzm_zd_var", NULL, "7WT1", "Zone Distance Variance", CM__UNIT_ONE},
    {"dzm_zd_entr", NULL, "GBDU", "Zone Distance Entropy", CM__UNIT_ONE},
    {"ngt_coarseness", "ngtdm_Coarseness", "QCDE", "Coarseness of NGTDM", CM__UNIT_ONE},
    {"ngt_contrast", "ngtdm_Contrast", "65HE", "Contrast of NGTDM", CM__UNIT_ONE},
    {"ngt_busyness", "ngtdm_Busyness", "NQ30", "Busyness of NGTDM", CM__UNIT_ONE},
    {"ngt_complexity", "ngtdm_Complexity", "HDEZ", "Complexity of NGTDM", CM__UNIT_ONE},
    {"ngt_strength", "ngtdm_Strength", "1X9X", "Strength of NGTDM", CM__UNIT_ONE},
    {"ngl_lde", "gldm_SmallDependenceEmphasis", "SODN", "Low dependence emphasis", CM__UNIT_ONE},
    {"ngl_hde", "gldm_LargeDependenceEmphasis", "IMOQ", "High dependence emphasis", CM__UNIT_ONE},
    {"ngl_lgce", "gldm_LowGrayLevelEmphasis", "TL9H", "Low grey level count emphasis", CM__UNIT_ONE},
    {"ngl_hgce", "gldm_HighGrayLevelEmphasis", "OAE7", "High grey level count emphasis", CM__UNIT_ONE},
    {"ngl_ldlge", "gldm_SmallDependenceLowGrayLevelEmphasis", "EQ3F", "Low dependence low grey level emphasis",
     CM__UNIT_ONE},
    {"ngl_ldhge", "gldm_SmallDependenceHighGrayLevelEmphasis", "JA6D", "Low dependence high grey level emphasis",
     CM__UNIT_ONE},
    {"ngl_hdlge", "gldm_LargeDependenceLowGrayLevelEmphasis", "NBZI", "High dependence low grey level emphasis",
     CM__UNIT_ONE},
    {"ngl_hdhge", "gldm_LargeDependenceHighGrayLevelEmphasis", "9QMG", "High dependence high grey level emphasis",
     CM__UNIT_ONE},
    {"ngl_glnu", "gldm_GrayLevelNonUniformity", "FP8K", "Grey level non-uniformity of NGLDM", CM__UNIT_ONE},
    {"ngl_glnu_norm", NULL, "5SPA", "Normalized grey level non-uniformity of NGLDM", CM__UNIT_ONE},
    {"ngl_dcnu", "gldm_DependenceNonUniformity", "Z87G", "Dependence count non-uniformity", CM__UNIT_ONE},
    {"ngl_dcnu_norm", "gldm_DependenceNonUniformityNormalized", "OKJI", "Dependence count non-uniformity normalized",
     CM__UNIT_ONE},
    {"ngl_dc_perc", NULL, "6XV8", "Dependence count percentage", CM__UNIT_ONE},
    {"ngl_gl_var", "gldm_GrayLevelVariance", "1PFV", "Grey level variance of NGLDM", CM__UNIT_ONE},
    {"ngl_dc_var", "gldm_DependenceVariance", "DNX2", "Dependence count variance", CM__UNIT_ONE},
    {"ngl_dc_entr", "gldm_DependenceEntropy", "FCBV", "Dependence count entropy", CM__UNIT_ONE},
    {"ngl_dc_energy", NULL, "CAS9", "Dependence count energy", CM__UNIT_ONE},
};

static const struct {
  const char *end;
  CmCode code;
} aggregations[] = {
    {"_2D_avg", {"BTW3", "IBSI", "2D averaged over directions and slices"}},
    {"_2D_comb", {"SUJT", "IBSI", "2D merged by slice, averaged over slices"}},
    {"_2_5D_avg", {"JJUI", "IBSI", "2.5D merged by direction, averaged over directions"}},
    {"_2_5D_comb", {"ZW7Z", "IBSI", "2.5D merged over directions and slices"}},
    {"_3D_avg", {"ITBB", "IBSI", "3D averaged over directions"}},
    {"_3D_comb", {"IAZD", "IBSI", "3D merged over directions"}},
    {"_2D", {"8QNN", "IBSI", "2D averaged over slices"}},
    {"_2_5D", {"62GR", "IBSI", "2.5D merged over slices"}},
    {"_3D", {"KOBO", "IBSI", "3D"}},
};

/* Cuts the aggregation off an IBSI tag. */
static void read_aggregation(char *tag, CmFeatureName *name) {
  for (int k = 0; k < CM_COUNT(aggregations); k++) {
    const size_t size = strlen(tag), end = strlen(aggregations[k].end);
    if (size <= end || strcmp(tag + size - end, aggregations[k].end) != 0) continue;
    name->aggregation = aggregations[k].code;
    tag[size - end] = 0;
    return;
  }
}

static bool find(const char *text, bool theirs, CmFeatureName *name) {
  for (int k = 0; k < CM_COUNT(features); k++) {
    const char *key = theirs ? features[k].theirs : features[k].tag;
    if (!key || strcmp(key, text) != 0) continue;
    name->feature = (CmCode){features[k].code, "IBSI", features[k].meaning};
    name->unit = features[k].unit;
    return true;
  }
  return false;
}

/* What is measured on a filtered image is not in its unit. */
static void drop_unit(CmFeatureName *name) {
  if (name->unit >= CM__UNIT_INTENSITY) name->unit = CM__UNIT_ONE;
}

/* Units of what PyRadiomics has beyond the standard. */
static CmFeatureUnit their_unit(const char *text) {
  static const struct {
    const char *name;
    CmFeatureUnit unit;
  } more[] = {{"shape_Maximum2DDiameterColumn", CM__UNIT_MM},
              {"shape_Maximum2DDiameterRow", CM__UNIT_MM},
              {"shape_Maximum2DDiameterSlice", CM__UNIT_MM},
              {"shape2D_MeshSurface", CM__UNIT_MM2},
              {"shape2D_PixelSurface", CM__UNIT_MM2},
              {"shape2D_Perimeter", CM__UNIT_MM},
              {"shape2D_PerimeterSurfaceRatio", CM__UNIT_PER_MM},
              {"shape2D_MaximumDiameter", CM__UNIT_MM},
              {"shape2D_MajorAxisLength", CM__UNIT_MM},
              {"shape2D_MinorAxisLength", CM__UNIT_MM},
              {"firstorder_Energy", CM__UNIT_INTENSITY2},
              {"firstorder_RootMeanSquared", CM__UNIT_INTENSITY},
              {"firstorder_TotalEnergy", CM__UNIT_INTENSITY2_MM3},
              {"firstorder_StandardDeviation", CM__UNIT_INTENSITY}};
  for (int k = 0; k < CM_COUNT(more); k++)
    if (strcmp(more[k].name, text) == 0) return more[k].unit;
  return CM__UNIT_ONE;
}

/* IMAGETYPE_CLASS_FEATURE; image types such as log-sigma-3-0-mm-3D have no underscore. */
static bool read_theirs(const char *column, CmFeatureName *name) {
  static const char *const classes[] = {"firstorder_", "glcm_",  "gldm_",  "glrlm_",
                                        "glszm_",      "ngtdm_", "shape_", "shape2D_"};
  const char *bar = strchr(column, '_');
  bool known = false;
  for (int k = 0; bar && k < CM_COUNT(classes); k++) known |= strncmp(bar + 1, classes[k], strlen(classes[k])) == 0;
  if (!known || bar - column >= (int)sizeof name->filter) return false;
  if (strncmp(column, "original_", 9) != 0)
    snprintf(name->filter, sizeof name->filter, "%.*s", (int)(bar - column), column);
  if (!find(bar + 1, true, name)) {
    snprintf(name->own, sizeof name->own, "%s", bar + 1);
    name->feature = (CmCode){name->own, CM__OWN_SCHEME, name->own};
    name->unit = their_unit(bar + 1);
  }
  if (*name->filter) drop_unit(name);
  return true;
}

bool cm__feature_name(const char *column, CmFeatureName *name) {
  static const char *const families[] = {"morph_", "loc_", "stat_", "ih_",  "ivh_", "cm_",
                                         "rlm_",   "szm_", "dzm_",  "ngt_", "ngl_"};
  char tag[64];
  *name = (CmFeatureName){.unit = CM__UNIT_ONE};
  if (strncmp(column, "diagnostics_", 12) == 0) return false;
  if (read_theirs(column, name)) return true;
  bool known = false;
  for (int k = 0; k < CM_COUNT(families); k++) known |= strncmp(column, families[k], strlen(families[k])) == 0;
  if (!known || strlen(column) >= sizeof tag) return false;
  snprintf(tag, sizeof tag, "%s", column);
  read_aggregation(tag, name);
  if (find(tag, false, name)) return true;
  snprintf(name->own, sizeof name->own, "%s", tag);
  name->feature = (CmCode){name->own, CM__OWN_SCHEME, name->own};
  return true;
}
