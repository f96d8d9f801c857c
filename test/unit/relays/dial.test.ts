/** Connections to relays: real sockets on the loopback interface. */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { expect, it } from 'vitest';
import { relayConnection } from '../../../src/core/relays/net/dial.js';

it.each([
  ['relay.example', 'relay.example'],
  ['127.0.0.1', undefined],
])(
  'by TLS to %s say the name, for who tells servers behind one address apart by it: %s',
  async (host, named) => {
    const names = { addresses: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) };
    let heard: string | undefined;
    // It has no certificate, so nothing comes of the handshake.
    const server = createServer({
      SNICallback: (servername, done) => {
        heard = servername;
        done(new Error('heard'));
      },
    });
    const ended = new Promise((resolve) => server.on('tlsClientError', resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connection = relayConnection({ names, until: AbortSignal.timeout(5_000) }, true);
    connection({ host, port }, (_error, socket) => socket.on('error', () => undefined));
    await ended;
    server.close();
    expect(heard).toBe(named);
  },
);
