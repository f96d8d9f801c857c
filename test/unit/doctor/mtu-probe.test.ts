import { createSocket } from 'node:dgram';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { mtuTo } from '../../../src/core/doctor/mtu-probe.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { answerBinding } from '../../../src/core/wire/stun.js';

const warnings: Error[] = [];
const warned = (warning: Error): void => {
  warnings.push(warning);
};
process.on('warning', warned);
afterAll(() => {
  process.off('warning', warned);
});

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A STUN server, to which no IP packet longer than that gets through. */
async function server(host: string, longest: number): Promise<{ host: string; port: number }> {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
  closers.push(() => socket.close());
  const headers = host === '::1' ? 48 : 28;
  socket.on('message', (request, { address, port }) => {
    const answer = answerBinding(request, { host: address, port });
    if (answer && request.length + headers <= longest) socket.send(answer, port, address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, host, resolve);
  });
  return { host, port: socket.address().port };
}

describe('mtuTo', () => {
  // Again where the machine was too busy to answer a question twice within its time.
  it.each([
    ['127.0.0.1', 9000, 1500],
    ['127.0.0.1', 1400, 1400],
    ['127.0.0.1', 1399, 1380],
    ['127.0.0.1', 1000, null],
    ['::1', 1492, 1492],
  ])('%s, where packets of %d bytes pass: %s', { retry: 2 }, async (host, longest, found) => {
    expect(await mtuTo(await server(host, longest), systemRandom)).toBe(found);
  });

  // After the others: Node says such a thing once in a process.
  it('has Node warn of nothing: it would stand in the terminal above the answer', () => {
    expect(warnings).toEqual([]);
  });
});
