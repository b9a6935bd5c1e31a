"""What the machine can do: the ends that times are measured against."""
import concurrent.futures
import os
import platform
import time

import numpy as np
import threadpoolctl


def timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


class Machine:
    """Bandwidth of copying (read + written) with 1 and 2 threads, arithmetic of one core."""

    def __init__(self):
        blocks = [(np.zeros(64 << 20, np.uint8), np.ones(64 << 20, np.uint8)) for _ in range(2)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            def copy(count):
                list(pool.map(lambda pair: np.copyto(*pair), blocks[:count]))
            self.bandwidth = {n: 2 * n * blocks[0][0].nbytes / min(timed(lambda n=n: copy(n)) for _ in range(7)) for n in (1, 2)}
        a = np.ones((1536, 1536), np.float32)
        with threadpoolctl.threadpool_limits(1):
            self.flops = 2 * 1536**3 / min(timed(lambda: a @ a) for _ in range(4))

    def shares(self, case, array, given, seconds, count):
        """(share, what limits): of the bytes that must be moved, or of the cores' arithmetic."""
        bytes_share = case.passes * (array.nbytes + given) / self.bandwidth[min(count, 2)] / seconds
        flops_share = case.flops * array.size / (self.flops * count) / seconds
        return (flops_share, "arithmetic") if flops_share > bytes_share else (bytes_share, "memory")

    def words(self):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
        return (f"{model}, {os.cpu_count()} cores; copying moves {self.bandwidth[1] / 1e9:.0f} GB/s with one thread and "
                f"{self.bandwidth[2] / 1e9:.0f} GB/s with two (read + written), and a core multiplies matrices at {self.flops / 1e9:.0f} GFLOP/s (f32)")
