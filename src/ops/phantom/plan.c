/* Who is in the cohort: diagnoses, visits, nodules. Sizes, margins and doubling times of malignant and benign nodules
 * overlap, as they do in life: diameters after the NLST's screen-detected nodules (Aberle et al., NEJM 2011), doubling
 * times after Henschke et al., Radiology 2012 (malignant mostly under 400 days) and the Fleischner Society's rule for
 * benign ones (stable or over 600 days). */
#include "ops/phantom/plan.h"

#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/phantom/anatomy.h"

const char *cm_phantom_margin_name(CmPhantomMargin margin) {
  static const char *const name[] = {"smooth", "lobulated", "spiculated"};
  return name[margin];
}
const char *cm_phantom_place_name(CmPhantomPlace place) {
  static const char *const name[] = {"free", "wall", "vessel"};
  return name[place];
}
const char *cm_phantom_density_name(CmPhantomDensity density) {
  static const char *const name[] = {"solid", "calcified", "subsolid"};
  return name[density];
}

void cm_phantom_default_options(CmPhantomOptions *options) {
  memset(options, 0, sizeof *options);
  options->seed = 1979; /* the year of Cormack's Nobel prize */
  options->patients = 40;
  options->matrix = 192;
  options->slice_mm = 2.5;
  options->defects = true;
}

/* Days since 1970-01-01 to the Gregorian calendar, by eras of 400 years. */
static void calendar(int64_t days, char date[9]) {
  days += 719468;
  const int64_t era = days / 146097, doe = days - era * 146097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
  int64_t number = ((yoe + era * 400 + (month <= 2)) * 100 + month) * 100 + day;
  for (int i = 7; i >= 0; i--, number /= 10) date[i] = (char)('0' + number % 10);
  date[8] = 0;
}

static void rotation_from_degrees(const double degrees[3], double m[9]) {
  double s[3], c[3];
  for (int k = 0; k < 3; k++) {
    const double r = degrees[k] * (3.14159265358979323846 / 180);
    s[k] = rng_sin(r);
    c[k] = rng_cos(r);
  }
  const double r[9] = {c[2] * c[1],
                       c[2] * s[1] * s[0] - s[2] * c[0],
                       c[2] * s[1] * c[0] + s[2] * s[0],
                       s[2] * c[1],
                       s[2] * s[1] * s[0] + c[2] * c[0],
                       s[2] * s[1] * c[0] - c[2] * s[0],
                       -s[1],
                       c[1] * s[0],
                       c[1] * c[0]};
  memcpy(m, r, sizeof r);
}

static void plan_visits(CmPhantomPatient *p, const CmPhantomOptions *options, int index, Rng *rng) {
  Anatomy a;
  cm__anatomy_make(&a, options->seed, index, p->sex == 'F', p->contrast, 0);
  const double field = clampd(2 * (a.cage_x + 24 + a.fat) + rng_range(rng, 8, 24), 320, 400);
  const int64_t first = 18628 + (int64_t)rng_range(rng, 0, 900); /* 2021-01-01 on */
  p->visit_count = index % 3 == 2 ? 2 : 1;
  for (int v = 0; v < p->visit_count; v++) {
    CmPhantomVisit *visit = &p->visit[v];
    const double turn = v == 0 ? 1.5 : 4.5, shift = v == 0 ? 3 : 9;
    double degrees[3];
    for (int k = 0; k < 3; k++) {
      degrees[k] = rng_range(rng, -turn, turn);
      visit->shift_mm[k] = rng_range(rng, -shift, shift) * (k == 2 ? 0.7 : 1);
    }
    rotation_from_degrees(degrees, visit->rotation);
    visit->days = v == 0 ? 0 : 90 + (int)rng_range(rng, 0, 276);
    calendar(first + visit->days, visit->date);
    visit->breathing_mm = v == 0 ? 0 : rng_range(rng, -2.5, 2.5);
    visit->pixel_mm = floor(field / options->matrix * 1e4 + 0.5) / 1e4;
    visit->slice_mm = options->slice_mm;
    visit->matrix = options->matrix;
    visit->slices = (int)ceil(300 / options->slice_mm);
    visit->noise_hu = rng_range(rng, 9, 22);
    visit->sharp = index % 5 == 3;
    visit->circle = index % 4 == 1;
    visit->missing_slice = visit->truncated_slice = -1;
  }
}

