/* CM_SIMD in front of a function: the plain C loop is compiled for several instruction sets and the best is chosen when
 * the program is loaded. The bits are the same on all (contraction is off, sums keep their order). */
#ifndef CORE_SIMD_H
#define CORE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define CM_SIMD __attribute__((noinline, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
/* Where comparisons are summed, which the widest set would turn to masks and back, or most loads are not aligned. */
#define CM_SIMD_256 __attribute__((noinline, target_clones("arch=x86-64-v3", "default")))
#else
#define CM_SIMD
#define CM_SIMD_256
#endif

/* In front of a loop whose turns touch nothing of each other's: rows of one block, say. */
#if defined(__clang__)
#define CM_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define CM_INDEPENDENT _Pragma("GCC ivdep")
#else
#define CM_INDEPENDENT
#endif

#endif
