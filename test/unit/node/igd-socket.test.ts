import { createSocket } from 'node:dgram';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { IgdSocket } from '../../../src/core/node/igd-socket.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import type { GatewayNews } from '../../../src/core/surroundings/router-port.js';
import { longestDocument } from '../../../src/core/wire/igd.js';
import { longestSearchAnswer, ssdp } from '../../../src/core/wire/ssdp.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** A gateway on loopback. */
function open(): { socket: IgdSocket; heard: GatewayNews[]; next: (count: number) => Promise<void> } {
  const heard: GatewayNews[] = [];
  let told: () => void = () => undefined;
  const socket = new IgdSocket(
    '127.0.0.1',
    '127.0.0.1',
    (news) => {
      heard.push(news);
      told();
    },
    silentLogger,
  );
  const next = async (count: number): Promise<void> => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
  };
  return { socket, heard, next };
}

describe('the sockets to a gateway of UPnP', () => {
  it('search the gateway, and hear nobody else', async () => {
    const responder = createSocket({ type: 'udp4', reuseAddr: true });
    const stranger = createSocket('udp4');
    await new Promise<void>((resolve) => {
      responder.bind(ssdp.port, '127.0.0.1', resolve);
    });
    await new Promise<void>((resolve) => {
      stranger.bind(0, '127.0.0.2', resolve);
    });
    responder.on('message', (bytes, { port, address }) => {
      stranger.send('another', port, address, () => {
        responder.send(Buffer.alloc(longestSearchAnswer + 1), port, address);
        responder.send(bytes, port, address);
      });
    });
    const { socket, heard, next } = open();
    socket.search(new Uint8Array(Buffer.from('who')));
    await next(1);
    expect(heard).toEqual([{ kind: 'device', bytes: new Uint8Array(Buffer.from('who')) }]);
    await socket.close();
    responder.close();
    stranger.close();
  });

  it('carry orders one after the other, and follow nothing', async () => {
    let elsewhere = 0;
    const other = await serve((_request, response) => {
      elsewhere++;
      response.end('here');
    });
    const asked: string[] = [];
    const port = await serve((request, response) => {
      let body = '';
      request.on('data', (piece: Buffer) => (body += piece.toString()));
      request.on('end', () => {
        asked.push(`${request.method} ${request.url} ${String(request.headers['soapaction'])} ${body}`);
        if (request.url === '/away') response.writeHead(302, { location: `http://127.0.0.1:${other}/` });
        response.end('said');
      });
    });
    const { socket, heard, next } = open();
    socket.request({ port, path: '/away' });
    socket.request({ port, path: '/ctl?a=b', order: { action: '"a#b"', body: '<x/>' } });
    await next(2);
    const said = new Uint8Array(Buffer.from('said'));
    expect(heard).toEqual([
      { kind: 'http', answer: { status: 302, body: said } },
      { kind: 'http', answer: { status: 200, body: said } },
    ]);
    expect(asked).toEqual(['GET /away undefined ', 'POST /ctl?a=b "a#b" <x/>']);
    expect(elsewhere).toBe(0);
    await socket.close();
  });

  it('take what is too long, too slow, cut off or no HTTP for no answer', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/long') response.end(Buffer.alloc(longestDocument + 1));
      else if (request.url === '/most') response.end(Buffer.alloc(longestDocument));
      else if (request.url === '/headers') response.writeHead(200, { x: 'a'.repeat(20_000) }).end();
      else if (request.url === '/cut')
        response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy());
      else if (request.url === '/none') request.socket.end('nonsense\r\n\r\n');
      else {
        // Drop by drop: each comes in time, the whole does not.
        const timer = setInterval(() => response.write('x'), 100);
        response.on('close', () => {
          clearInterval(timer);
        });
      }
    });
    const { socket, heard, next } = open();
    for (const path of ['/long', '/headers', '/cut', '/none', '/slow', '/most'])
      socket.request({ port, path });
    socket.request({ port: 1, path: '/nobody' });
    await next(7);
    expect(heard.map((news) => (news.kind === 'http' ? news.answer?.body.length : 'no'))).toEqual([
      ...Array<undefined>(5),
      longestDocument,
      undefined,
    ]);
    await socket.close();
  });

  it('send what was asked for before they close, and tell of nothing afterwards', async () => {
    let asked = 0;
    const port = await serve((_request, response) => {
      asked++;
      response.end('said');
    });
    const { socket, heard } = open();
    socket.request({ port, path: '/' });
    await socket.close();
    expect([asked, heard]).toEqual([1, []]);
  });
});
