/** WebSockets of whoever keeps no rules: frames are cut as one likes. */
import { connect } from 'node:net';
import { relayPath } from '../../src/core/wire/signal.js';
import { until } from './until.js';

/** The upgrade of a stranger by hand, so that frames can be cut as one likes. Resolves when it is open. */
export async function upgraded(kit: { later(undo: () => unknown): void }, port: number) {
  const socket = connect(port, '127.0.0.1');
  kit.later(() => socket.destroy());
  let closed = false;
  socket.on('close', () => (closed = true));
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.write(
    `GET ${relayPath} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await until(() => text.includes('101'));
  return { socket, closed: () => closed };
}

/** A masked frame (RFC 6455, section 5.2) with a mask of zeros. */
export function frame(opcode: number, fin: boolean, payload: Uint8Array): Buffer {
  const head = Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}
