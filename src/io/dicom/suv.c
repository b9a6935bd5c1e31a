/* SUV by body weight after QIBA's vendor-neutral pseudo-code (QIBA wiki, «Standardized Uptake Value», RIDER PET/CT) and
 * PS3.3 C.8.9.1:
 *
 *   SUVbw = activity [Bq/ml] * weight [g] / (dose [Bq] * 2^(-(scan start - injection) / half-life))
 *
 * where the activity is corrected for decay to the scan's start (DecayCorrection START); with ADMIN it is corrected to
 * the injection, and the dose stays as it was given. */
#include "io/dicom/suv.h"

#include <math.h>
#include <string.h>

#include "io/dicom/instance.h"
#include "io/dicom/when.h"

static void read_text(CmDicomSet set, uint32_t tag, char *to, size_t size) {
  if (!cm_dicom_text(set, tag, to, size)) to[0] = '\0';
}

static double read_real(CmDicomSet set, uint32_t tag) {
  double value;
  return tag && cm_dicom_real(set, tag, 0, &value) ? value : NAN;
}

static double read_when(CmDicomSet set, uint32_t date_tag, uint32_t time_tag) {
  char date[32], time[48];
  double seconds;
  bool ok = cm__when(cm_dicom_text(set, date_tag, date, sizeof date), cm_dicom_text(set, time_tag, time, sizeof time),
                     &seconds);
  return ok ? seconds : NAN;
}

static double read_datetime(CmDicomSet set, uint32_t tag) {
  char text[64];
  double seconds;
  return tag && cm__when_datetime(cm_dicom_text(set, tag, text, sizeof text), &seconds) ? seconds : NAN;
}

void cm__suv_read(CmDicomSet root, double first_acquisition, CmSuvFacts *facts) {
  *facts = (CmSuvFacts){.first_acquisition = first_acquisition};
  read_text(root, CM_TAG(0x0054, 0x1001), facts->units, sizeof facts->units);
  read_text(root, CM_TAG(0x0028, 0x0051), facts->corrected, sizeof facts->corrected);
  read_text(root, CM_TAG(0x0054, 0x1102), facts->decay, sizeof facts->decay);
  read_text(root, CM_TAG(0x0054, 0x1006), facts->suv_type, sizeof facts->suv_type);
  read_text(root, CM_TAG(0x0008, 0x0070), facts->manufacturer, sizeof facts->manufacturer);
  facts->weight_kg = read_real(root, CM_TAG(0x0010, 0x1030));
  facts->series = read_when(root, CM_TAG(0x0008, 0x0021), CM_TAG(0x0008, 0x0031));
  facts->ge_scan = read_datetime(root, cm__private_tag(root, 0x0009, "GEMS_PETD_01", 0x0D));
  facts->frame_reference_s = read_real(root, CM_TAG(0x0054, 0x1300)) / 1000;
  facts->frame_duration_s = read_real(root, CM_TAG(0x0018, 0x1242)) / 1000;
  facts->philips_suv = read_real(root, cm__private_tag(root, 0x7053, "Philips PET Private Group", 0x00));
  facts->philips_bqml = read_real(root, cm__private_tag(root, 0x7053, "Philips PET Private Group", 0x09));
  facts->dose_bq = facts->half_life_s = facts->start_time = facts->start = NAN;
  CmDicomSet drug;
  if (!cm_dicom_first_item(root, CM_TAG(0x0054, 0x0016), &drug)) return;
  facts->dose_bq = read_real(drug, CM_TAG(0x0018, 0x1074));
  facts->half_life_s = read_real(drug, CM_TAG(0x0018, 0x1075));
  facts->start = read_datetime(drug, CM_TAG(0x0018, 0x1078));
  char time[48];
  if (!cm__when_time(cm_dicom_text(drug, CM_TAG(0x0018, 0x1072), time, sizeof time), &facts->start_time))
    facts->start_time = NAN;
}

static bool refuse(CmError **err, const char *what) {
  cm_error_set(err, CM_ERR_DATA, "no SUV: %s; read the image in its own unit (without suv)", what);
  return false;
}

static bool need_positive(double value, const char *name, CmError **err) {
  if (value > 0 && isfinite(value)) return true;
  cm_error_set(err, CM_ERR_DATA, "no SUV: %s is absent or not positive; read the image in its own unit (without suv)",
               name);
  return false;
}

