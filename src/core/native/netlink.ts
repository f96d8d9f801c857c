/**
 * rtnetlink(7): one request at a time to the kernel's tables of links and routes, so that no `ip` tool is needed. The
 * kernel answers before the call that asks returns, so nothing waits here.
 *
 *   request  nlmsghdr: length 4 | type 2 | flags 2 | sequence 4 | port 4 ‖ body, attributes included
 *   answer   of a change: one NLMSG_ERROR with an error number, 0 for none; of a dump: messages up to NLMSG_DONE
 *
 * Integers have the byte order of the machine, which is little endian wherever evio runs.
 */
import { Arena } from './arena.js';
import { Errno, libc, Socket } from './libc.js';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
export const NetlinkFlag = {
  request: 1,
  ack: 4,
  root: 0x100,
  match: 0x200,
  replace: 0x100,
  excl: 0x200,
  create: 0x400,
} as const;

const headerBytes = 16;
/** Room for a request, and for what one read of an answer takes (the kernel makes at most 32 KiB of a dump at once). */
const requestBytes = 512;
const answerBytes = 65_536;

/** A request to the kernel failed; `errno` says why. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly errno: number;

  constructor(errno: number) {
    super(`netlink: errno ${errno}`);
    this.errno = errno;
  }
}

/** One message of an answer, without its header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

export class Netlink {
  readonly #arena = new Arena(requestBytes + answerBytes + 128);
  readonly #request = this.#arena.alloc(requestBytes);
  readonly #answer = this.#arena.alloc(answerBytes);
  readonly #socket: number;
  #sequence = 1;

  /** @param protocol of `<linux/netlink.h>`: rtnetlink, where none is named. Throws NetlinkError, and EvioError EVIO_NO_NATIVE. */
  constructor(protocol = 0) {
    const c = libc();
    this.#socket = c.socket(AF_NETLINK, SOCK_RAW | Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK, protocol);
    if (this.#socket < 0) throw new NetlinkError(c.errno());
  }

  close(): void {
    libc().close(this.#socket);
  }

  /** Asks for a change. Throws NetlinkError when the kernel refuses. */
  change(type: number, flags: number, body: Uint8Array): void {
    this.#send(type, NetlinkFlag.request | NetlinkFlag.ack | flags, body);
    this.#read(() => undefined);
  }

  /** Asks for one thing. Undefined when the kernel has no answer, or refuses. */
  ask(type: number, body: Uint8Array): NetlinkMessage | undefined {
    let answer: NetlinkMessage | undefined;
    try {
      this.#send(type, NetlinkFlag.request | NetlinkFlag.ack, body);
      this.#read((message) => (answer ??= message));
    } catch (thrown) {
      if (!(thrown instanceof NetlinkError)) throw thrown;
    }
    return answer;
  }

  /** All that a table holds. Throws NetlinkError. */
  dump(type: number, body: Uint8Array): NetlinkMessage[] {
    const messages: NetlinkMessage[] = [];
    this.#send(type, NetlinkFlag.request | NetlinkFlag.root | NetlinkFlag.match, body);
    this.#read((message) => messages.push(message));
    return messages;
  }

  #send(type: number, flags: number, body: Uint8Array): void {
    const c = libc();
    const { view, u8, base } = this.#arena;
    const at = this.#request;
    const length = headerBytes + body.length;
    if (length > requestBytes) throw new RangeError('netlink request too long');
    view.setUint32(at, length, true);
    view.setUint16(at + 4, type, true);
    view.setUint16(at + 6, flags, true);
    view.setUint32(at + 8, ++this.#sequence, true);
    view.setUint32(at + 12, 0, true);
    u8.set(body, at + headerBytes);
    if (c.write(this.#socket, base + at, length) < 0) throw new NetlinkError(c.errno());
  }

  /** Reads up to the end of the answer to the last request; what answers an earlier one is left out. */
  #read(take: (message: NetlinkMessage) => void): void {
    const c = libc();
    const { view, u8, base } = this.#arena;
    for (;;) {
      const n = c.read(this.#socket, base + this.#answer, answerBytes);
      if (n < 0) {
        const errno = c.errno();
        if (errno === Errno.EINTR) continue;
        throw new NetlinkError(errno);
      }
      const end = this.#answer + n;
      for (let at = this.#answer; at + headerBytes <= end;) {
        const length = view.getUint32(at, true);
        if (length < headerBytes || at + length > end) break;
        const type = view.getUint16(at + 4, true);
        const own = view.getUint32(at + 8, true) === this.#sequence;
        if (own && type === NLMSG_DONE) return;
        if (own && type === NLMSG_ERROR) {
          const error = -view.getInt32(at + headerBytes, true);
          if (error !== 0) throw new NetlinkError(error);
          return;
        }
        if (own) take({ type, body: u8.slice(at + headerBytes, at + length) });
        at += (length + 3) & ~3;
      }
    }
  }
}
