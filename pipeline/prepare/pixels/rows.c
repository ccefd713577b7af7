/* Opaque colour pictures brought to a size, row by row: what resample.py does with NumPy and OpenCV, the same integers, so the same
 * bytes. A row of pairs is averaged once, and is still in the CPU's cache when it is needed, for the next results, too.
 *
 * Pixels have four bytes, the last without meaning. Every number is an integer that a float holds exactly (see resample.py), so
 * neither the order of the additions nor a fused multiplication has any say. Plain loops, which a compiler turns into vectors.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__x86_64__) || !defined(__gnu_linux__) || defined(__clang__)
#define FOR_EACH_CPU
#elif __GNUC__ >= 12 /* glibc chooses when the library is loaded */
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#define INLINE static inline __attribute__((always_inline)) /* or it would not be cloned with its caller */

enum { PIXEL = 4, RESULTS = 4, TAPS = 4 }; /* bytes; rows of the result made together; rows of the picture added together */

typedef float colour __attribute__((vector_size(16), aligned(4), may_alias)); /* one pixel's four numbers */
typedef uint64_t words __attribute__((may_alias)); /* one pixel's four numbers, 16 bits each: what none exceeds is added at once */
typedef uint32_t bytes __attribute__((may_alias)); /* the same four in the end */
#define EACH(x) ((x) * UINT64_C(0x0001000100010001))

/* For blocks of results the first number they need, and their weights: for each block, each of its results, `length` of them. */
struct table {
    int32_t size, count, length;
    const int32_t *starts;
    const float *weights;
};

/* The nearest integer, of two the even one, as long as |x| < 2**22: what is behind the point does not fit beside 1.5 * 2**23. */
#define ROUNDED(x) ((x) + 12582912.0f - 12582912.0f)

/* Rows b and c of a picture, which lie between a and d: blurred by (1, 2, 1) / 4 both ways, the outermost pixel being its own
 * neighbour, rounded, then averaged two by two, rounded. Space: 2 * PIXEL * (width + 2) numbers. */
INLINE void averaged(const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c, const uint8_t *restrict d, int width,
                     uint16_t *restrict space, uint8_t *restrict out)
{
    int n = PIXEL * width;
    uint16_t *restrict upper = space, *restrict lower = upper + n + 2 * PIXEL;
    for (int i = 0; i < n; i++) {
        upper[PIXEL + i] = (uint16_t)(a[i] + c[i]) + (uint16_t)(2 * b[i]);
        lower[PIXEL + i] = (uint16_t)(b[i] + d[i]) + (uint16_t)(2 * c[i]);
    }
    memcpy(upper, upper + PIXEL, PIXEL * sizeof *upper);
    memcpy(lower, lower + PIXEL, PIXEL * sizeof *lower);
    memcpy(upper + PIXEL + n, upper + n, PIXEL * sizeof *upper);
    memcpy(lower + PIXEL + n, lower + n, PIXEL * sizeof *lower);
    const words *restrict u = (const words *)upper, *restrict l = (const words *)lower;
    bytes *restrict o = (bytes *)out;
    for (int i = 0; i < width / 2; i++, u += 2, l += 2) { /* pixels 1 and 2 are the pair, 0 and 3 its neighbours */
        words inner_u = u[1] + u[2] + EACH(8), inner_l = l[1] + l[2] + EACH(8);
        words blurred = ((u[0] + inner_u + u[1]) >> 4 & EACH(255)) + ((u[2] + inner_u + u[3]) >> 4 & EACH(255))
                      + ((l[0] + inner_l + l[1]) >> 4 & EACH(255)) + ((l[2] + inner_l + l[3]) >> 4 & EACH(255));
        words mean = (blurred + EACH(2)) >> 2 & EACH(255);
        mean = (mean | mean >> 8) & UINT64_C(0x0000ffff0000ffff);
        o[i] = (bytes)(mean | mean >> 16);
    }
}

/* RESULTS rows of n numbers each, out of `length` rows; `out` has them pixel by pixel, each pixel's RESULTS side by side. */
INLINE void down(const uint8_t *const *rows, int length, const float *weights, float scale, int n, float *restrict sums, float *restrict out)
{
    float *restrict sum0 = sums, *restrict sum1 = sum0 + n, *restrict sum2 = sum1 + n, *restrict sum3 = sum2 + n;
    const float *w0 = weights, *w1 = w0 + length, *w2 = w1 + length, *w3 = w2 + length;
    memset(sums, 0, RESULTS * (size_t)n * sizeof *sums);
    for (int k = 0; k < length; k += TAPS, w0 += TAPS, w1 += TAPS, w2 += TAPS, w3 += TAPS) {
        const uint8_t *restrict a = rows[k], *restrict b = rows[k + 1], *restrict c = rows[k + 2], *restrict d = rows[k + 3];
        for (int i = 0; i < n; i++) {
            sum0[i] += w0[0] * a[i] + w0[1] * b[i] + w0[2] * c[i] + w0[3] * d[i];
            sum1[i] += w1[0] * a[i] + w1[1] * b[i] + w1[2] * c[i] + w1[3] * d[i];
            sum2[i] += w2[0] * a[i] + w2[1] * b[i] + w2[2] * c[i] + w2[3] * d[i];
            sum3[i] += w3[0] * a[i] + w3[1] * b[i] + w3[2] * c[i] + w3[3] * d[i];
        }
    }
    for (int i = 0; i < n; i += PIXEL, out += RESULTS * PIXEL)
        for (int y = 0; y < RESULTS; y++) *(colour *)(out + y * PIXEL) = ROUNDED(*(const colour *)(sums + (size_t)y * n + i) * scale);
}

