/** What is told to a person who is to start the node, by who runs it on this machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startCommand } from '../../../src/cli/start-hint.js';
import { homeFrom, type Home } from '../../../src/core/config/home.js';
import { ControlServer } from '../../../src/core/control/server.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { openrc } from '../../../src/service/openrc.js';
import { serviceManager } from '../../../src/service/manager.js';
import type { ServiceManager } from '../../../src/service/report.js';
import { systemd } from '../../../src/service/systemd.js';

function temporaryHome(): Home {
  const path = mkdtempSync(join(tmpdir(), 'evio-start-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return homeFrom({ EVIO_HOME: path });
}

/** A manager that has a service for this home. */
function having(manager: ServiceManager, home: string, enabled: string): () => ServiceManager {
  const { hints } = manager;
  const report = { path: '/u', active: 'inactive', pid: null, status: null, reason: null };
  return () => ({
    ...manager,
    hints,
    installed: () => true,
    report: (service) => Promise.resolve({ service, unit: 'evio.service', enabled, home, ...report }),
  });
}

it('is the service that begins at boot with this home, and else the node', async () => {
  const home = temporaryHome();
  const told = (manager: ServiceManager, of: string, enabled = 'enabled') =>
    startCommand(home, having(manager, of, enabled));
  expect(await told(systemd, home.path)).toBe('sudo systemctl start evio.service');
  expect(await told(openrc, home.path)).toBe('sudo rc-service evio start');
  expect(await told(systemd, home.path, 'disabled')).toBe('sudo evio node');
  expect(await told(systemd, '/var/lib/other')).toBe('sudo evio node');
  expect(await startCommand(home, () => serviceManager(() => false))).toBe('sudo evio node');
});

it('is no start where a node runs already', async () => {
  const home = temporaryHome();
  const server = new ControlServer(
    home.controlSocket,
    { networks: () => Promise.resolve({ networks: [{ id: 'a', name: 'a' }] }) } as never,
    silentLogger,
  );
  await server.start();
  onTestFinished(() => server.stop());
  expect(await startCommand(home, having(systemd, home.path, 'enabled'))).toBe('sudo evio up');
});
