#include "study/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cormack/file.h"
#include "cormack/parallel.h"

/* A node while its subject is worked on. */
typedef struct Slot {
  CmValue value[CM_MAX_PORTS];
  CmHash hash[CM_MAX_PORTS];
  bool has[CM_MAX_PORTS]; /* the output exists; its hash is known */
  int users;              /* nodes that still need a value */
} Slot;

typedef struct Job {
  CmWork *work;
  CmPlan *plan;
  int subject;
  Slot *slots; /* of the subject's nodes */
  bool alone;  /* no other subject is worked on: a lack of memory is final */
  bool again;  /* a lack of memory: to be done alone */
} Job;

static int output_count(const CmPlan *plan, const CmNode *node) {
  return node->step < 0 ? 1 : plan->spec->steps[node->step].op->output_count;
}

/* Beside an image that was read, what it looks like is kept. */
static int part_count(const CmPlan *plan, const CmNode *node) {
  return output_count(plan, node) + (node->step < 0);
}

static Slot *slot_of(const Job *job, int node) {
  return &job->slots[node - job->plan->subjects[job->subject].first_node];
}

static void drop_values(Slot *slot) {
  for (int i = 0; i < CM_MAX_PORTS; i++) cm_value_unref(&slot->value[i]);
}

/* ---- quarantine -----------------------------------------------------------------------------------------------------
 */

/* Sets the node's failure aside. false: not a matter of this node, the whole run stops. */
static bool set_aside(Job *job, CmNode *node, CmError **why, CmError **err) {
  CmErrorCode code = cm_error_code(*why);
  CmWork *work = job->work;
  node->state = CM__NODE_FAILED;
  if (code == CM_ERR_CANCELLED) {
    cm_error_move(err, why);
    return false;
  }
  if (code == CM_ERR_MEMORY && !job->alone) {
    job->again = true;
    cm_error_free(why);
    return true;
  }
  CmContext *ctx = job->plan->ctx;
  const CmItem *item = &job->plan->inputs.items[node->item];
  int count = work->quarantined_count[job->subject];
  CmQuarantined *rows = cm_realloc(ctx, work->quarantined[job->subject], (size_t)(count + 1) * sizeof *rows, err);
  char *reason = rows ? cm_strdup(ctx, cm_error_text(*why), err) : NULL;
  if (rows) work->quarantined[job->subject] = rows;
  if (reason) {
    rows[count] = (CmQuarantined){node->step < 0 && item->cause ? item->cause : item->shown,
                                  job->plan->subjects[job->subject].name,
                                  node->later ? node->later : node->visit,
                                  node->step < 0 ? "read" : job->plan->spec->steps[node->step].name,
                                  cm_error_code_name(code),
                                  reason};
    work->quarantined_count[job->subject]++;
  }
  cm_error_free(why);
  return reason != NULL;
}

static void clear_quarantine(CmWork *work, int subject) {
  for (int i = 0; i < work->quarantined_count[subject]; i++)
    cm_free((void *)(uintptr_t)work->quarantined[subject][i].reason);
  cm_free(work->quarantined[subject]);
  work->quarantined[subject] = NULL;
  work->quarantined_count[subject] = 0;
}

/* ---- parameters -----------------------------------------------------------------------------------------------------
 */

/* Days since some day, of a date as 2021-03-05 (Fliegel and Van Flandern, Commun ACM 11 (1968) 657); false: not a date.
 */
static bool day_number(const char *date, int64_t *day) {
  int y, m, d, end = 0;
  if (sscanf(date, "%4d-%2d-%2d%n", &y, &m, &d, &end) != 3 || date[end] || m < 1 || m > 12 || d < 1 || d > 31)
    return false;
  int64_t a = (m - 14) / 12;
  *day = d - 32075 + (int64_t)1461 * (y + 4800 + a) / 4 + 367 * (m - 2 - a * 12) / 12 - 3 * ((y + 4900 + a) / 100) / 4;
  return true;
}

/* The step's parameters for this node: the step's own, or a copy that the caller frees, with the days between the
 * visits. */
