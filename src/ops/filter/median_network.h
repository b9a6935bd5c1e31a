/* Sorting networks of the small windows: S(a, b) puts the smaller of va and vb into va, the larger into vb.
 *
 * What neighbouring windows share is sorted once: columns of 5 (3x3x3: slabs of 9), after which value i of column x
 * is number i * columns + x. The medians' networks were found by pruning: rows of equal rank sorted, those out that
 * have more than half of the window on one side, the rest by forgetful selection, then every exchange left out that no
 * input needs. A network is right if it is for all zeros and ones (Knuth, TAOCP 3, 5.3.4); of sorted columns these are
 * 7776 (1000) cases, all tried. */
#ifndef CM_OPS_FILTER_MEDIAN_NETWORK_H
#define CM_OPS_FILTER_MEDIAN_NETWORK_H

/* clang-format indents a row of exchanges further each time */
/* clang-format off */
#define SORT_5(S) S(0, 3) S(1, 4) S(0, 2) S(1, 3) S(0, 1) S(2, 4) S(1, 2) S(3, 4) S(2, 3)

#define SORT_9(S)                                                                                                 \
  S(0, 3)                                                                                                         \
  S(1, 7)                                                                                                         \
  S(2, 5)                                                                                                         \
  S(4, 8) S(0, 7) S(2, 4) S(3, 8) S(5, 6) S(0, 2) S(1, 3) S(4, 5) S(7, 8) S(1, 4) S(3, 6) S(5, 7) S(0, 1) S(2, 4) \
      S(3, 5) S(6, 8) S(2, 3) S(4, 5) S(6, 7) S(1, 2) S(3, 4) S(5, 6)

/* 25 values in 5 sorted columns; the median ends in v12. */
#define MEDIAN_25(S)                                                                                                   \
  S(0, 3)                                                                                                              \
  S(1, 4)                                                                                                              \
  S(0, 2)                                                                                                              \
  S(1, 3) S(2, 4) S(3, 4) S(2, 3) S(5, 8) S(6, 9) S(6, 8) S(5, 6) S(7, 9) S(6, 7) S(8, 9) S(7, 8) S(10, 13) S(11, 14)  \
      S(10, 12) S(11, 13) S(10, 11) S(12, 14) S(11, 12) S(13, 14) S(12, 13) S(15, 18) S(16, 19) S(15, 17) S(16, 18)    \
          S(15, 16) S(17, 19) S(16, 17) S(17, 18) S(20, 23) S(21, 24) S(21, 23) S(20, 21) S(22, 24) S(21, 22) S(4, 12) \
              S(3, 7) S(9, 13) S(4, 15) S(8, 11) S(9, 15) S(12, 15) S(7, 16) S(11, 16) S(12, 16) S(8, 11) S(12, 17)    \
                  S(9, 20) S(11, 12) S(9, 11) S(12, 20) S(11, 21) S(11, 12) S(12, 21)

/* 27 values in 3 sorted columns of 9; the median ends in v2. */
#define MEDIAN_27(S)                                                                                              \
  S(0, 2)                                                                                                         \
  S(1, 2)                                                                                                         \
  S(3, 4)                                                                                                         \
  S(4, 5) S(6, 8) S(6, 7) S(7, 8) S(9, 11) S(9, 10) S(10, 11) S(12, 14) S(12, 13) S(13, 14) S(15, 17) S(15, 16)   \
      S(16, 17) S(18, 20) S(19, 20) S(21, 23) S(21, 22) S(24, 26) S(24, 25) S(18, 19) S(5, 7) S(24, 8) S(7, 15)   \
          S(18, 2) S(24, 15) S(19, 15) S(10, 2) S(19, 21) S(2, 21) S(24, 2) S(2, 11) S(24, 16) S(19, 2) S(24, 19) \
              S(2, 16) S(19, 13) S(2, 13)
/* clang-format on */

#endif
