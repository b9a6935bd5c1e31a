/* A plan for people, and for machines. */
#include <string.h>

#include "core/text.h"
#include "study/work.h"

static void count_nodes(const CmPlan *plan, int step, int64_t *units, int64_t *kept) {
  *units = *kept = 0;
  for (int n = 0; n < plan->node_count; n++) {
    if (plan->nodes[n].step != step) continue;
    ++*units;
    *kept += plan->nodes[n].state == CM__NODE_KEPT;
  }
}

static void count_items(const CmPlan *plan, int input, int64_t *images, int64_t *subjects, int64_t *defects) {
  const char *last = NULL;
  *images = *subjects = *defects = 0;
  for (int i = 0; i < plan->inputs.count; i++) {
    const CmItem *item = &plan->inputs.items[i];
    if (item->input != input) continue;
    ++*images;
    *defects += item->defect != NULL;
    *subjects += !last || strcmp(item->subject, last) != 0;
    last = item->subject;
  }
}

static void tell_fed(CmTextBuffer *to, const CmPlan *plan, const CmSpecStep *step, const char *between) {
  static const char *const when[] = {"", "@before", "@after"};
  bool first = true;
  for (int i = 0; i < step->op->input_count; i++) {
    const CmSpecRef *ref = &step->in[i];
    if (ref->input < 0 && ref->step < 0) continue;
    const char *name = ref->input >= 0 ? plan->spec->inputs[ref->input].name : plan->spec->steps[ref->step].name;
    cm__text_addf(to, "%s%s%s", first ? "" : between, name, when[ref->when]);
    first = false;
  }
}

static char *tell_text(const CmPlan *plan, const CmWork *work, CmError **err) {
  const CmSpec *spec = plan->spec;
  CmTextBuffer to;
  int64_t a, b, c;
  cm__text_start(&to, plan->ctx, err);
  cm__text_addf(&to, "study %s: %d subject%s, %d image%s, %d unit%s of work\n", spec->name, plan->subject_count,
                plan->subject_count == 1 ? "" : "s", plan->inputs.count, plan->inputs.count == 1 ? "" : "s",
                plan->step_nodes, plan->step_nodes == 1 ? "" : "s");
  for (int i = 0; i < spec->input_count; i++) {
    count_items(plan, i, &a, &b, &c);
    cm__text_addf(&to, "  input %-16s %lld images of %lld subjects", spec->inputs[i].name, (long long)a, (long long)b);
    if (c) cm__text_addf(&to, ", %lld of them unusable", (long long)c);
    cm__text_add(&to, "\n");
  }
  for (int s = 0; s < spec->step_count; s++) {
    count_nodes(plan, s, &a, &b);
    cm__text_addf(&to, "  step  %-16s %s of ", spec->steps[s].name, spec->steps[s].op->name);
    tell_fed(&to, plan, &spec->steps[s], ", ");
    cm__text_addf(&to, "%s: %lld times", spec->steps[s].between ? ", between visits" : "", (long long)a);
    if (work->store) cm__text_addf(&to, ", %lld kept", (long long)b);
    cm__text_addf(&to, " %s\n", spec->steps[s].params_json);
  }
  for (int m = 0; m < spec->learn.learner_count; m++)
    cm__text_addf(&to, "  model %-16s %s %s\n", spec->learn.learners[m].name, spec->learn.learners[m].kind->about.name,
                  spec->learn.learner_json[m]);
  for (int i = 0; i < plan->inputs.quarantined_count; i++)
    cm__text_addf(&to, "  quarantine: %s: %s\n", plan->inputs.quarantined[i].path, plan->inputs.quarantined[i].reason);
  for (int i = 0; i < plan->inputs.count; i++)
    if (plan->inputs.items[i].defect)
      cm__text_addf(&to, "  quarantine: %s: %s\n", plan->inputs.items[i].shown, plan->inputs.items[i].defect);
  for (int i = 0; i < plan->quarantined_count; i++)
    cm__text_addf(&to, "  quarantine: %s: step %s: %s\n", plan->quarantined[i].path, plan->quarantined[i].step,
                  plan->quarantined[i].reason);
  return cm__text_finish(&to);
}

static char *tell_json(const CmPlan *plan, const CmWork *work, CmError **err) {
  const CmSpec *spec = plan->spec;
  CmTextBuffer to;
  int64_t a, b, c;
  cm__text_start(&to, plan->ctx, err);
  cm__text_add(&to, "{\"study\": ");
  cm__text_add_json(&to, spec->name);
  cm__text_addf(&to, ", \"subjects\": %d, \"images\": %d, \"units\": %d, \"inputs\": [", plan->subject_count,
                plan->inputs.count, plan->step_nodes);
  for (int i = 0; i < spec->input_count; i++) {
    count_items(plan, i, &a, &b, &c);
    cm__text_add(&to, i ? ", {\"name\": " : "{\"name\": ");
    cm__text_add_json(&to, spec->inputs[i].name);
    cm__text_addf(&to, ", \"images\": %lld, \"subjects\": %lld, \"unusable\": %lld}", (long long)a, (long long)b,
                  (long long)c);
  }
  cm__text_add(&to, "], \"steps\": [");
  for (int s = 0; s < spec->step_count; s++) {
    count_nodes(plan, s, &a, &b);
    cm__text_add(&to, s ? ", {\"name\": " : "{\"name\": ");
    cm__text_add_json(&to, spec->steps[s].name);
    cm__text_addf(&to, ", \"operation\": \"%s\", \"of\": [\"", spec->steps[s].op->name);
    tell_fed(&to, plan, &spec->steps[s], "\", \"");
    cm__text_addf(&to, "\"], \"between\": %s, \"parameters\": %s, \"units\": %lld",
                  spec->steps[s].between ? "true" : "false", spec->steps[s].params_json, (long long)a);
    if (work->store) cm__text_addf(&to, ", \"kept\": %lld", (long long)b);
    cm__text_add(&to, "}");
  }
  cm__text_add(&to, "], \"models\": [");
  for (int m = 0; m < spec->learn.learner_count; m++) {
    cm__text_add(&to, m ? ", {\"name\": " : "{\"name\": ");
    cm__text_add_json(&to, spec->learn.learners[m].name);
    cm__text_addf(&to, ", \"model\": \"%s\", \"parameters\": %s}", spec->learn.learners[m].kind->about.name,
                  spec->learn.learner_json[m]);
  }
  cm__text_add(&to, "]}\n");
  return cm__text_finish(&to);
}

char *cm__plan_tell(const CmPlan *plan, const CmWork *work, bool json, CmError **err) {
  return json ? tell_json(plan, work, err) : tell_text(plan, work, err);
}
