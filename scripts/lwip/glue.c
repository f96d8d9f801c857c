/*
 * lwIP as one WebAssembly instance: frames in and out, TCP by numbers.
 *
 * The host (src/core/userspace/stack.ts) calls what is exported here, one call at a time; lwIP calls back through the
 * imports. A connection is a slot of a table; the host gives back each slot by `tcp_forget` once it heard `ended`.
 */
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/init.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#define IMPORT(name) __attribute__((import_module("evio"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

/* A whole frame lies at `out_frame`. */
IMPORT(output) void host_output(uint32_t length);
IMPORT(now) uint32_t host_now(void);
IMPORT(random) uint32_t host_random(void);
/* Connection `id` is open; `listener` is the port that took it, or 0 for one that we opened. */
IMPORT(opened) void host_opened(uint32_t id, uint32_t listener);
/* Bytes of a connection, valid during the call. */
IMPORT(data) void host_data(uint32_t id, const void *at, uint32_t length);
/* The other end sends no more. */
IMPORT(finished) void host_finished(uint32_t id);
/* There is room to send again. */
IMPORT(drained) void host_drained(uint32_t id, uint32_t acknowledged);
/* The connection is over (an err_t, 0 when closed in order); its slot is to be given back. */
IMPORT(ended) void host_ended(uint32_t id, int32_t error);

u32_t sys_now(void) { return host_now(); }
unsigned int evio_random(void) { return host_random(); }

/* --- memory: free lists of powers of two above a heap that only grows, up to `heap_limit` bytes --- */

#define PAGE 65536u
static uint32_t heap_limit = 256u * 1024 * 1024;
extern unsigned char __heap_base;
static uint32_t heap_at, heap_end;
/* Sizes 32, 64, … 2^27. */
static void *spare[28];

static unsigned class_of(size_t size) {
  size_t whole = size + 8;
  return whole <= 32 ? 5 : 32 - (unsigned)__builtin_clz((unsigned)whole - 1);
}

void *malloc(size_t size) {
  if (size > 1u << 26) return NULL;
  unsigned class = class_of(size);
  void **head = spare[class];
  if (head) {
    spare[class] = *head;
  } else {
    uint32_t bytes = 1u << class;
    if (heap_at == 0) {
      heap_at = ((uint32_t)&__heap_base + 15) & ~15u;
      heap_end = (uint32_t)__builtin_wasm_memory_size(0) * PAGE;
    }
    if (heap_end - heap_at < bytes) {
      uint32_t pages = (bytes + PAGE - 1) / PAGE;
      if (pages < 64) pages = 64;
      if (heap_end + pages * PAGE > heap_limit) return NULL;
      if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
      heap_end += pages * PAGE;
    }
    head = (void **)heap_at;
    heap_at += bytes;
  }
  ((uint32_t *)head)[0] = class;
  return (char *)head + 8;
}

void free(void *at) {
  if (!at) return;
  void **head = (void **)((char *)at - 8);
  unsigned class = ((uint32_t *)head)[0];
  *head = spare[class];
  spare[class] = head;
}

void *calloc(size_t count, size_t size) {
  if (size && count > (1u << 26) / size) return NULL;
  void *at = malloc(count * size);
  return at ? memset(at, 0, count * size) : NULL;
}

/* --- the parts of a C library that lwIP uses --- */

void *memcpy(void *to, const void *from, size_t n) { return __builtin_memcpy(to, from, n); }
void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
void *memset(void *to, int value, size_t n) { return __builtin_memset(to, value, n); }
int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (; n; n--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}
size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}
int strncmp(const char *a, const char *b, size_t n) {
  for (; n; n--, a++, b++)
    if (*a != *b || !*a) return (unsigned char)*a - (unsigned char)*b;
  return 0;
}
int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }
int atoi(const char *text) {
  int n = 0;
  while (*text >= '0' && *text <= '9') n = n * 10 + *text++ - '0';
  return n;
}

/* --- the interface --- */

#define FRAME_LIMIT 66000
static unsigned char in_frame[FRAME_LIMIT], out_frame[FRAME_LIMIT];
/* What the host puts in: bytes to send. */
static unsigned char sending[65536];
static struct netif nif;
static uint8_t mac_address[6];

EXPORT(in_frame) uint32_t in_frame_at(void) { return (uint32_t)in_frame; }
EXPORT(out_frame) uint32_t out_frame_at(void) { return (uint32_t)out_frame; }
EXPORT(sending) uint32_t sending_at(void) { return (uint32_t)sending; }

static err_t link_output(struct netif *netif, struct pbuf *p) {
  (void)netif;
  if (p->tot_len > FRAME_LIMIT) return ERR_BUF;
  host_output(pbuf_copy_partial(p, out_frame, p->tot_len, 0));
  return ERR_OK;
}

