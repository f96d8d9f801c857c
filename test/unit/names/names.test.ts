/** When members come, their names are there for who types them next. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/lib/env.js';
import { Names } from '../../../src/core/names/names.js';
import type { NamedMember } from '../../../src/core/names/zone.js';
import { VirtualClock } from '../../support/virtual.js';

it('a member that comes stands in the hosts file before a person can ask for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-names-'));
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, '127.0.0.1\tlocalhost\n');
  const clock = new VirtualClock();
  const members: NamedMember[] = [{ name: 'anna', ip: 0x7f000001, ip6: new Uint8Array(16) }];
  const names = new Names(
    {
      idText: 'a1'.repeat(16),
      networkId: 'a1'.repeat(8),
      networkName: 'home',
      cidr: { base: 0x0a900000, prefix: 16 },
      prefix6: new Uint8Array(16),
      ip: 0x7f000001,
      device: 'evio0',
      members: () => members,
      find: () => Promise.resolve(undefined),
    },
    { mode: 'hosts', clock, log: silentLogger, hosts },
  );
  const text = (): string => readFileSync(hosts, 'utf8');
  try {
    names.start();
    await expect.poll(text).toContain('anna.home.evio');
    members.push({ name: 'ben', ip: 0x0a900002, ip6: new Uint8Array(16) });
    names.changed();
    clock.advance(100);
    await expect.poll(text).toContain('10.144.0.2\tben.home.evio');
    await names.stop();
    expect(text()).toBe('127.0.0.1\tlocalhost\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
