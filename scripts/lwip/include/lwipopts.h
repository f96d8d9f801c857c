/* lwIP as evio wants it: an Ethernet host with TCP, driven by one thread, that trusts the checksums of its switch. */
#ifndef EVIO_LWIPOPTS_H
#define EVIO_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_DNS 0
#define LWIP_DHCP 0
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_ICMP 1
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_IPV6_NUM_ADDRESSES 3
#define LWIP_IPV6_MLD 1
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 127
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 8
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 64
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_NETIF_LINK_CALLBACK 0
#define LWIP_SINGLE_NETIF 1

/* Memory: an allocator of ours, bounded as a whole (glue.c). */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define MEMP_NUM_TCP_PCB 1024
#define PBUF_POOL_BUFSIZE 1600

/* What comes out of a session was authenticated; partial checksums of super-frames cannot be checked at all. */
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_UDP 0
#define CHECKSUM_CHECK_TCP 0
#define CHECKSUM_CHECK_ICMP 0
#define CHECKSUM_CHECK_ICMP6 0

#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 4
#define TCP_MSS 8960
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define TCP_WND (768 * 1024)
#define TCP_SND_BUF (512 * 1024)
#define TCP_SND_QUEUELEN 2048
#define MEMP_NUM_TCP_SEG 65535
#define TCP_SNDLOWAT 16384
#define TCP_SNDQUEUELOWAT 256
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES (1024 * 1024)
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 1
#define TCP_TMR_INTERVAL 100
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 0xff
/* RFC 6298 section 2.1. */
#define LWIP_TCP_RTO_TIME 1000
#define SO_REUSE 1
#define LWIP_DISABLE_TCP_SANITY_CHECKS 0

#endif