static err_t begin(struct netif *netif) {
  netif->name[0] = 'e';
  netif->name[1] = 'v';
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = link_output;
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, mac_address, 6);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
  return ERR_OK;
}

/* The MAC lies at `in_frame`; addresses as numbers in network order. `limit`: bytes of memory at most. */
EXPORT(start) void start(uint32_t ip, uint32_t mask, uint32_t mtu, uint32_t limit) {
  heap_limit = limit;
  memcpy(mac_address, in_frame, 6);
  lwip_init();
  ip4_addr_t address, netmask, gateway;
  ip4_addr_set_u32(&address, ip);
  ip4_addr_set_u32(&netmask, mask);
  ip4_addr_set_zero(&gateway);
  netif_add(&nif, &address, &netmask, &gateway, NULL, begin, ethernet_input);
  nif.mtu = (u16_t)mtu;
  netif_create_ip6_linklocal_address(&nif, 1);
  netif_set_default(&nif);
  netif_set_link_up(&nif);
  netif_set_up(&nif);
}

/* The gateway, in network order: for subnets behind members. */
EXPORT(set_gateway) void set_gateway(uint32_t ip) {
  ip4_addr_t gateway;
  ip4_addr_set_u32(&gateway, ip);
  netif_set_gw(&nif, &gateway);
}

/* An IPv6 address, at `in_frame`. */
EXPORT(add_ip6) int32_t add_ip6(void) {
  ip6_addr_t address;
  s8_t index = 0;
  memcpy(address.addr, in_frame, 16);
  ip6_addr_clear_zone(&address);
  if (netif_add_ip6_address(&nif, &address, &index) != ERR_OK) return -1;
  netif_ip6_addr_set_state(&nif, index, IP6_ADDR_PREFERRED);
  return index;
}

/* A frame of `length` bytes lies at `in_frame`. */
EXPORT(input) int32_t input(uint32_t length) {
  if (length > FRAME_LIMIT - 64) return -1;
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
  if (!p) return -2;
  memcpy(p->payload, in_frame, length);
  if (nif.input(p, &nif) != ERR_OK) {
    pbuf_free(p);
    return -3;
  }
  return 0;
}

/* Runs the timers; the milliseconds until they want to run again. */
EXPORT(tick) uint32_t tick(void) {
  sys_check_timeouts();
  return sys_timeouts_sleeptime();
}

/* --- connections --- */

#define SLOTS 1024
static struct {
  struct tcp_pcb *pcb;
  uint8_t used;
} slots[SLOTS];
#define LISTENERS 64
static struct {
  struct tcp_pcb *pcb;
  uint16_t port;
} listeners[LISTENERS];

static int32_t take_slot(struct tcp_pcb *pcb) {
  for (int32_t id = 0; id < SLOTS; id++)
    if (!slots[id].used) {
      slots[id].used = 1;
      slots[id].pcb = pcb;
      return id;
    }
  return -1;
}

static err_t on_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  uint32_t id = (uint32_t)arg;
  (void)error;
  if (!p) {
    host_finished(id);
    return ERR_OK;
  }
  /* A super-frame is many segments: whoever sent it waits for its acknowledgement as for theirs (RFC 5681 section 4.2). */
  if (p->tot_len > pcb->mss) tcp_set_flags(pcb, TF_ACK_NOW);
  for (struct pbuf *part = p; part; part = part->next) host_data(id, part->payload, part->len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)pcb;
  host_drained((uint32_t)arg, length);
  return ERR_OK;
}

/* lwIP has freed the pcb already. */
static void on_error(void *arg, err_t error) {
  uint32_t id = (uint32_t)arg;
  slots[id].pcb = NULL;
  host_ended(id, error);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)pcb;
  (void)error;
  host_opened((uint32_t)arg, 0);
  return ERR_OK;
}

static void attend(struct tcp_pcb *pcb, int32_t id) {
  tcp_arg(pcb, (void *)id);
  tcp_recv(pcb, on_data);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_error);
  tcp_nagle_disable(pcb);
  ip_set_option(pcb, SOF_KEEPALIVE);
  pcb->keep_idle = 120000;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  if (error != ERR_OK || !pcb) return ERR_VAL;
  int32_t id = take_slot(pcb);
  if (id < 0) {
    tcp_abort(pcb);
    return ERR_ABRT;
  }
  attend(pcb, id);
  host_opened((uint32_t)id, (uint32_t)arg);
  return ERR_OK;
}

