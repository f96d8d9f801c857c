/** SIGHUP to programs in the background: whoever rotates their log sends it, and whoever renews the certificate of a relay. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasBuild, hasRoot } from '../support/need.js';
import { TestHome, binary, madeNetwork } from './support.js';

let home: TestHome;
let pid: number | undefined;

beforeEach(() => {
  home = new TestHome();
});
afterEach(async () => {
  if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  pid = undefined;
  home.remove();
});

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Puts the log aside as logrotate does, and waits for what the process says next in the new one. */
async function rotates(log: string): Promise<void> {
  renameSync(log, `${log}.old`);
  process.kill(pid as number, 'SIGHUP');
  await expect.poll(() => read(log), { timeout: 20_000 }).toContain('"log is opened again"');
  const length = statSync(`${log}.old`).size;
  process.kill(pid as number, 'SIGUSR1');
  await expect.poll(() => read(log), { timeout: 20_000 }).toContain('"report"');
  expect(statSync(`${log}.old`).size).toBe(length);
  expect(existsSync(`/proc/${pid}`)).toBe(true);
}

describe.runIf(hasBuild())('SIGHUP', { timeout: 120_000 }, () => {
  it('has a relay open its log again, and show the certificate that is there now', async () => {
    const [cert, key] = [join(home.path, 'cert.pem'), join(home.path, 'key.pem')];
    const certify = (name: string): void => {
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
          ...['-subj', `/CN=${name}`, '-keyout', key, '-out', cert],
        ],
        { stdio: 'ignore' },
      );
    };
    certify('before');
    const words = ['relay', '--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key, '--detach'];
    const started = (await home.run([...words, '--json'])).json<{ listen: string; pid: number }>();
    pid = started.pid;
    const [host, port] = started.listen.split(':') as [string, string];
    const shown = (): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        });
        socket.once('error', reject);
      });
    expect(await shown()).toBe('before');
    certify('after');
    await rotates(join(home.path, 'relay.log'));
    await expect.poll(shown, { timeout: 20_000 }).toBe('after');
    // One that does not fit is told of, and the one of before stays.
    execFileSync('cp', [cert, key]);
    process.kill(pid, 'SIGHUP');
    await expect
      .poll(() => read(join(home.path, 'relay.log')), { timeout: 20_000 })
      .toContain('"goes on with the certificate of before"');
    expect(await shown()).toBe('after');
    await home.run(['relay', 'down']);
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
  });

  it.runIf(hasRoot())('has a node open its log again', async () => {
    await madeNetwork(home);
    const words = ['unshare', '--net', process.execPath, binary, 'node', '--detach', '--json'];
    pid = (await home.run([], { program: words })).json<{ pid: number }>().pid;
    await rotates(join(home.path, 'evio.log'));
    expect(read(join(home.path, 'evio.log'))).toContain('"home is read again"');
    await home.run(['down']);
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
  });
});