/* A place for a nodule of radius r that keeps clear of the others; false after many tries. */
static bool find_place(const Anatomy *a, const Tubes *tubes, CmPhantomPatient *p, CmPhantomNodule *n, double largest,
                       Rng *rng) {
  const double r = 0.5 * largest;
  for (int attempt = 0; attempt < 4000; attempt++) {
    double q[3] = {rng_range(rng, -130, 130), rng_range(rng, -90, 95), rng_range(rng, -110, 95)};
    if (n->malignant && rng_uniform(rng) < 0.5 && q[2] < 10) continue; /* cancers favour the upper lobes */
    const double depth = -cm__anatomy_lung(a, q);
    memset(n->inward, 0, sizeof n->inward);
    if (n->place == CM_PLACE_WALL) {
      if (depth < 0.2 || depth > 1.5 || q[2] < -45 || q[2] > 75) continue;
      Site s;
      cm__anatomy_site(a, q, &s);
      if (s.cage < -6) continue; /* the chest wall, not the mediastinum */
      cm__anatomy_inward(a, q, n->inward);
      const double in[3] = {q[0] + n->inward[0] * (largest + 3), q[1] + n->inward[1] * (largest + 3),
                            q[2] + n->inward[2] * (largest + 3)};
      if (-cm__anatomy_lung(a, in) < 0.55 * largest) continue;
    } else if (depth < r * 1.5 + 3.5) {
      continue;
    }
    double away = 1e9; /* from vessels and airways that a nodule would swallow */
    const Tube *touching = NULL;
    for (int i = 0; i < tubes->count; i++) {
      const Tube *t = &tubes->tube[i];
      double d = 0;
      for (int k = 0; k < 3; k++) d += (q[k] - 0.5 * (t->a[k] + t->b[k])) * (q[k] - 0.5 * (t->a[k] + t->b[k]));
      d = sqrt(d) - t->ra;
      if (t->ra > 1.6 && d < away) away = d;
      if (t->kind == TUBE_BLOOD && t->ra > 1.1 && t->ra < 2.4 && d < 9) touching = t;
    }
    if (n->place == CM_PLACE_VESSEL) {
      if (!touching || -cm__anatomy_lung(a, q) < r * 1.5 + 8) continue;
      double away_from[3];
      rng_direction(rng, away_from);
      for (int k = 0; k < 3; k++)
        q[k] = 0.5 * ((double)touching->a[k] + touching->b[k]) + away_from[k] * (0.4 * n->diameter_mm + touching->ra);
    } else if (away < r + 4) {
      continue;
    }
    bool clear = true;
    for (int i = 0; i < p->nodule_count; i++) {
      double d = 0;
      for (int k = 0; k < 3; k++) d += (q[k] - p->nodule[i].anchor_mm[k]) * (q[k] - p->nodule[i].anchor_mm[k]);
      clear = clear && sqrt(d) > 34;
    }
    if (!clear) continue;
    memcpy(n->anchor_mm, q, sizeof q);
    return true;
  }
  return false;
}

static CmPhantomMargin pick_margin(Rng *rng, bool malignant) {
  const double u = rng_uniform(rng);
  if (malignant) return u < 0.50 ? CM_MARGIN_SPICULATED : u < 0.78 ? CM_MARGIN_LOBULATED : CM_MARGIN_SMOOTH;
  return u < 0.08 ? CM_MARGIN_SPICULATED : u < 0.34 ? CM_MARGIN_LOBULATED : CM_MARGIN_SMOOTH;
}

