import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { changeHosts, hostsFault } from '../../../src/core/names/hosts-file.js';
import { withBlock, withoutBlocks } from '../../../src/core/names/hosts-text.js';
import { isMachineNetwork } from '../../../src/core/names/machine.js';
import { forgetStaleNames } from '../../../src/core/names/names.js';
import { domainOf, reverseZones } from '../../../src/core/names/zone.js';
import { hasRoot } from '../../support/need.js';

const [own, other] = ['a1'.repeat(16), 'b2'.repeat(16)];
const lines = [
  { address: '10.144.0.1', name: 'anna.home.evio' },
  { address: 'fd00::1', name: 'anna.home.evio' },
];
const all = (): boolean => true;

describe('the block in a hosts file', () => {
  it('is the file as it was, to the last byte, once it is taken out again', () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom('127.0.0.1\tlocalhost', '# a person wrote this', ''), fc.string()))
      .map((some) => some.join('\n'))
      .filter((some) => !some.includes('# evio '));
    fc.assert(
      fc.property(text, fc.nat(3), fc.nat(3), (before, mine, theirs) => {
        const one = withBlock(before, own, 'home.evio', 4242, lines.slice(0, mine));
        expect(one.startsWith(before)).toBe(true);
        expect(withBlock(one, own, 'home.evio', 4242, lines.slice(0, mine))).toBe(one);
        expect(withoutBlocks(one, all)).toBe(before);
        const both = withBlock(one, other, 'work.evio', 4243, lines.slice(0, theirs));
        expect(
          withoutBlocks(
            withoutBlocks(both, (id) => id === own),
            all,
          ),
        ).toBe(before);
        expect(withoutBlocks(both, all)).toBe(before);
      }),
    );
  });

  it('leaves what somebody wrote behind it', () => {
    const text = `${withBlock('127.0.0.1 localhost', own, 'home.evio', 1, lines)}192.0.2.1 mine\n`;
    expect(withoutBlocks(text, all)).toBe('127.0.0.1 localhost\n192.0.2.1 mine\n');
  });

  it('goes as far as it is one where it was cut off', () => {
    const whole = withBlock('127.0.0.1 localhost\n', own, 'home.evio', 1, lines);
    const cut = whole.slice(0, whole.indexOf('# evio end'));
    expect(withoutBlocks(`${cut}192.0.2.1\tmine\n`, all)).toBe('127.0.0.1 localhost\n192.0.2.1\tmine\n');
  });
});

describe('the hosts file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-hosts-'));
  const path = join(folder, 'hosts');
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps inode, mode and link, and bytes that are no UTF-8', async () => {
    const before = Buffer.concat([Buffer.from('127.0.0.1 localhost # '), Buffer.of(0xe9, 0xff, 10)]);
    writeFileSync(path, before);
    chmodSync(path, 0o640);
    symlinkSync(path, join(folder, 'link'));
    const { ino } = statSync(path);
    await changeHosts(join(folder, 'link'), (text) => withBlock(text, own, 'home.evio', 1, lines));
    expect(readFileSync(path, 'latin1')).toContain('\n10.144.0.1\tanna.home.evio\n');
    await changeHosts(path, (text) => withoutBlocks(text, all));
    const { ino: after, mode } = statSync(path);
    expect([readFileSync(path), after, mode & 0o777]).toEqual([before, ino, 0o640]);
  });

  it('loses nothing where many change it at once', async () => {
    writeFileSync(path, '127.0.0.1 localhost\n');
    const ids = Array.from({ length: 12 }, (_, i) => i.toString(16).repeat(32));
    await Promise.all(
      ids.map((id) => changeHosts(path, (text) => withBlock(text, id, 'home.evio', process.pid, lines))),
    );
    for (const id of ids) expect(readFileSync(path, 'utf8')).toContain(`# evio end ${id}\n`);
    await Promise.all(
      ids.map((id) => changeHosts(path, (text) => withoutBlocks(text, (owner) => owner === id))),
    );
    expect(readFileSync(path, 'utf8')).toBe('127.0.0.1 localhost\n');
  });

  it('is rid of what processes left that are gone, and of who is known to be', async () => {
    // No process has an id as high as that.
    const text = withBlock(
      withBlock('', own, 'home.evio', 4_194_305, lines),
      other,
      'work.evio',
      process.pid,
      lines,
    );
    writeFileSync(path, text);
    await forgetStaleNames([], path);
    expect(readFileSync(path, 'utf8')).toBe(withBlock('', other, 'work.evio', process.pid, lines));
    await forgetStaleNames([other], path);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('that cannot be changed is told with what mends it', () => {
    const of = (code: string, service: boolean): string =>
      hostsFault('/etc/hosts', Object.assign(new Error(`${code}: so`), { code }), service);
    expect(of('EROFS', true)).toMatch(/replaced since this service began.*: sudo systemctl restart evio$/);
    expect(of('EROFS', false)).toBe('/etc/hosts: EROFS: so');
    expect(of('ENOENT', true)).toBe('/etc/hosts: there is none; make one, and start the node again');
  });

  it('is not made where there is none', async () => {
    await expect(changeHosts(join(folder, 'none'), () => 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('what names are about', () => {
  it('is a domain of the network, whatever that is called', () => {
    expect(domainOf('Home', 'id')).toBe('home.evio');
    expect(domainOf('my_lab.berlin', 'id')).toBe('my-lab.berlin.evio');
    for (const odd of ['a..b', '-a', 'a.-b', 'x'.repeat(64)]) expect(domainOf(odd, '0123')).toBe('0123.evio');
  });

  it('has zones of addresses at the borders of names', () => {
    expect(reverseZones({ base: 0x0a90_0000, prefix: 16 })).toEqual(['144.10.in-addr.arpa']);
    expect(reverseZones({ base: 0xac10_0000, prefix: 12 })).toHaveLength(16);
    expect(reverseZones({ base: 0xac10_0000, prefix: 12 })[15]).toBe('31.172.in-addr.arpa');
    expect(reverseZones({ base: 0x0a90_0000, prefix: 17 })).toEqual([]);
  });

  it('is the machine’s own network where that cannot be seen', () => {
    expect([isMachineNetwork(), isMachineNetwork('/proc/self/net', '/proc/none/net')]).toEqual([true, true]);
  });

  it.skipIf(!hasRoot)('is not the network of a namespace, whatever its interfaces are called', async () => {
    // It has `lo`, as every other.
    const apart = spawn('unshare', ['--net', 'sh', '-c', 'echo there; exec sleep 60']);
    try {
      await once(apart.stdout, 'data');
      const own = `/proc/${apart.pid ?? 0}/net`;
      expect([isMachineNetwork(own), isMachineNetwork(own, own)]).toEqual([false, true]);
    } finally {
      apart.kill('SIGKILL');
    }
  });
});
