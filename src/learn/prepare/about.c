#include "learn/prepare/impute.h"

static const CmParam params_table[] = {
    CM_PARAM_ENUM(CmPrepareParams, impute, "auto|median|mean|none|knn|iterative", "auto",
                  "how missing values are filled; auto: median, or left to models that take them"),
    CM_PARAM_INT(CmPrepareParams, neighbours, 5, 1, CM__MOST_NEIGHBOURS, "", "impute=knn: rows whose mean is taken"),
    CM_PARAM_INT(CmPrepareParams, rounds, 10, 1, CM__MOST_ROUNDS, "", "impute=iterative: over the columns, at most"),
    CM_PARAM_BOOL(CmPrepareParams, indicators, "false",
                  "one more column for each with missing values: 1 where it was missing, else 0"),
    CM_PARAM_ENUM(CmPrepareParams, scale, "auto|none|zscore|robust|minmax", "auto",
                  "how features are scaled; auto: zscore for models by distance or weight, else none"),
    CM_PARAM_REAL(CmPrepareParams, min_variance, 0, 0, 1e300, "", "columns with no more variance than this go"),
    CM_PARAM_REAL(CmPrepareParams, max_correlation, 1, 0, 1, "1",
                  "of two columns with a larger absolute correlation the later goes; 1 keeps all"),
    CM_PARAM_INT(CmPrepareParams, k_best, 0, 0, 1000000, "",
                 "how many columns stay, by ANOVA F (regression: by F of the slope); 0 keeps all"),
};

static const CmOp about = {
    .name = "prepare",
    .family = "learn",
    .since = "0.1",
    .summary = "Fill, select and scale features, fitted on training rows only.",
    .details =
        "Order: columns without values or variance go; missing values are filled; correlated columns go; the best by "
        "ANOVA F stay; what stays is scaled.\n"
        "impute=knn: the mean of the nearest training rows that have the value, by the mean square difference of the "
        "standardised columns that both rows have (Troyanskaya et al. 2001). The model file then holds training rows: "
        "treat it as patient data. impute=iterative: each column with gaps by Bayesian ridge regression on all others, "
        "in turn, until the filled values stand still (van Buuren and Groothuis-Oudshoorn 2011, without draws).\n"
        "zscore: (x - mean) / population standard deviation. robust: (x - median) / (third - first quartile). minmax: "
        "(x - least) / (largest - least), not cut off in new rows.",
    CM_OP_PARAMS(CmPrepareParams, params_table),
    .cite =
        "Troyanskaya et al.: Missing value estimation methods for DNA microarrays, Bioinformatics 17, 2001; van "
        "Buuren, Groothuis-Oudshoorn: mice, J. Stat. Softw. 45, 2011",
};
const CmOp *cm_prepare_about(void) {
  return &about;
}
