/** The client without an event loop, beside a server in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askBlocking, BlockingClient } from '../../../src/core/control/client-blocking.js';

let folder: string;
let path: string;
let server: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-blocking-'));
  path = join(folder, 'control.sock');
});
afterEach(() => {
  server?.kill();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** @param answer what is done with a line, `line`, that came by `socket` */
async function serve(answer: string): Promise<void> {
  const program = `require('node:net').createServer((socket) => {
    socket.setEncoding('utf8').on('data', (text) => {
      for (const line of text.trim().split('\\n').map((line) => JSON.parse(line))) { ${answer} }
    });
  }).listen(process.argv[1], () => console.log('listens'));`;
  server = spawn(process.execPath, ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout as NodeJS.ReadableStream, 'data');
}

const code = (work: () => unknown): string => {
  try {
    work();
    return '';
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
};

it('gets long answers in pieces, of one request after the other, and passes over what it did not ask for', async () => {
  await serve(
    "socket.write('{\"event\":\"x\"}\\n' + JSON.stringify({ id: line.id, result: { asked: line.method, long: 'ä'.repeat(200000) } }) + '\\n');",
  );
  BlockingClient.use(path, (client) => {
    for (const method of ['networks', 'down'] as const)
      expect(client.request(method, {})).toEqual({ asked: method, long: 'ä'.repeat(200_000) });
  });
});

it('throws what the node refuses, also at the door, and what is no answer', async () => {
  await serve(`socket.write({
    networks: JSON.stringify({ id: line.id, error: { code: 'EVIO_NO_NETWORK', message: 'None.' } }),
    down: JSON.stringify({ id: null, error: { code: 'EVIO_NO_PRIVILEGE', message: 'No.' } }),
    views: 'no JSON',
  }[line.method] + '\\n');`);
  expect(code(() => askBlocking(path, 'networks', {}))).toBe('EVIO_NO_NETWORK');
  expect(code(() => askBlocking(path, 'down', {}))).toBe('EVIO_NO_PRIVILEGE');
  expect(code(() => askBlocking(path, 'views', {}))).toBe('EVIO_NOT_RUNNING');
});

it('says that no node runs where none is, and where it ends instead of answering', async () => {
  expect(code(() => askBlocking(path, 'networks', {}))).toBe('EVIO_NOT_RUNNING');
  await serve('socket.destroy();');
  expect(code(() => askBlocking(path, 'networks', {}))).toBe('EVIO_NOT_RUNNING');
});