static bool unit_params(const Job *job, const CmNode *node, void **copy, CmError **err) {
  const CmSpecStep *step = &job->plan->spec->steps[node->step];
  int64_t before, after;
  char days[32];
  *copy = NULL;
  if (!step->days || !node->later) return true;
  if (!day_number(node->visit, &before) || !day_number(node->later, &after)) return true; /* not known: the default */
  *copy = cm_alloc(job->plan->ctx, step->op->params_size, err);
  if (!*copy) return false;
  memcpy(*copy, step->params, step->op->params_size);
  snprintf(days, sizeof days, "%lld", (long long)(after - before));
  return cm_params_set(step->op, *copy, step->days, days, err);
}

/* ---- keys -----------------------------------------------------------------------------------------------------------
 */

static bool make_key(const Job *job, CmNode *node, CmError **err) {
  const CmPlan *plan = job->plan;
  if (node->step < 0)
    return cm__item_hash(&plan->inputs, &plan->inputs.items[node->item], job->work->store, &node->key, err);
  const CmSpecStep *step = &plan->spec->steps[node->step];
  CmHasher hasher;
  cm__store_key_start(&hasher, "step");
  cm_hash_add_text(&hasher, step->op->name);
  cm_hash_add_text(&hasher, step->params_json);
  if (step->days) {
    cm_hash_add_text(&hasher, node->visit);
    cm_hash_add_text(&hasher, node->later);
  }
  for (int i = 0; i < step->op->output_count; i++)
    cm_hash_add_text(&hasher, step->wanted[i] ? step->op->outputs[i].name : NULL);
  for (int i = 0; i < step->op->input_count; i++) {
    const CmNodeIn *in = &node->in[i];
    cm_hash_add_text(&hasher, in->node < 0 ? NULL : step->op->inputs[i].name);
    if (in->node >= 0) cm_hash_add(&hasher, slot_of(job, in->node)->hash[in->port].bytes, CM_HASH_SIZE);
  }
  cm_hash_finish(&hasher, &node->key);
  return true;
}

static bool is_zero(const CmHash *hash) {
  static const CmHash zero;
  return cm_hash_equal(hash, &zero);
}

static bool look_up(const Job *job, const CmNode *node, Slot *slot) {
  const CmStoreEntry *entry = cm__store_find(job->work->store, &node->key);
  int count = output_count(job->plan, node);
  if (!entry || cm__store_parts(entry) != part_count(job->plan, node)) return false;
  for (int i = 0; i < count; i++) {
    slot->hash[i] = *cm__store_hash(entry, i);
    slot->has[i] = !is_zero(&slot->hash[i]);
  }
  return true;
}

/* ---- values ---------------------------------------------------------------------------------------------------------
 */

/* Whether the bytes of an output are kept: tables, label maps and signals always, images unless the study says cache:
 * outputs. */
static bool is_kept(const CmPlan *plan, const CmNode *node, const CmValue *value) {
  return node->step >= 0 && value->kind != CM_KIND_NONE && (plan->spec->keep_all || value->kind != CM_KIND_IMAGE);
}

static bool put_form(const CmImage *image, CmBytes *bytes, CmStorePart *part) {
  CmForm form;
  cm__form_of(image, &form);
  cm__form_put(bytes, &form);
  part->bytes = bytes->data;
  part->size = bytes->size;
  cm_hash_bytes(part->bytes, part->size, &part->hash);
  return !bytes->failed;
}

static bool keep(const Job *job, const CmNode *node, const Slot *slot, CmError **err) {
  CmStorePart parts[CM_MAX_PORTS + 1] = {{{{0}}, NULL, 0}};
  CmBytes bytes[CM_MAX_PORTS + 1] = {{NULL, NULL, NULL, 0, 0, false}};
  int count = output_count(job->plan, node), all = part_count(job->plan, node);
  bool good = true;
  for (int i = 0; i < count && good; i++) {
    if (slot->has[i]) parts[i].hash = slot->hash[i];
    if (!is_kept(job->plan, node, &slot->value[i])) continue;
    cm__bytes_start(&bytes[i], job->plan->ctx, err);
    good = cm__value_put(&bytes[i], &slot->value[i]);
    parts[i].bytes = bytes[i].data;
    parts[i].size = bytes[i].size;
  }
  if (good && all > count) {
    cm__bytes_start(&bytes[count], job->plan->ctx, err);
    good = put_form(slot->value[0].image, &bytes[count], &parts[count]);
  }
  good = good && cm__store_put(job->work->store, &node->key, parts, all, err);
  for (int i = 0; i < all; i++) cm__bytes_free(&bytes[i]);
  return good;
}

