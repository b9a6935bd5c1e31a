"""The peer of bench_dicom_header: pydicom's dcmread(stop_before_pixels=True). Processor seconds a file, best of 3 passes."""
import sys
import time

import pydicom

best = 1e9
for _ in range(3):
    start = time.process_time()
    for path in sys.argv[1:]:
        pydicom.dcmread(path, stop_before_pixels=True)
    best = min(best, (time.process_time() - start) / len(sys.argv[1:]))
print(f"pydicom {best:.9f}")
