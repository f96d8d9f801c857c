import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyLog } from '../../../src/capture/key-log.js';
import { ControlClient } from '../../../src/core/control/client.js';
import type { Handlers } from '../../../src/core/control/methods.js';
import { ControlServer } from '../../../src/core/control/server.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { keyLogHead } from '../../../src/core/wire/key-log.js';
import { until } from '../../support/until.js';

/** What a capture asks of a node, without a node: the answer, the lines that come later, the end. */
class Teller {
  readonly server: ControlServer;
  asked = 0;
  gone = 0;
  tell: (lines: string) => void = () => undefined;

  constructor(path: string, live: () => string) {
    const sessionKeys: Handlers['sessionKeys'] = ({ network }, { signal, tellKeys }) => {
      expect(network).toBe('net');
      this.asked++;
      this.tell = tellKeys;
      signal.addEventListener('abort', () => this.gone++);
      return { keys: live() };
    };
    const watch: Handlers['watch'] = (_params, asker) => {
      asker.watch(undefined);
      return { watching: true };
    };
    this.server = new ControlServer(
      path,
      { sessionKeys, watch } as Partial<Handlers> as Handlers,
      silentLogger,
    );
  }
}

describe('key log of a capture', () => {
  let folder: string;
  let path: string;
  let file: string;
  const tellers: Teller[] = [];
  const tellerOf = async (live: () => string): Promise<Teller> => {
    const teller = new Teller(path, live);
    tellers.push(teller);
    await teller.server.start();
    return teller;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'evio-keys-'));
    path = join(folder, 'control.sock');
    file = join(folder, 'keys');
  });
  afterEach(async () => {
    for (const { server } of tellers.splice(0)) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has the keys there are and those that come, for its owner only, until it is closed', async () => {
    const teller = await tellerOf(() => 'one\ntwo\n');
    const watcher = await ControlClient.connect(path);
    const heard: unknown[] = [];
    await watcher.watch({}, (event) => heard.push(event));
    const log = await KeyLog.begin(file, path, 'net');
    expect(readFileSync(file, 'utf8')).toBe(`${keyLogHead}one\ntwo\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    teller.tell('three\n');
    await until(() => log.keys === 3);
    expect(readFileSync(file, 'utf8')).toBe(`${keyLogHead}one\ntwo\nthree\n`);
    log.close();
    log.close();
    // The node hears that nobody listens any more, and whoever watches events heard of no key.
    await until(() => teller.gone === 1);
    teller.tell('four\n');
    expect(readFileSync(file, 'utf8')).not.toContain('four');
    expect(heard).toEqual([]);
    watcher.close();
  });

  it('asks the process that takes the place of the node', async () => {
    const first = await tellerOf(() => 'one\n');
    const log = await KeyLog.begin(file, path, 'net');
    await log.tend();
    expect(first.asked).toBe(1);
    await first.server.stop();
    await until(() => first.gone === 1);
    // Nobody is there, and then somebody is.
    await log.tend();
    const second = await tellerOf(() => 'two\n');
    await log.tend();
    expect(second.asked).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe(`${keyLogHead}one\ntwo\n`);
    log.close();
  });

  it('is never a file that is there, nor one where a link leads, and is gone when the node has no keys to tell', async () => {
    await tellerOf(() => {
      throw new EvioError('EVIO_NO_NETWORK', 'No such network.');
    });
    writeFileSync(file, 'mine');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'));
    for (const name of [file, join(folder, 'link'), join(folder, 'no/where')])
      await expect(KeyLog.begin(name, path, 'net')).rejects.toMatchObject({ code: 'EVIO_STORAGE' });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    await expect(KeyLog.begin(join(folder, 'new'), path, 'net')).rejects.toMatchObject({
      code: 'EVIO_NO_NETWORK',
    });
    expect(readdirSync(folder).sort()).toEqual(['control.sock', 'keys', 'link']);
  });
});
