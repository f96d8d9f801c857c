#!/usr/bin/env node
/**
 * What systemd does with a service of Type=notify, as far as restarts go: starts `evio WORDS`, keeps the descriptors that it is given
 * (sd_notify(3)), and hands them to the next process (sd_listen_fds(3)).
 *
 *     service-manager.mjs WORDS     SIGHUP: restart · SIGTERM: stop · SIGUSR1: what is kept at the next restart is none of this version
 *
 * Prints what it keeps when a process ends, as one line of JSON: {"manager": "ended", "status": 7, "store": ["evio-0", …]}
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Arena } from '../../dist/core/native/arena.js';
import { Cmsghdr, Iovec, libc, Msghdr, Socket } from '../../dist/core/native/libc.js';
import { unixAddressBytes, writeUnixAddress } from '../../dist/core/native/unix-address.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const words = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'evio-manager-'));
const path = join(folder, 'notify');

const c = libc();
const arena = new Arena(16_384);
const address = arena.alloc(unixAddressBytes);
const socket = c.socket(1, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK, 0);
c.bind(socket, arena.base + address, writeUnixAddress(arena, address, path));
const room = 4_096;
const data = arena.alloc(room);
const iov = arena.alloc(Iovec.size);
const control = arena.alloc(64);
const message = arena.alloc(Msghdr.size);
arena.setPointer(iov, arena.base + data);
arena.setPointer(message + Msghdr.iov, arena.base + iov);

/** [name, descriptor] each. */
let store = [];
/** systemd makes no promise of the order. */
const add = (name, fd) => store.unshift([name, fd]);

function read() {
  for (;;) {
    arena.view.setUint32(iov + Iovec.length, room, true);
    arena.view.setUint32(message + Msghdr.iovLength, 1, true);
    arena.setPointer(message + Msghdr.control, arena.base + control);
    arena.view.setUint32(message + Msghdr.controlLength, 64, true);
    arena.view.setUint32(control + Cmsghdr.length, 0, true);
    const length = c.recvmsg(socket, arena.base + message, 0x4000_0000);
    if (length < 0) return;
    const text = Buffer.from(arena.u8.slice(data, data + length)).toString();
    const fields = Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
    const got = arena.view.getUint32(message + Msghdr.controlLength, true) >= Cmsghdr.data + 4;
    const fd = got ? arena.view.getInt32(control + Cmsghdr.data, true) : -1;
    if (fields.FDSTORE === '1' && fd >= 0) add(fields.FDNAME ?? 'stored', fd);
    else if (fields.FDSTOREREMOVE === '1') {
      for (const [name, kept] of store) if (name === fields.FDNAME) c.close(kept);
      store = store.filter(([name]) => name !== fields.FDNAME);
    } else if (fd >= 0) c.close(fd);
  }
}
const reading = setInterval(read, 1);

let child;
let stopping = false;
let restarting = false;
let spoils = false;

/** As another version might have written it. */
function spoil() {
  const state = store.find(([name]) => name === 'evio-state');
  if (!state) return;
  const file = `/proc/self/fd/${state[1]}`;
  writeFileSync(file, readFileSync(file, 'latin1').replace('"schema":1,', '"schema":9,'), 'latin1');
}

function start() {
  const env = { ...process.env, NOTIFY_SOCKET: path };
  const command = [process.execPath, program, ...words];
  if (store.length > 0) {
    env.LISTEN_FDS = String(store.length);
    env.LISTEN_FDNAMES = store.map(([name]) => name).join(':');
  }
  // Only the process itself knows its number before it begins.
  const script = store.length > 0 ? 'LISTEN_PID=$$ exec "$@"' : 'exec "$@"';
  child = spawn('/bin/sh', ['-c', script, 'sh', ...command], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', ...store.map(([, fd]) => fd)],
  });
  child.once('exit', (status, signal) => {
    read();
    if (spoils) spoil();
    spoils = false;
    const kept = store.map(([name]) => name).sort();
    console.log(JSON.stringify({ manager: 'ended', status, signal, store: kept }));
    if (!stopping && (restarting || signal !== null || status !== 0)) {
      restarting = false;
      start();
      return;
    }
    clearInterval(reading);
    rmSync(folder, { recursive: true, force: true });
    process.exitCode = status ?? 1;
  });
}

process.on('SIGHUP', () => {
  restarting = true;
  child.kill('SIGQUIT');
});
process.on('SIGUSR1', () => {
  spoils = true;
});
process.on('SIGTERM', () => {
  stopping = true;
  child.kill('SIGTERM');
});
start();
