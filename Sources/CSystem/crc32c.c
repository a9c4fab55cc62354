#include "CSystem.h"

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as iSCSI (RFC 3720) and SSE4.2 compute it.

static uint32_t table[8][256];
static uint32_t (*chosen)(uint32_t, const uint8_t *, size_t);
static int is_hardware;

static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t n) {
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word ^= crc;
    crc = table[7][word & 255] ^ table[6][word >> 8 & 255] ^ table[5][word >> 16 & 255] ^ table[4][word >> 24 & 255] ^
          table[3][word >> 32 & 255] ^ table[2][word >> 40 & 255] ^ table[1][word >> 48 & 255] ^ table[0][word >> 56];
    p += 8;
    n -= 8;
  }
  while (n--) crc = table[0][(crc ^ *p++) & 255] ^ crc >> 8;
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t n) {
  uint64_t wide = crc;
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    wide = __builtin_ia32_crc32di(wide, word);
    p += 8;
    n -= 8;
  }
  crc = (uint32_t)wide;
  while (n--) crc = __builtin_ia32_crc32qi(crc, *p++);
  return crc;
}

// The instruction takes three cycles but can start in each: three parts of a block at once, then put together. A part
// that `bytes` follow counts as multiplied by x^(8 * bytes). The carry-less product with x^(8 * bytes - 33) is that
// before reduction, which the instruction does.
typedef long long two_words __attribute__((vector_size(16)));
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t product(uint64_t crc, uint32_t power) {
  return (uint64_t)__builtin_ia32_pclmulqdq128((two_words){(long long)crc, 0}, (two_words){power, 0}, 0)[0];
}
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t three_parts(
    uint64_t crc, const uint8_t *p, size_t part, uint32_t one_part, uint32_t two_parts) {
  uint64_t second = 0, third = 0;
  for (size_t i = 0; i < part; i += 8) {
    uint64_t words[3];
    memcpy(&words[0], p + i, 8);
    memcpy(&words[1], p + part + i, 8);
    memcpy(&words[2], p + 2 * part + i, 8);
    crc = __builtin_ia32_crc32di(crc, words[0]);
    second = __builtin_ia32_crc32di(second, words[1]);
    third = __builtin_ia32_crc32di(third, words[2]);
  }
  return __builtin_ia32_crc32di(0, product(crc, two_parts) ^ product(second, one_part)) ^ third;
}
__attribute__((target("sse4.2,pclmul"))) static uint32_t by_three(uint32_t crc, const uint8_t *p, size_t n) {
  uint64_t wide = crc;
  for (; n >= 3 * 1024; p += 3 * 1024, n -= 3 * 1024) wide = three_parts(wide, p, 1024, 0x170076fa, 0xa51b6135);
  for (; n >= 3 * 128; p += 3 * 128, n -= 3 * 128) wide = three_parts(wide, p, 128, 0x0d3b6092, 0xb9e02b86);
  return by_instruction((uint32_t)wide, p, n);
}
static int has_instruction(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2");
}
static uint32_t (*fastest(void))(uint32_t, const uint8_t *, size_t) {
  return __builtin_cpu_supports("pclmul") ? by_three : by_instruction;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
__attribute__((target("crc"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t n) {
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = __builtin_arm_crc32cd(crc, word);
    p += 8;
    n -= 8;
  }
  while (n--) crc = __builtin_arm_crc32cb(crc, *p++);
  return crc;
}
static int has_instruction(void) { return (getauxval(AT_HWCAP) >> 7) & 1; }
static uint32_t (*fastest(void))(uint32_t, const uint8_t *, size_t) { return by_instruction; }
#else
static int has_instruction(void) { return 0; }
static uint32_t (*fastest(void))(uint32_t, const uint8_t *, size_t) { return by_table; }
#endif

// Before any Swift code runs, so that callers need no once-check.
__attribute__((constructor(103))) static void choose(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0x82F63B78u ^ crc >> 1 : crc >> 1;
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 8; k++) table[k][i] = table[0][table[k - 1][i] & 255] ^ table[k - 1][i] >> 8;
  is_hardware = has_instruction();
  chosen = is_hardware ? fastest() : by_table;
}

uint32_t csys_crc32c(uint32_t crc, const void *bytes, size_t count) { return ~chosen(~crc, bytes, count); }
uint32_t csys_crc32c_by_table(uint32_t crc, const void *bytes, size_t count) { return ~by_table(~crc, bytes, count); }
int csys_crc32c_is_hardware(void) { return is_hardware; }
