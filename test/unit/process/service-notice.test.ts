import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { serviceNotice } from '../../../src/core/process/service-notice.js';
import { sendToSocket } from '../../../src/core/native/notify.js';
import type { Clock } from '../../../src/core/lib/env.js';

/** A clock by hand. */
function handClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  const due = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    unix: () => now,
    after: (ms: number, run: () => void) => {
      const entry = { at: now + ms, run };
      due.add(entry);
      return () => due.delete(entry);
    },
    advance: (ms: number) => {
      now += ms;
      for (const entry of [...due]) {
        if (entry.at > now) continue;
        due.delete(entry);
        entry.run();
      }
    },
  } as unknown as Clock & { advance(ms: number): void };
}

describe('what the service manager is told', () => {
  const heard = (env: NodeJS.ProcessEnv) => {
    const told: string[] = [];
    const clock = handClock();
    const notice = serviceNotice(env, clock, (socket, text) => told.push(`${socket} ${text}`) > 0);
    return { told, clock, notice };
  };

  it('is nothing where it does not ask', () => {
    const { told, clock, notice } = heard({ WATCHDOG_USEC: '3000000' });
    notice.ready('runs');
    clock.advance(10_000);
    notice.stopping();
    expect(told).toEqual([]);
  });

  it('is how it is now, each time that changes, from ready to the end', () => {
    const { told, notice } = heard({ NOTIFY_SOCKET: '/n' });
    notice.status('runs 2 networks');
    notice.ready('runs 1 network');
    notice.status('runs 2 networks');
    notice.stopping();
    notice.status('runs 0 networks');
    expect(told).toEqual(['/n READY=1\nSTATUS=runs 1 network', '/n STATUS=runs 2 networks', '/n STOPPING=1']);
  });

  it('is who the service is now, and nothing more, once another process goes on', () => {
    const { told, clock, notice } = heard({ NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '3000000' });
    notice.ready('runs');
    told.length = 0;
    notice.handedOver(4242);
    clock.advance(10_000);
    notice.stopping();
    expect(told).toEqual(['/n MAINPID=4242']);
  });

  it('is ready once, a sign of life three times in its time, and stopping once', () => {
    const { told, clock, notice } = heard({ NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '3000000' });
    expect(told).toEqual(['/n WATCHDOG=1']);
    notice.ready('runs\n1 network');
    notice.ready('again');
    clock.advance(1_000);
    clock.advance(1_000);
    notice.stopping();
    notice.stopping();
    notice.ready('too late');
    clock.advance(60_000);
    expect(told.slice(1)).toEqual([
      '/n READY=1\nSTATUS=runs 1 network',
      '/n WATCHDOG=1',
      '/n WATCHDOG=1',
      '/n STOPPING=1',
    ]);
  });

  it('is no sign of life where that is asked of another process', () => {
    const { told } = heard({ NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '3000000', WATCHDOG_PID: '1' });
    expect(told).toEqual([]);
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it.runIf(hasPython).each(['path', 'abstract'])('arrives at a real socket (%s)', async (kind) => {
    const name = kind === 'path' ? `/tmp/evio-notify-${process.pid}` : `@evio-notify-${process.pid}`;
    const receiver = spawn('python3', [
      '-c',
      `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@','\\0'))
print('up',flush=True)
print(s.recv(100).decode(),flush=True)`,
      name,
    ]);
    let out = '';
    receiver.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const ended = new Promise((resolve) => receiver.once('close', resolve));
    try {
      await expect.poll(() => out, { timeout: 10_000 }).toContain('up');
      expect(sendToSocket(name, 'READY=1')).toBe(true);
      await ended;
      expect(out).toBe('up\nREADY=1\n');
    } finally {
      receiver.kill('SIGKILL');
      execFileSync('rm', ['-f', name]);
    }
    expect(sendToSocket(name, 'READY=1')).toBe(false);
    expect(sendToSocket('/'.repeat(200), 'READY=1')).toBe(false);
  });
});
