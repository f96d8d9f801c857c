/* What lwIP asks of a compiler and a system: WebAssembly without a C library. */
#ifndef EVIO_ARCH_CC_H
#define EVIO_ARCH_CC_H

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define X8_F "02x"
#define U16_F "hu"
#define S16_F "hd"
#define X16_F "hx"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "u"

#include <stddef.h>
#include <stdint.h>
typedef int32_t ssize_t;
#define SSIZE_MAX INT32_MAX

#define BYTE_ORDER LITTLE_ENDIAN

/* A broken invariant traps: the host sees a WebAssembly.RuntimeError, and throws the whole stack away. */
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) __builtin_trap()

unsigned int evio_random(void);
#define LWIP_RAND() evio_random()

#endif
