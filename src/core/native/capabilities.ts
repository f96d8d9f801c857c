/**
 * What of root's power this process holds, and giving it up (capabilities(7), capget(2), prctl(2), getrlimit(2)).
 *
 * Capabilities belong to a thread, and Node has threads of its own before any of our code runs. So what is given up here
 * holds for the calling thread, and for everything that is executed in its place: `replaceProcess` makes it whole.
 */
import { readFileSync } from 'node:fs';
import { Arena } from './arena.js';
import { bind, viewOf } from './symbols.js';

/** Numbers of `<linux/capability.h>`, of those that evio may want to keep. */
export const Capability = {
  /** Reads and writes files of others. */
  dacOverride: 1,
  /** Reads files of others. */
  dacReadSearch: 2,
  /** Ports below 1024. */
  netBindService: 10,
  /** Interfaces, their addresses, deep socket buffers. */
  netAdmin: 12,
  /** Real-time scheduling. */
  sysNice: 23,
  /** Programs of eBPF; since Linux 5.8. */
  bpf: 39,
} as const;
export type Capability = (typeof Capability)[keyof typeof Capability];

const names: Readonly<Record<number, string>> = {
  0: 'chown',
  1: 'dac_override',
  2: 'dac_read_search',
  3: 'fowner',
  4: 'fsetid',
  5: 'kill',
  6: 'setgid',
  7: 'setuid',
  8: 'setpcap',
  9: 'linux_immutable',
  10: 'net_bind_service',
  11: 'net_broadcast',
  12: 'net_admin',
  13: 'net_raw',
  14: 'ipc_lock',
  15: 'ipc_owner',
  16: 'sys_module',
  17: 'sys_rawio',
  18: 'sys_chroot',
  19: 'sys_ptrace',
  20: 'sys_pacct',
  21: 'sys_admin',
  22: 'sys_boot',
  23: 'sys_nice',
  24: 'sys_resource',
  25: 'sys_time',
  26: 'sys_tty_config',
  27: 'mknod',
  28: 'lease',
  29: 'audit_write',
  30: 'audit_control',
  31: 'setfcap',
  32: 'mac_override',
  33: 'mac_admin',
  34: 'syslog',
  35: 'wake_alarm',
  36: 'block_suspend',
  37: 'audit_read',
  38: 'perfmon',
  39: 'bpf',
  40: 'checkpoint_restore',
};

/** What a thread holds, as sets of bits. */
export interface Privileges {
  readonly permitted: bigint;
  readonly bounding: bigint;
  readonly noNewPrivileges: boolean;
}

/** Of a file `/proc/…/status`; default: the main thread's of this process. */
export function privileges(status: string = readFileSync('/proc/self/status', 'utf8')): Privileges {
  const set = (name: string): bigint => {
    const match = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status);
    return match ? BigInt(`0x${match[1]}`) : 0n;
  };
  return {
    permitted: set('CapPrm'),
    bounding: set('CapBnd'),
    noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
  };
}

export function bitsOf(capabilities: Iterable<number>): bigint {
  let bits = 0n;
  for (const capability of capabilities) bits |= 1n << BigInt(capability);
  return bits;
}

/** Names as in capabilities(7), in small letters without `CAP_`: `net_admin`. */
export function namesOf(bits: bigint): string[] {
  const found: string[] = [];
  for (let i = 0; bits >> BigInt(i) > 0n; i++)
    if ((bits >> BigInt(i)) & 1n) found.push(names[i] ?? `capability ${i}`);
  return found;
}

/** `<linux/prctl.h>` */
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
/** `_LINUX_CAPABILITY_VERSION_3` */
const capabilityVersion = 0x2008_0522;
const RLIMIT_CORE = 4;
const F_SETFD = 2;
const capabilityLimit = 64;

function prctl(option: number, value: number): number {
  return bind('int prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)')(
    option,
    value,
    0,
    0,
    0,
  );
}