static bool get_value(Job *job, int at, int port, CmValue *value, CmError **err);

static bool run_step(Job *job, CmNode *node, Slot *slot, CmError **err) {
  const CmSpecStep *step = &job->plan->spec->steps[node->step];
  CmValue in[CM_MAX_PORTS] = {{.kind = CM_KIND_NONE}};
  void *params;
  bool good = unit_params(job, node, &params, err);
  for (int i = 0; i < step->op->input_count && good; i++)
    if (node->in[i].node >= 0) good = get_value(job, node->in[i].node, node->in[i].port, &in[i], err);
  if (good) {
    good = cm_op_run(job->plan->ctx, step->op, params ? params : step->params, in, slot->value, step->wanted, err);
    cm_error_context(err, "%s", step->op->name);
  }
  cm_free(params);
  return good;
}

static bool read_item(Job *job, CmNode *node, Slot *slot, CmError **err) {
  const CmItem *item = &job->plan->inputs.items[node->item];
  CmImage *image = cm__item_read(&job->plan->inputs, item, err);
  if (!image) return false;
  if (!cm__form_check(&job->plan->spec->inputs[item->input], image, err)) {
    cm_image_unref(&image);
    return false;
  }
  slot->value[0] =
      job->plan->spec->inputs[item->input].kind == CM_KIND_LABELS ? cm_value_labels(image) : cm_value_image(image);
  return true;
}

static bool compute(Job *job, CmNode *node, Slot *slot, CmError **err) {
  drop_values(slot);
  if (!(node->step < 0 ? read_item(job, node, slot, err) : run_step(job, node, slot, err))) return false;
  for (int i = 0; i < output_count(job->plan, node); i++) {
    slot->has[i] = slot->value[i].kind != CM_KIND_NONE;
    if (slot->has[i]) cm__value_hash(&slot->value[i], &slot->hash[i]);
  }
  return true;
}

static bool load(Job *job, const CmNode *node, int port, CmValue *value, CmError **err) {
  const CmStoreEntry *entry = cm__store_find(job->work->store, &node->key);
  size_t size;
  uint8_t *bytes =
      entry && port < cm__store_parts(entry) ? cm__store_read(job->work->store, entry, port, &size, err) : NULL;
  if (!bytes) return false;
  CmView view = {.at = bytes, .end = bytes + size};
  bool good = cm__value_take(job->plan->ctx, &view, value, err);
  cm_free(bytes);
  return good;
}

/* Borrowed from the slot. What is neither in memory nor kept is made again, and with it what it needs. */
static bool get_value(Job *job, int at, int port, CmValue *value, CmError **err) {
  CmNode *node = &job->plan->nodes[at];
  Slot *slot = slot_of(job, at);
  CmError *why = NULL;
  if (slot->value[port].kind == CM_KIND_NONE && !load(job, node, port, &slot->value[port], &why)) {
    if (cm_error_code(why) == CM_ERR_MEMORY) {
      cm_error_move(err, &why);
      return false;
    }
    cm_error_free(&why);
    if (!compute(job, node, slot, err)) return false;
  }
  *value = slot->value[port];
  return true;
}

/* ---- images that are asked for --------------------------------------------------------------------------------------
 */

static void export_key(const CmHash *value, const char *path, CmHash *key) {
  CmHasher hasher;
  cm__store_key_start(&hasher, "image");
  cm_hash_add(&hasher, value->bytes, sizeof value->bytes);
  cm_hash_add_text(&hasher, path);
  cm_hash_finish(&hasher, key);
}

static bool is_written(CmWork *work, const CmHash *key, const char *path) {
  const CmStoreEntry *entry = cm__store_find(work->store, key);
  CmHash hash;
  CmError *why = NULL;
  bool same = entry && cm__store_parts(entry) == 1 && access(path, R_OK) == 0 &&
              cm__store_file_hash(work->store, path, &hash, &why) && cm_hash_equal(&hash, cm__store_hash(entry, 0));
  cm_error_free(&why);
  return same;
}