static void describe_nodule(CmPhantomPatient *p, CmPhantomNodule *n, bool leading, Rng *rng) {
  n->malignant = leading && p->malignant;
  const double z = clampd(rng_normal(rng), -2, 2.4);
  if (n->malignant)
    n->diameter_mm = clampd(14.5 * rng_exp2(0.38 * z), 6.5, 25);
  else if (leading)
    n->diameter_mm = clampd(7.8 * rng_exp2(0.46 * z), 4.5, 20);
  else
    n->diameter_mm = clampd(5.6 * rng_exp2(0.32 * z), 4, 9);
  n->margin = pick_margin(rng, n->malignant);
  const double u = rng_uniform(rng);
  n->density = n->malignant ? (u < 0.14 ? CM_DENSITY_SUBSOLID : CM_DENSITY_SOLID)
                            : (u < 0.17 ? CM_DENSITY_CALCIFIED : CM_DENSITY_SOLID);
  if (n->diameter_mm < 8 && n->density == CM_DENSITY_SUBSOLID) n->density = CM_DENSITY_SOLID;
  n->hu = n->density == CM_DENSITY_SUBSOLID ? rng_range(rng, -330, -180)
                                            : rng_range(rng, 15, 50) + (p->contrast ? (n->malignant ? 35 : 15) : 0);
  n->doubling_days = n->malignant             ? 100 * rng_exp2(2 * rng_uniform(rng))
                     : rng_uniform(rng) < 0.5 ? 0
                                              : rng_range(rng, 620, 1500);
  const double place = rng_uniform(rng);
  n->place = place < 0.25 ? CM_PLACE_WALL : place < 0.45 ? CM_PLACE_VESSEL : CM_PLACE_FREE;
}

static bool plan_nodules(CmContext *ctx, CmPhantomPatient *p, const CmPhantomOptions *options, int index, Rng *rng,
                         CmError **err) {
  Anatomy a;
  Tubes tubes;
  cm__anatomy_make(&a, options->seed, index, p->sex == 'F', p->contrast, 0);
  if (!cm__tree_make(ctx, &a, options->seed, index, &tubes, err)) return false;
  const int wanted = 1 + (int)rng_range(rng, 0, 3.2);
  const CmPhantomVisit *last = &p->visit[p->visit_count - 1];
  for (int i = 0; i < wanted; i++) {
    CmPhantomNodule *n = &p->nodule[p->nodule_count];
    memset(n, 0, sizeof *n);
    describe_nodule(p, n, i == 0, rng);
    const double growth = n->doubling_days > 0 ? rng_exp2(last->days / (3 * n->doubling_days)) : 1;
    if (n->diameter_mm * growth > 28) n->diameter_mm = 28 / growth;
    n->id = p->nodule_count + 1;
    n->shape = rng_next(rng);
    if (!find_place(&a, &tubes, p, n, n->diameter_mm * growth, rng)) {
      n->place = CM_PLACE_FREE;
      if (!find_place(&a, &tubes, p, n, n->diameter_mm * growth, rng)) continue;
    }
    p->nodule_count++;
  }
  cm_free(tubes.tube);
  if (p->nodule_count == 0) {
    cm_error_set(err, CM_ERR_FAULT, "phantom patient %s: no place for a nodule was found; use another seed", p->id);
    return false;
  }
  return true;
}

typedef struct PlanJob {
  CmContext *ctx;
  CmPhantomPlan *plan;
} PlanJob;

static bool plan_patient(void *arg, CmRange range, CmError **err) {
  PlanJob *job = arg;
  for (int64_t i = range.begin; i < range.end; i++) {
    CmPhantomPatient *p = &job->plan->patient[i];
    Rng rng = rng_stream(job->plan->options.seed, (uint64_t)i * 64);
    snprintf(p->id, sizeof p->id, "CHEST-%04d", (int)(i % 9999) + 1);
    snprintf(p->name, sizeof p->name, "Phantom^Chest %04d", (int)(i % 9999) + 1);
    p->sex = rng_uniform(&rng) < 0.5 ? 'F' : 'M';
    p->age = (int)clampd((p->malignant ? 67 : 60) + 9 * rng_normal(&rng), 40, 88);
    p->contrast = rng_uniform(&rng) < 0.3;
    plan_visits(p, &job->plan->options, (int)i, &rng);
    if (!plan_nodules(job->ctx, p, &job->plan->options, (int)i, &rng, err)) return false;
  }
  return true;
}