/**
 * Gives up every capability outside `kept`, here and for what is executed from here on, and every way to gain one.
 * False when the system did not take it whole; what could be given up is gone.
 */
export function giveUp(kept: bigint): boolean {
  const { permitted, bounding } = privileges(readFileSync('/proc/thread-self/status', 'utf8'));
  for (let i = 0; i < capabilityLimit; i++)
    if ((bounding >> BigInt(i)) & 1n && !((kept >> BigInt(i)) & 1n)) prctl(PR_CAPBSET_DROP, i);
  const arena = new Arena(128);
  const header = arena.alloc(8);
  const data = arena.alloc(24);
  const remaining = permitted & kept;
  arena.view.setUint32(header, capabilityVersion, true);
  for (const half of [0, 1]) {
    const word = Number((remaining >> BigInt(32 * half)) & 0xffff_ffffn);
    // Effective and permitted; nothing inheritable.
    arena.view.setUint32(data + 12 * half, word, true);
    arena.view.setUint32(data + 12 * half + 4, word, true);
  }
  bind('int capset(uintptr_t header, uintptr_t data)')(arena.base + header, arena.base + data);
  prctl(PR_SET_NO_NEW_PRIVS, 1);
  const now = privileges(readFileSync('/proc/thread-self/status', 'utf8'));
  return (now.permitted & ~kept) === 0n && (now.bounding & ~kept) === 0n && now.noNewPrivileges;
}

/** No core files of this process and its children, and no debugger of this user: keys stay in memory. */
export function keepMemoryPrivate(): void {
  const arena = new Arena(64);
  // struct rlimit: both limits are zero.
  bind('int setrlimit(int resource, uintptr_t limit)')(RLIMIT_CORE, arena.base + arena.alloc(16));
  prctl(PR_SET_DUMPABLE, 0);
}

/**
 * Executes a program in place of this process, with all its threads (execve(2)). Returns only when that failed.
 * Standard input, output and error go on; the kernel closes the other descriptors, which Node marks so.
 */
export function replaceProcess(path: string, argv: readonly string[], env: NodeJS.ProcessEnv): void {
  const variables = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const length = [path, ...argv, ...variables].reduce((sum, text) => sum + Buffer.byteLength(text) + 9, 0);
  const arena = new Arena(length + 1024);
  const text = (value: string): number => {
    const at = arena.alloc(Buffer.byteLength(value) + 1, 1);
    arena.setText(at, value);
    return arena.base + at;
  };
  const list = (values: readonly string[]): number => {
    const at = arena.alloc(8 * (values.length + 1), 8);
    values.forEach((value, i) => {
      arena.setPointer(at + 8 * i, text(value));
    });
    return arena.base + at;
  };
  // Node marks these as well.
  const fcntl = bind('int fcntl(int fd, int command, int value)');
  for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 0);
  const execve = bind('int execve(uintptr_t path, uintptr_t argv, uintptr_t envp)');
  execve(text(path), list(argv), list(variables));
}

/**
 * Overwrites the value of an environment variable where the kernel shows it (/proc/PID/environ); `delete process.env`
 * leaves it there. The variable itself is to be deleted before.
 */
export function wipeEnvironment(name: string): void {
  // Fields 50 and 51 of proc(5), counted from behind the name of the program, which may hold anything.
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const [start = 0, end = 0] = [Number(fields[47]), Number(fields[48])];
  if (!(start > 0) || !(end > start)) return;
  const memory = Buffer.from(viewOf(start, end - start));
  const wanted = Buffer.from(`${name}=`);
  for (let at = 0; at < memory.length;) {
    const stop = memory.indexOf(0, at);
    const to = stop < 0 ? memory.length : stop;
    if (memory.subarray(at, at + wanted.length).equals(wanted)) memory.fill(0, at + wanted.length, to);
    at = to + 1;
  }
}