static bool write_image(Job *job, int at, int port, bool *stop, CmError **err) {
  CmNode *node = &job->plan->nodes[at];
  char path[4096], whole[8200];
  CmHash key;
  CmValue value;
  if (!cm__node_image_path(job->plan, &job->plan->subjects[job->subject], node, port, path, sizeof path)) {
    cm_error_set(err, CM_ERR_DATA, "the names of subject, visit and series are too long for a path");
    return false;
  }
  snprintf(whole, sizeof whole, "%s/%s", job->work->out, path);
  export_key(&slot_of(job, at)->hash[port], path, &key);
  if (is_written(job->work, &key, whole)) return true;
  if (!get_value(job, at, port, &value, err)) return false;
  char *slash = strrchr(whole, '/');
  *slash = 0;
  *stop = !cm_make_folder(whole, err);
  *slash = '/';
  if (*stop) return false;
  CmWriteOptions options;
  cm_write_default_options(&options);
  options.anonymous = true; /* measurements are passed on; names of patients stay in the files that went in */
  if (!cm_image_write(job->plan->ctx, value.image, whole, &options, err)) {
    *stop = cm_error_code(*err) == CM_ERR_IO;
    return false;
  }
  CmStorePart part = {.bytes = NULL};
  *stop =
      !cm_hash_file(job->plan->ctx, whole, &part.hash, err) || !cm__store_put(job->work->store, &key, &part, 1, err);
  return !*stop;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------------
 */

static bool inputs_ready(const Job *job, const CmNode *node) {
  int count = node->step < 0 ? 0 : job->plan->spec->steps[node->step].op->input_count;
  for (int i = 0; i < count; i++) {
    const CmNodeIn *in = &node->in[i];
    if (in->node >= 0 &&
        (job->plan->nodes[in->node].state >= CM__NODE_FAILED || !slot_of(job, in->node)->has[in->port]))
      return false;
  }
  return true;
}

/* *stop: the failure is not the node's. */
static bool do_node(Job *job, int at, bool *stop, CmError **err) {
  CmNode *node = &job->plan->nodes[at];
  Slot *slot = slot_of(job, at);
  if (!make_key(job, node, err)) return false;
  if (look_up(job, node, slot)) {
    node->state = CM__NODE_KEPT;
  } else {
    if (!compute(job, node, slot, err)) return false;
    if (!keep(job, node, slot, err)) {
      *stop = cm_error_code(*err) != CM_ERR_MEMORY;
      return false;
    }
    node->state = CM__NODE_RUN;
  }
  for (int i = 0; node->step >= 0 && i < output_count(job->plan, node); i++) {
    CmKind kind = job->plan->spec->steps[node->step].op->outputs[i].kind;
    bool image = kind == CM_KIND_IMAGE || kind == CM_KIND_LABELS;
    if (image && slot->has[i] && job->plan->spec->steps[node->step].save[i] && !write_image(job, at, i, stop, err))
      return false;
  }
  return true;
}

static void release_inputs(Job *job, const CmNode *node) {
  int count = node->step < 0 ? 0 : job->plan->spec->steps[node->step].op->input_count;
  for (int i = 0; i < count; i++) {
    if (node->in[i].node < 0) continue;
    Slot *slot = slot_of(job, node->in[i].node);
    if (--slot->users <= 0) drop_values(slot);
  }
}

static void report_progress(CmWork *work) {
  int64_t done = atomic_fetch_add(&work->done, 1) + 1;
  cm_progress(work->plan->ctx, work->plan->spec->name, done, work->plan->step_nodes + 1);
}

static bool step_node(Job *job, int at, CmError **err) {
  CmNode *node = &job->plan->nodes[at];
  const CmItem *item = &job->plan->inputs.items[node->item];
  CmError *why = NULL;
  bool stop = false, good = true;
  if (node->step < 0 && item->defect) {
    cm_error_set(&why, CM_ERR_DATA, "%s", item->defect);
    good = set_aside(job, node, &why, err);
    if (good && job->work->quarantined_count[job->subject])
      job->work->quarantined[job->subject][job->work->quarantined_count[job->subject] - 1].code = item->code;
  } else if (!inputs_ready(job, node)) {
    node->state = CM__NODE_WAITS;
  } else if (!do_node(job, at, &stop, &why)) {
    if (stop) {
      cm_error_move(err, &why);
      return false;
    }
    good = set_aside(job, node, &why, err);
  }
  release_inputs(job, node);
  if (slot_of(job, at)->users <= 0) drop_values(slot_of(job, at));
  return good;
}

/* ---- subjects -------------------------------------------------------------------------------------------------------
 */

static bool start_job(Job *job, CmWork *work, int subject, CmError **err) {
  const CmPlanSubject *of = &work->plan->subjects[subject];
  *job = (Job){.work = work, .plan = work->plan, .subject = subject};
  job->slots = cm_calloc(work->plan->ctx, (size_t)of->nodes, sizeof *job->slots, err);
  if (!job->slots) return false;
  for (int n = of->first_node; n < of->first_node + of->nodes; n++) {
    const CmNode *node = &work->plan->nodes[n];
    for (int i = 0; node->step >= 0 && i < work->plan->spec->steps[node->step].op->input_count; i++)
      if (node->in[i].node >= 0) slot_of(job, node->in[i].node)->users++;
  }
  return true;
}

static void end_job(Job *job) {
  for (int i = 0; job->slots && i < job->plan->subjects[job->subject].nodes; i++) drop_values(&job->slots[i]);
  cm_free(job->slots);
}

static bool do_subject(CmWork *work, int subject, bool alone, CmError **err) {
  const CmPlanSubject *of = &work->plan->subjects[subject];
  Job job;
  if (!start_job(&job, work, subject, err)) return false;
  job.alone = alone;
  bool good = true;
  int reported = 0;
  for (int n = of->first_node; n < of->first_node + of->nodes && good && !job.again; n++) {
    good = !cm_context_cancelled(work->plan->ctx, err) && step_node(&job, n, err);
    if (!good || work->plan->nodes[n].step < 0) continue;
    report_progress(work);
    reported++;
  }
  if (job.again) {
    /* done alone later: as if it had not been begun */
    clear_quarantine(work, subject);
    atomic_fetch_sub(&work->done, reported);
    for (int n = of->first_node; n < of->first_node + of->nodes; n++) work->plan->nodes[n].state = CM__NODE_NEW;
    atomic_store(&work->short_of_memory, true);
  } else {
    for (int n = of->first_node; n < of->first_node + of->nodes && good; n++) {
      const CmNode *node = &work->plan->nodes[n];
      if (node->step < 0) continue;
      if (node->state == CM__NODE_KEPT) atomic_fetch_add(&work->kept, 1);
      if (node->state == CM__NODE_RUN) atomic_fetch_add(&work->run, 1);
    }
  }
  end_job(&job);
  return good;
}

static bool do_range(void *arg, CmRange range, CmError **err) {
  for (int64_t s = range.begin; s < range.end; s++)
    if (!do_subject(arg, (int)s, false, err)) return false;
  return true;
}

/* What one subject may need at a time: its largest image as real numbers, once for each image that its steps make of
 * it, and twice for what an operation needs beside. */
static bool fits_together(const CmPlan *plan) {
  int64_t largest = 0, images = 2;
  for (int i = 0; i < plan->inputs.count; i++)
    if (plan->inputs.items[i].voxels > largest) largest = plan->inputs.items[i].voxels;
  for (int s = 0; s < plan->spec->step_count; s++) images += plan->spec->steps[s].op->geometry != CM_GEOMETRY_NONE;
  uint64_t limit = cm_context_memory_limit(plan->ctx);
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  double machine = pages > 0 && page > 0 ? (double)pages * (double)page / 2 : 4e9;
  double have = limit && (double)limit < machine ? (double)limit : machine;
  return 4.0 * (double)largest * (double)images * cm_context_threads(plan->ctx) < have;
}

bool cm__work_do(CmWork *work, CmPlan *plan, CmStore *store, const char *out, CmError **err) {
  *work = (CmWork){.plan = plan, .store = store, .out = out};
  size_t count = (size_t)plan->subject_count;
  work->quarantined = cm_calloc(plan->ctx, count, sizeof *work->quarantined, err);
  work->quarantined_count =
      work->quarantined ? cm_calloc(plan->ctx, count, sizeof *work->quarantined_count, err) : NULL;
  if (!work->quarantined_count) return false;
  cm_progress(plan->ctx, plan->spec->name, 0, plan->step_nodes + 1);
  /* several subjects at once keep all threads busy; few or large ones one by one, with the operations in parallel */
  bool together = plan->subject_count >= 2 * cm_context_threads(plan->ctx) && cm_context_threads(plan->ctx) > 1 &&
                  fits_together(plan);
  if (together && !cm_parallel_for(plan->ctx, NULL, plan->subject_count, 1, do_range, work, err)) return false;
  for (int s = 0; s < plan->subject_count; s++) {
    bool waits = !together;
    const CmPlanSubject *of = &plan->subjects[s];
    if (together && atomic_load(&work->short_of_memory))
      waits = of->nodes > 0 && plan->nodes[of->first_node].state == CM__NODE_NEW;
    if (waits && !do_subject(work, s, true, err)) return false;
  }
  return true;
}

void cm__work_free(CmWork *work) {
  for (int s = 0; work->quarantined_count && s < work->plan->subject_count; s++) clear_quarantine(work, s);
  cm_free(work->quarantined);
  cm_free(work->quarantined_count);
  work->quarantined = NULL;
  work->quarantined_count = NULL;
}

/* ---- afterwards -----------------------------------------------------------------------------------------------------
 */

static int subject_of(const CmPlan *plan, int node) {
  int low = 0, high = plan->subject_count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (plan->subjects[middle].first_node <= node)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

bool cm__work_value(CmWork *work, int at, int port, CmValue *value, CmError **err) {
  CmNode *node = &work->plan->nodes[at];
  CmError *why = NULL;
  Job job = {.work = work, .plan = work->plan};
  *value = (CmValue){.kind = CM_KIND_NONE};
  if (load(&job, node, port, value, &why)) return true;
  if (cm_error_code(why) == CM_ERR_MEMORY) {
    cm_error_move(err, &why);
    return false;
  }
  cm_error_free(&why);
  if (!start_job(&job, work, subject_of(work->plan, at), err)) return false;
  CmValue borrowed;
  bool good = get_value(&job, at, port, &borrowed, err);
  if (good) {
    *value = borrowed; /* the slot's reference passes to the caller */
    slot_of(&job, at)->value[port] = (CmValue){.kind = CM_KIND_NONE};
  }
  end_job(&job);
  return good;
}

const CmHash *cm__work_hash(const CmWork *work, const CmNode *node, int port) {
  if (node->state != CM__NODE_KEPT && node->state != CM__NODE_RUN) return NULL;
  const CmStoreEntry *entry = cm__store_find(work->store, &node->key);
  const CmHash *hash = entry && port < cm__store_parts(entry) ? cm__store_hash(entry, port) : NULL;
  return hash && !is_zero(hash) ? hash : NULL;
}

bool cm__work_form(const CmWork *work, const CmNode *node, CmForm *form) {
  const CmStoreEntry *entry = node->step < 0 ? cm__store_find(work->store, &node->key) : NULL;
  size_t size = 0;
  uint8_t *bytes = entry && cm__store_parts(entry) == 2 ? cm__store_read(work->store, entry, 1, &size, NULL) : NULL;
  CmView view = {.at = bytes, .end = bytes + size};
  bool good = bytes && cm__form_take(&view, form);
  cm_free(bytes);
  return good;
}

bool cm__work_image_hash(const CmWork *work, const CmNode *node, int port, const char *path, CmHash *hash) {
  const CmHash *value = cm__work_hash(work, node, port);
  CmHash key;
  if (!value) return false;
  export_key(value, path, &key);
  const CmStoreEntry *entry = cm__store_find(work->store, &key);
  if (entry) *hash = *cm__store_hash(entry, 0);
  return entry != NULL;
}

static void look_at_subject(CmWork *work, int subject) {
  const CmPlanSubject *of = &work->plan->subjects[subject];
  Job job;
  CmError *why = NULL;
  if (start_job(&job, work, subject, &why)) {
    for (int n = of->first_node; n < of->first_node + of->nodes; n++) {
      CmNode *node = &work->plan->nodes[n];
      bool defect = node->step < 0 && work->plan->inputs.items[node->item].defect;
      if (defect || !inputs_ready(&job, node) || !make_key(&job, node, &why) || !look_up(&job, node, slot_of(&job, n)))
        node->state = CM__NODE_WAITS;
      else
        node->state = CM__NODE_KEPT;
      if (node->step >= 0 && node->state == CM__NODE_KEPT) atomic_fetch_add(&work->kept, 1);
    }
    end_job(&job);
  }
  cm_error_free(&why);
}

void cm__work_look(CmWork *work) {
  for (int s = 0; s < work->plan->subject_count; s++) look_at_subject(work, s);
}