/* Half of the cohort, drawn by shuffling. */
static void draw_diagnoses(CmPhantomPlan *plan) {
  const int n = plan->options.patients;
  for (int i = 0; i < n; i++) plan->patient[i].malignant = i % 2 == 0;
  Rng rng = rng_stream(plan->options.seed, UINT64_C(1) << 40);
  for (int i = n - 1; i > 0; i--) {
    const int j = (int)(rng_next(&rng) % (uint64_t)(i + 1));
    const bool t = plan->patient[i].malignant;
    plan->patient[i].malignant = plan->patient[j].malignant;
    plan->patient[j].malignant = t;
  }
}

/* Single visits, so that the pairs remain whole. */
static void draw_defects(CmPhantomPlan *plan) {
  const int n = plan->options.patients;
  if (!plan->options.defects || n < 4) return;
  const int gap = n / 5 % 3 == 2 ? n / 5 + 1 : n / 5, cut = 2 * n / 5 % 3 == 2 ? 2 * n / 5 + 1 : 2 * n / 5;
  plan->patient[gap].visit[0].missing_slice = plan->patient[gap].visit[0].slices / 2;
  const int other = cut == gap ? gap + 1 + (gap % 3 == 1) : cut;
  plan->patient[other].visit[0].truncated_slice = plan->patient[other].visit[0].slices / 3;
}

CmPhantomPlan *cm_phantom_thorax_plan(CmContext *ctx, const CmPhantomOptions *options, CmError **err) {
  CmPhantomOptions chosen;
  cm_phantom_default_options(&chosen);
  if (options) chosen = *options;
  if (chosen.patients < 1 || chosen.patients > 9999) {
    cm_error_set(err, CM_ERR_PARAMETER, "patients: %d is out of range; give 1 to 9999", chosen.patients);
    return NULL;
  }
  if (chosen.matrix < 64 || chosen.matrix > 1024) {
    cm_error_set(err, CM_ERR_PARAMETER, "matrix: %d is out of range; give 64 to 1024", chosen.matrix);
    return NULL;
  }
  if (!(chosen.slice_mm >= 0.5 && chosen.slice_mm <= 10)) {
    cm_error_set(err, CM_ERR_PARAMETER, "slice: %g mm is out of range; give 0.5 to 10", chosen.slice_mm);
    return NULL;
  }
  CmPhantomPlan *plan = cm_calloc(ctx, 1, sizeof *plan + (size_t)chosen.patients * sizeof plan->patient[0], err);
  if (!plan) return NULL;
  plan->options = chosen;
  draw_diagnoses(plan);
  PlanJob job = {ctx, plan};
  if (!cm_parallel_for(ctx, NULL, chosen.patients, 1, plan_patient, &job, err)) {
    cm_phantom_plan_free(&plan);
    return NULL;
  }
  draw_defects(plan);
  return plan;
}

void cm_phantom_plan_free(CmPhantomPlan **plan) {
  if (!plan) return;
  cm_free(*plan);
  *plan = NULL;
}

int cm_phantom_patients(const CmPhantomPlan *plan) {
  return plan->options.patients;
}
const CmPhantomPatient *cm_phantom_patient(const CmPhantomPlan *plan, int patient) {
  return &plan->patient[patient];
}

void cm_phantom_truth(const CmPhantomPlan *plan, int patient, int visit, int nodule, CmPhantomTruth *truth) {
  const CmPhantomPatient *p = &plan->patient[patient];
  const CmPhantomVisit *v = &p->visit[visit];
  const CmPhantomNodule *n = &p->nodule[nodule];
  Anatomy a;
  cm__anatomy_make(&a, plan->options.seed, patient, p->sex == 'F', p->contrast, v->breathing_mm);
  double q[3];
  cm__nodule_at(n, v->days, q);
  for (int k = 0; k < 3; k++)
    truth->centre_mm[k] =
        v->rotation[3 * k] * q[0] + v->rotation[3 * k + 1] * q[1] + v->rotation[3 * k + 2] * q[2] + v->shift_mm[k];
  truth->volume_mm3 = cm__nodule_volume(&a, n, v->days);
  truth->diameter_mm = rng_cbrt(truth->volume_mm3 * 6 / 3.14159265358979323846);
}
