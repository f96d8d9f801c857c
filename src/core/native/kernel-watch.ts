/**
 * Tells when links, addresses or routes of this machine change, by the kernel's own notices (rtnetlink(7), multicast
 * groups). What changed has to be looked at: a notice says no more than that something did.
 *
 *   kernel ── RTM_NEWLINK, RTM_DELADDR, RTM_NEWROUTE … ──▶ socket ──▶ (a moment of quiet) ──▶ changed()
 */
import type { Socket as Stream } from 'node:net';
import { TokenBucket } from '../lib/token-bucket.js';
import { adoptStream } from './adopted-stream.js';
import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
/** `struct sockaddr_nl`: family 2, padding 2, port 4, groups 4. */
const addressBytes = 12;
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE. */
const groups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/** Changes come in packs: an interface that goes takes its addresses and routes with it. */
const settleMs = 100;
/** Where routes change all the time, as on routers, it is told of them once a second, after the first few. */
const restlessMs = 1_000;
const tellings = { perSecond: 1, burst: 8 };

/**
 * @param changed is called some 100 ms after a change, once for all that came meanwhile
 * @returns a function that ends it; undefined where the kernel gives no notices
 */
export function watchKernel(changed: () => void): (() => void) | undefined {
  let stream: Stream | undefined;
  let timer: NodeJS.Timeout | undefined;
  const bucket = new TokenBucket(tellings.perSecond, tellings.burst, performance.now());
  let over = false;
  const news = (): void => {
    timer ??= setTimeout(
      () => {
        timer = undefined;
        changed();
      },
      bucket.take(1, performance.now()) ? settleMs : restlessMs,
    ).unref();
  };
  const listen = (): boolean => {
    stream = openNotices();
    stream?.on('data', news);
    // ENOBUFS: more came than the socket holds, and some is lost.
    stream?.on('error', news);
    stream?.on('close', () => {
      if (!over) setTimeout(listen, restlessMs).unref();
    });
    return stream !== undefined;
  };
  if (!listen()) return undefined;
  return () => {
    over = true;
    clearTimeout(timer);
    stream?.destroy();
  };
}

/** A stream of the kernel's notices; undefined where there are none. */
function openNotices(): Stream | undefined {
  const c = libc();
  const arena = new Arena(64);
  const flags = Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK;
  const notices = c.socket(AF_NETLINK, SOCK_RAW | flags, 0);
  if (notices < 0) return undefined;
  try {
    arena.view.setUint16(0, AF_NETLINK, true);
    arena.view.setUint32(8, groups, true);
    if (c.bind(notices, arena.base, addressBytes) !== 0) return undefined;
    return adoptStream(notices)?.stream.unref();
  } finally {
    c.close(notices);
  }
}