/* RESULTS rows of the result; `line` is what down gives. */
INLINE void across(const float *restrict line, const struct table *table, float scale, float *restrict sums, uint8_t *restrict out)
{
    int size = table->size, length = table->length;
    for (int x = 0; x < size; x++) {
        const colour *numbers = (const colour *)line + RESULTS * (size_t)table->starts[x];
        const float *weights = table->weights + (size_t)x * length;
        colour sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
        for (int k = 0; k < length; k++, numbers += RESULTS) {
            sum0 += weights[k] * numbers[0];
            sum1 += weights[k] * numbers[1];
            sum2 += weights[k] * numbers[2];
            sum3 += weights[k] * numbers[3];
        }
        colour *made = (colour *)sums + x;
        made[0] = sum0, made[size] = sum1, made[2 * size] = sum2, made[3 * size] = sum3;
    }
    for (int i = 0; i < RESULTS * PIXEL * size; i++) {
        int level = (int)ROUNDED(sums[i] * scale);
        level = level < 0 ? 0 : level;
        out[i] = (uint8_t)(level > 255 ? 255 : level);
    }
}

/* The picture at `pixels`, rows of `width` pixels `pitch` bytes apart, by the tables: `by_row` has blocks of RESULTS results and a length
 * that is a multiple of TAPS, `by_column` has blocks of one. With `pairs` they are for pairs of pixels, and width and height are even.
 * The sums of the first pass are multiplied by `kept`, those of the second by `level`, and then rounded.
 * `out` has room for a multiple of RESULTS rows. Returns 0, or 1 where there is not enough memory. */
FOR_EACH_CPU int resample(const uint8_t *pixels, ptrdiff_t pitch, int width, int height, int pairs, const struct table *by_row, float kept,
                          const struct table *by_column, float level, uint8_t *out)
{
    int n = PIXEL * by_column->count, count = by_row->count, length = by_row->length, wide = by_column->size;
    size_t pointers = (size_t)length * sizeof(uint8_t *), words_bytes = pairs ? 2 * PIXEL * ((size_t)width + 2) * sizeof(uint16_t) : 0;
    size_t floats = 2 * RESULTS * (size_t)n + RESULTS * PIXEL * (size_t)wide, ring_bytes = pairs ? (size_t)length * (size_t)n : 0;
    char *memory = malloc(pointers + words_bytes + floats * sizeof(float) + ring_bytes);
    if (!memory) return 1;
    const uint8_t **rows = (const uint8_t **)memory;
    uint16_t *space = (uint16_t *)(memory + pointers); /* a multiple of 8 bytes, as is what comes before */
    float *sums = (float *)(memory + pointers + words_bytes), *line = sums + RESULTS * (size_t)n, *made = line + RESULTS * (size_t)n;
    uint8_t *ring = (uint8_t *)(sums + floats);

    for (int y = 0, next = 0; y < by_row->size; y += RESULTS) {
        int start = by_row->starts[y / RESULTS];
        if (pairs) {
            if (next < start) next = start;
            for (; next < start + length && next < count; next++) {
                const uint8_t *row = pixels + 2 * next * pitch;
                for (int ahead = 3; ahead < 5 && 2 * next + ahead < height; ahead++) /* what the next pair is the first to need */
                    for (int i = 0; i < PIXEL * width; i += 64) __builtin_prefetch(row + ahead * pitch + i);
                averaged(next ? row - pitch : row, row, row + pitch, 2 * next + 2 < height ? row + 2 * pitch : row + pitch, width, space,
                         ring + (size_t)(next % length) * (size_t)n);
            }
        }
        for (int k = 0; k < length; k++) {
            int j = start + k < count ? start + k : count - 1; /* beyond the last one all weights are 0 */
            rows[k] = pairs ? ring + (size_t)(j % length) * (size_t)n : pixels + j * pitch;
        }
        down(rows, length, by_row->weights + (size_t)y * length, kept, n, sums, line);
        across(line, by_column, level, made, out + PIXEL * (size_t)y * wide);
    }
    free(memory);
    return 0;
}