/* Opens a connection to an address, at `in_frame`, of 4 or 16 bytes. The slot, or an err_t. */
EXPORT(tcp_open) int32_t tcp_open(uint32_t address_length, uint32_t port) {
  ip_addr_t address;
  if (address_length == 4) {
    u32_t ip;
    memcpy(&ip, in_frame, 4);
    ip_addr_set_ip4_u32(&address, ip);
  } else {
    ip6_addr_t ip;
    memcpy(ip.addr, in_frame, 16);
    ip6_addr_clear_zone(&ip);
    ip_addr_copy_from_ip6(address, ip);
    if (ip6_addr_islinklocal(&ip)) ip6_addr_assign_zone(ip_2_ip6(&address), IP6_UNICAST, &nif);
  }
  struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&address));
  if (!pcb) return ERR_MEM;
  int32_t id = take_slot(pcb);
  if (id < 0) {
    tcp_abort(pcb);
    return ERR_MEM;
  }
  attend(pcb, id);
  err_t error = tcp_connect(pcb, &address, (u16_t)port, on_connected);
  if (error == ERR_OK) return id;
  tcp_err(pcb, NULL);
  tcp_abort(pcb);
  slots[id].used = 0;
  slots[id].pcb = NULL;
  return error;
}

/* Takes connections for a port, at every address; an err_t. */
EXPORT(tcp_accept_at) int32_t tcp_accept_at(uint32_t port) {
  int free_at = -1;
  for (int i = 0; i < LISTENERS; i++)
    if (!listeners[i].pcb) free_at = i;
  if (free_at < 0) return ERR_MEM;
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (!pcb) return ERR_MEM;
  err_t error = tcp_bind(pcb, IP_ANY_TYPE, (u16_t)port);
  if (error != ERR_OK) {
    tcp_abort(pcb);
    return error;
  }
  struct tcp_pcb *listening = tcp_listen(pcb);
  if (!listening) {
    tcp_abort(pcb);
    return ERR_MEM;
  }
  tcp_arg(listening, (void *)port);
  tcp_accept(listening, on_accept);
  listeners[free_at].pcb = listening;
  listeners[free_at].port = (uint16_t)port;
  return ERR_OK;
}

EXPORT(tcp_unlisten) void tcp_unlisten(uint32_t port) {
  for (int i = 0; i < LISTENERS; i++)
    if (listeners[i].pcb && listeners[i].port == port) {
      tcp_close(listeners[i].pcb);
      listeners[i].pcb = NULL;
    }
}

/* Bytes that may be sent now. */
EXPORT(tcp_room) uint32_t tcp_room(uint32_t id) {
  struct tcp_pcb *pcb = slots[id].pcb;
  if (!pcb || tcp_sndqueuelen(pcb) > TCP_SND_QUEUELEN - 64) return 0;
  return tcp_sndbuf(pcb);
}

/* Sends `length` bytes that lie at `sending`, at most `tcp_room`; an err_t. */
EXPORT(tcp_send) int32_t tcp_send(uint32_t id, uint32_t length) {
  struct tcp_pcb *pcb = slots[id].pcb;
  if (!pcb) return ERR_CLSD;
  uint32_t at = 0;
  while (at < length) {
    uint32_t part = length - at > 32768 ? 32768 : length - at;
    err_t error = tcp_write(pcb, sending + at, (u16_t)part, TCP_WRITE_FLAG_COPY);
    if (error != ERR_OK) return error;
    at += part;
  }
  return ERR_OK;
}

/* What was written goes out. */
EXPORT(tcp_flush) void tcp_flush(uint32_t id) {
  if (slots[id].pcb) tcp_output(slots[id].pcb);
}

/* The host has done with `length` bytes it was given: the window opens. */
EXPORT(tcp_taken) void tcp_taken(uint32_t id, uint32_t length) {
  struct tcp_pcb *pcb = slots[id].pcb;
  for (; pcb && length > 0;) {
    uint32_t part = length > 0xffff ? 0xffff : length;
    tcp_recved(pcb, (u16_t)part);
    length -= part;
  }
}

/* We send no more; what comes is still taken. */
EXPORT(tcp_finish) int32_t tcp_finish(uint32_t id) {
  struct tcp_pcb *pcb = slots[id].pcb;
  return pcb ? tcp_shutdown(pcb, 0, 1) : ERR_CLSD;
}

/* Both sides are done: lwIP keeps what it must (TIME-WAIT), the slot is free. */
EXPORT(tcp_forget) void tcp_forget(uint32_t id) {
  struct tcp_pcb *pcb = slots[id].pcb;
  slots[id].pcb = NULL;
  slots[id].used = 0;
  if (!pcb) return;
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  if (tcp_close(pcb) != ERR_OK) tcp_abort(pcb);
}

/* Resets it and gives the slot back. */
EXPORT(tcp_reset) void tcp_reset(uint32_t id) {
  struct tcp_pcb *pcb = slots[id].pcb;
  slots[id].pcb = NULL;
  slots[id].used = 0;
  if (!pcb) return;
  tcp_err(pcb, NULL);
  tcp_abort(pcb);
}
