import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { explained, withService } from '../../../src/cli/service-hint.js';
import { notRunning } from '../../../src/core/control/client-errors.js';
import { storageError } from '../../../src/core/disk/storage-error.js';
import { EvioError, type ErrorCode } from '../../../src/core/lib/errors.js';
import { decisive, endOfService, lingerMs } from '../../../src/core/process/service-end.js';
import { systemd } from '../../../src/service/systemd.js';

const error = (code: ErrorCode): EvioError => new EvioError(code, 'It is so.');
const onDisk = (code: string): EvioError => storageError('/x', Object.assign(new Error(code), { code }));

describe('a service that cannot go on', () => {
  const ended = (thrown: EvioError, env = { NOTIFY_SOCKET: '/n' }): { told: string[]; status: number } => {
    const told: string[] = [];
    const status = endOfService(thrown, env, (_socket, text) => told.push(text) > 0);
    return { told, status };
  };

  it('says why, and is not to be started again where only a person can help', () => {
    expect(ended(error('EVIO_REVOKED'))).toEqual({ told: ['STATUS=failed: It is so.'], status: 6 });
    for (const code of ['EVIO_PROFILE_CORRUPT', 'EVIO_NO_NETWORK', 'EVIO_NO_PRIVILEGE'] as const)
      expect(ended(error(code)).status).toBe(6);
    expect(ended(onDisk('EACCES')).status).toBe(6);
  });

  it('is started again where time may help', () => {
    for (const code of ['EVIO_ADDRESS_IN_USE', 'EVIO_ALREADY_RUNNING', 'EVIO_DEVICE'] as const)
      expect(ended(error(code)).status).toBe(1);
    for (const code of ['ENOSPC', 'EROFS', 'EIO']) expect(ended(onDisk(code)).status).toBe(1);
  });

  it('of several networks is one that time may help, if one of them is', () => {
    const [revoked, full] = [error('EVIO_REVOKED'), onDisk('ENOSPC')];
    expect(decisive([revoked, full])).toBe(full);
    expect(decisive([revoked])).toBe(revoked);
    expect(decisive([])).toBeUndefined();
  });

  it('has the exit status of every program where nobody manages it', () => {
    const told: string[] = [];
    expect(endOfService(error('EVIO_REVOKED'), {}, (_socket, text) => told.push(text) > 0)).toBe(1);
    expect(told).toEqual([]);
  });

  it('ends at once where only a person can help, else later, where the manager cannot tell the two', () => {
    const env = { EVIO_LINGER_MS: '6000' };
    expect(lingerMs(error('EVIO_PROFILE_CORRUPT'), env)).toBe(0);
    expect(lingerMs(error('EVIO_ADDRESS_RANGE'), env)).toBe(6_000);
    expect(lingerMs(error('EVIO_ADDRESS_RANGE'), {})).toBe(0);
    expect(lingerMs(error('EVIO_ADDRESS_RANGE'), { EVIO_LINGER_MS: 'x' })).toBe(0);
  });

  it('is named to whoever asks a node that does not run', () => {
    const of = (active: string, reason: string | null): EvioError =>
      withService(notRunning(), { unit: 'evio.service', active, reason }, systemd.hints('node'));
    const failed = of('failed', 'This machine was revoked from the network.');
    expect(failed.code).toBe('EVIO_NOT_RUNNING');
    expect(failed.message).toBe(
      'No node runs here; its service evio.service failed: This machine was revoked from the network.',
    );
    expect(failed.suggestions.slice(0, 2)).toEqual([
      'See its log: journalctl -u evio.service',
      'Start it again: sudo systemctl start evio.service',
    ]);
    expect(of('inactive', null).message).toBe('No node runs here; its service evio.service is stopped.');
    expect(of('inactive', null).suggestions[0]).toBe('Start it again: sudo systemctl start evio.service');
  });

  it.runIf(process.getuid?.() === 0)('is not named where there is nothing to start', async () => {
    const home = mkdtempSync(join(tmpdir(), 'evio-hint-'));
    vi.stubEnv('EVIO_HOME', home);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(home, { recursive: true });
    });
    const said = async (): Promise<EvioError> => (await explained(notRunning())) as EvioError;
    mkdirSync(join(home, 'networks/.new-1'), { recursive: true });
    expect((await said()).code).toBe('EVIO_NOT_RUNNING');
    expect((await said()).message).toBe('No node runs here: this machine is in no network.');
    expect((await said()).suggestions).toContain('Or join one with: sudo evio join TOKEN');
    mkdirSync(join(home, 'networks/9e7b24110dcb3358'));
    expect((await said()).suggestions).toContain('Start it with: sudo evio node');
  });

  it('is no matter to other errors', async () => {
    const other = error('EVIO_NO_NETWORK');
    expect(await explained(other)).toBe(other);
  });
});
