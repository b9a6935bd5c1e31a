#include "learn/prepare/impute.h"

static const CmParam params_table[] = {
    CM_PARAM_ENUM(CmPrepareParams, impute, "auto|median|mean|none|knn|iterative|drop", "auto",
                  "how missing values are filled; auto: median, or left to models that take them; drop: rows with one "
                  "are left out"),
    CM_PARAM_INT(CmPrepareParams, neighbours, 5, 1, CM__MOST_NEIGHBOURS, "", "impute=knn: rows whose mean is taken"),
    CM_PARAM_INT(CmPrepareParams, rounds, 10, 1, CM__MOST_ROUNDS, "", "impute=iterative: over the columns, at most"),
    CM_PARAM_ENUM(CmPrepareParams, along_time, "none|linear|previous", "none",
                  "missing values are first told from other visits of the subject: between two, or as at the last one"),
    CM_PARAM_BOOL(CmPrepareParams, indicators, "false",
                  "one more column for each with missing values: 1 where it was missing, else 0"),
    CM_PARAM_TEXT(CmPrepareParams, batch, "",
                  "column that names each row's scanner or site: ComBat takes its mark off the features"),
    CM_PARAM_TEXT(CmPrepareParams, covariates, "",
                  "features whose effect ComBat keeps, and which it leaves as they are, with commas between, e.g. age"),
    CM_PARAM_ENUM(CmPrepareParams, scale, "auto|none|zscore|robust|minmax", "auto",
                  "how features are scaled; auto: zscore for models by distance or weight, else none"),
    CM_PARAM_REAL(CmPrepareParams, min_variance, 0, 0, 1e300, "", "columns with no more variance than this go"),
    CM_PARAM_REAL(CmPrepareParams, max_correlation, 1, 0, 1, "1",
                  "of two columns with a larger absolute correlation the later goes; 1 keeps all"),
    CM_PARAM_REAL(CmPrepareParams, max_cluster, 0, 0, 1, "1",
                  "columns are clustered down to this mean absolute correlation, and one of each stays; 0: none are"),
    CM_PARAM_ENUM(CmPrepareParams, test, "auto|anova|welch|mann_whitney|slope|cox", "auto",
                  "of a column against the target; auto: anova, for numbers the F of the slope, for survival cox"),
    CM_PARAM_REAL(CmPrepareParams, alpha, 0, 0, 1, "1", "columns whose corrected p is larger go; 0 keeps all"),
    CM_PARAM_ENUM(CmPrepareParams, correction, "benjamini_hochberg|holm|bonferroni|none", "benjamini_hochberg",
                  "of the p, for as many tests as there are columns"),
    CM_PARAM_INT(CmPrepareParams, k_best, 0, 0, 1000000, "", "how many columns stay at most; 0 keeps all"),
    CM_PARAM_ENUM(CmPrepareParams, choose, "test|mrmr_difference|mrmr_quotient|lasso|stability", "test",
                  "how the best columns are found; lasso and stability choose without k_best too"),
    CM_PARAM_REAL(CmPrepareParams, penalty, 0.1, 1e-6, 1, "1",
                  "of lasso and stability, as a share of the least penalty that drops every column"),
    CM_PARAM_REAL(CmPrepareParams, stability, 0.75, 0.5, 1, "1",
                  "choose=stability: share of the halves that must choose a column"),
    CM_PARAM_INT(CmPrepareParams, subsamples, 100, 2, 100000, "", "choose=stability: random halves of the subjects"),
    CM_PARAM_INT(CmPrepareParams, seed, 1, 0, 2147483647, "", "of the halves and of smote"),
    CM_PARAM_BOOL(CmPrepareParams, smote, "false",
                  "make up training rows of the rarer classes, between near ones, until all classes are as large"),
    CM_PARAM_INT(CmPrepareParams, smote_neighbours, 5, 1, CM__MOST_NEIGHBOURS, "",
                 "smote: of a row, one of which is drawn"),
};

static const CmOp about = {
    .name = "prepare",
    .family = "learn",
    .since = "0.1",
    .summary = "Fill, select and scale features, fitted on training rows only.",
    .details =
        "Order: columns without values or variance go; missing values are filled; batches are harmonised; correlated "
        "columns go; of each "
        "cluster one stays; what is not significant goes; the best stay; what stays is scaled.\n"
        "impute=knn: the mean of the nearest training rows that have the value, by the mean square difference of the "
        "standardised columns that both rows have (Troyanskaya et al. 2001). The model file then holds training rows: "
        "treat it as patient data. impute=iterative: each column with gaps by Bayesian ridge regression on all others, "
        "in turn, until the filled values stand still (van Buuren and Groothuis-Oudshoorn 2011, without draws).\n"
        "batch: ComBat by parametric empirical Bayes (Johnson et al. 2007), each batch against the mean of all. New "
        "rows "
        "get the shift and spread of their batch in training; a batch that was not there is refused. The target is no "
        "covariate: new rows do not have it. Missing values are filled before.\n"
        "max_cluster: average linkage of 1 - |r|; the column with the largest mean |r| to its cluster stands for it.\n"
        "Tests take each row for itself, also where subjects have several. anova: F of the classes; welch: t of two "
        "classes; mann_whitney: two classes by ranks (normal approximation, ties and continuity corrected); slope: F "
        "of "
        "a line through a number; cox: score test of one column (Efron's ties).\n"
        "choose=test: by the statistic. mrmr_difference, mrmr_quotient: most mutual information with the target, less "
        "(or divided by 0.01 plus) the mean with those chosen before, of the shares in three states cut at the mean "
        "-/+ "
        "half a deviation (Ding and Peng 2005). lasso: columns with a weight in an L1 logistic model (each class "
        "against the rest) or in a lasso of numbers; the largest with k_best. stability: columns that the lasso "
        "chooses "
        "in enough random halves of the subjects (Meinshausen and Buehlmann 2010), at one penalty.\n"
        "smote: x + u (neighbour - x), u uniform, among the prepared training rows (Chawla et al. 2002); probabilities "
        "then are those of classes of equal size, and a model with class_weight=balanced needs no made-up rows.\n"
        "along_time: linear by time between the visits around, which looks ahead of a visit; previous does not. "
        "Subject "
        "and time columns are needed, also in new rows. impute=drop leaves rows out of training and test, and says how "
        "many; a new row must be whole, unless the model takes missing values.\n"
        "zscore: (x - mean) / population standard deviation. robust: (x - median) / (third - first quartile). minmax: "
        "(x - least) / (largest - least), not cut off in new rows.",
    CM_OP_PARAMS(CmPrepareParams, params_table),
    .cite =
        "Troyanskaya et al.: Missing value estimation methods for DNA microarrays, Bioinformatics 17, 2001; van "
        "Buuren, Groothuis-Oudshoorn: mice, J. Stat. Softw. 45, 2011; Johnson, Li, Rabinovic: Adjusting batch effects, "
        "Biostatistics 8, 2007; Ding, Peng: Minimum redundancy feature selection "
        "from microarray gene expression data, J. Bioinform. Comput. Biol. 3, 2005; Meinshausen, Buehlmann: "
        "Stability selection, J. R. Stat. Soc. B 72, 2010",
};
const CmOp *cm_prepare_about(void) {
  return &about;
}
