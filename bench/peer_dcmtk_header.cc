// The peer of bench_dicom_header: DCMTK's loadFileUntilTag up to the pixel data, and loadFile, which reads pixel data lazily. Processor seconds a file, best of 7 passes.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

int main(int argc, char **argv) {
  OFLog::configure(OFLogger::FATAL_LOG_LEVEL); // writing its warnings would cost more than reading
  double best[2] = {1e9, 1e9};
  for (int pass = 0; pass < 7; pass++) {
    for (int lazy = 0; lazy < 2; lazy++) {
      std::clock_t start = std::clock();
      for (int i = 1; i < argc; i++) {
        DcmFileFormat file;
        OFCondition status = lazy ? file.loadFile(argv[i])
                                  : file.loadFileUntilTag(argv[i], EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect,
                                                          DCM_PixelData);
        if (status.bad()) return 1;
      }
      double took = double(std::clock() - start) / CLOCKS_PER_SEC;
      best[lazy] = std::min(best[lazy], took / (argc - 1));
    }
  }
  std::printf("dcmtk_until_tag %.9f\ndcmtk_load_file %.9f\n", best[0], best[1]);
}