/* When the scan began, to which START corrects the decay. */
static bool scan_start(const CmSuvFacts *facts, double *when, const char **note, CmError **err) {
  bool series_first =
      !isnan(facts->series) && (isnan(facts->first_acquisition) || facts->series <= facts->first_acquisition);
  if (series_first) {
    *when = facts->series;
    *note = "scan start from SeriesDate and SeriesTime";
    return true;
  }
  /* The series was made anew after the scan: its date is that of the processing. */
  if (!isnan(facts->ge_scan)) {
    *when = facts->ge_scan;
    *note = "scan start from GE's private scan date and time (0009,xx0D)";
    return true;
  }
  if (isnan(facts->first_acquisition))
    return refuse(err,
                  "SeriesDate/SeriesTime (0008,0021), (0008,0031) and AcquisitionDate/AcquisitionTime (0008,0022), "
                  "(0008,0032) are absent");
  if (!(facts->frame_duration_s > 0) || isnan(facts->frame_reference_s))
    return refuse(err,
                  "SeriesTime (0008,0031) is later than the acquisition, and FrameReferenceTime (0054,1300) or "
                  "ActualFrameDuration "
                  "(0018,1242), which would give the scan's start, is absent");
  /* FrameReferenceTime is when the mean count rate of the frame was reached, counted from the scan's start. */
  double decay = M_LN2 / facts->half_life_s, x = decay * facts->frame_duration_s;
  double mean = log(x / -expm1(-x)) / decay;
  *when = facts->first_acquisition - facts->frame_reference_s + mean;
  *note = "scan start from AcquisitionTime, FrameReferenceTime and ActualFrameDuration";
  return true;
}

/* Date and time of the injection: a time without date belongs to the day of the scan, or to the day before. */
static bool injection(const CmSuvFacts *facts, double scan, double *when, CmError **err) {
  if (!isnan(facts->start)) {
    *when = facts->start;
    return true;
  }
  if (isnan(facts->start_time))
    return refuse(
        err, "RadiopharmaceuticalStartTime (0018,1072) and RadiopharmaceuticalStartDateTime (0018,1078) are absent");
  *when = floor(scan / 86400) * 86400 + facts->start_time;
  if (*when > scan) *when -= 86400;
  return true;
}

static bool from_activity(const CmSuvFacts *facts, double scale, double *factor, const char **note, CmError **err) {
  if (!strstr(facts->corrected, "ATTN") || !strstr(facts->corrected, "DECY"))
    return refuse(err,
                  "CorrectedImage (0028,0051) does not say that attenuation (ATTN) and decay (DECY) are corrected");
  if (!need_positive(facts->weight_kg, "PatientWeight (0010,1030)", err) ||
      !need_positive(facts->dose_bq, "RadionuclideTotalDose (0018,1074)", err) ||
      !need_positive(facts->half_life_s, "RadionuclideHalfLife (0018,1075)", err))
    return false;
  double dose = facts->dose_bq;
  if (!strcmp(facts->decay, "START")) {
    double scan, injected;
    if (!scan_start(facts, &scan, note, err) || !injection(facts, scan, &injected, err)) return false;
    if (injected > scan)
      return refuse(err, "the injection is later than the scan's start; the times in the header are wrong");
    if (scan - injected > 10 * facts->half_life_s && scan - injected > 86400)
      return refuse(err,
                    "the injection lies more than ten half-lives before the scan; the dates in the header are wrong");
    dose *= exp2(-(scan - injected) / facts->half_life_s);
  } else if (!strcmp(facts->decay, "ADMIN")) {
    *note = "decay corrected to the injection (ADMIN)";
  } else {
    return refuse(err, "DecayCorrection (0054,1102) is neither START nor ADMIN");
  }
  *factor = scale * facts->weight_kg * 1000 / dose;
  return true;
}

bool cm__suv_factor(const CmSuvFacts *facts, double *factor, const char **note, CmError **err) {
  *note = "";
  if (!strcmp(facts->units, "GML")) {
    if (facts->suv_type[0] && strcmp(facts->suv_type, "BW") != 0)
      return refuse(err, "the values are SUV already, but not by body weight (SUVType (0054,1006) is not BW)");
    *factor = 1;
    *note = "the values are SUV by body weight already (Units GML)";
    return true;
  }
  if (!strcmp(facts->units, "BQML")) return from_activity(facts, 1, factor, note, err);
  if (!strcmp(facts->units, "CNTS")) {
    if (facts->philips_suv > 0) {
      *factor = facts->philips_suv;
      *note = "Philips' SUV factor (7053,1000)";
      return true;
    }
    if (facts->philips_bqml > 0) return from_activity(facts, facts->philips_bqml, factor, note, err);
    return refuse(err,
                  "Units (0054,1001) are counts (CNTS) and Philips' factors (7053,1000) and (7053,1009) are absent");
  }
  cm_error_set(
      err, CM_ERR_DATA,
      "no SUV: Units (0054,1001) is \"%s\", not BQML, GML or CNTS; read the image in its own unit (without suv)",
      facts->units);
  return false;
}
