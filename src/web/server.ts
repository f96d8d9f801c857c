/**
 * The web view's server: three files of a page, and what the page asks. A client of the control socket like every other.
 *
 *   GET /                  the page                         no token
 *   GET /api/networks      { networks }                     token
 *   GET /api/stream        JSON lines: a picture, then what changes of it; events     token
 *   GET /api/why?peer=ID   decision log of a member; &from=ID: that of another member    token
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { Gate, headers, type Asked } from './gate.js';
import { changeOf } from './change.js';
import type { Picture } from './model.js';
import type { WebSource } from './source.js';

/** Pages that look at the same time. */
const streamLimit = 8;
/** A page that reads more slowly than it is told misses pictures. */
const backlogBytes = 4 << 20;

export interface Page {
  readonly html: string;
  readonly script: string;
  readonly style: string;
}

export interface WebOptions {
  readonly page: Page;
  readonly source: WebSource;
  readonly token: string;
  readonly host: string;
  /** A text for people, with its commands as they can be typed here; default: as it is. */
  readonly worded?: (text: string) => string;
}

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly packed: Buffer;
}

export function webServer({ page, source, token, host, worded = String }: WebOptions): Server {
  const gate = new Gate(token, host);
  const asset = (type: string, text: string): Asset => ({
    type,
    plain: Buffer.from(text),
    packed: gzipSync(text, { level: 9 }),
  });
  const assets: Readonly<Record<string, Asset>> = {
    '/': asset('text/html; charset=utf-8', page.html),
    '/page.js': asset('text/javascript; charset=utf-8', page.script),
    '/page.css': asset('text/css; charset=utf-8', page.style),
  };
  let streams = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const asked: Asked = {
      method: request.method ?? '',
      host: request.headers.host,
      origin: request.headers.origin,
      site: header(request, 'sec-fetch-site'),
      authorization: request.headers.authorization,
    };
    const url = new URL(request.url ?? '/', 'http://localhost');
    const found = Object.hasOwn(assets, url.pathname) ? assets[url.pathname] : undefined;
    if (found) {
      // The page itself may be opened from anywhere; it holds nothing.
      const named = gate.isForUs({ ...asked, origin: undefined, site: undefined });
      if (!named || request.method !== 'GET')
        return refuse(response, 403, 'this is not the host that was asked');
      const packs = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
      if (packs) response.setHeader('content-encoding', 'gzip');
      response.writeHead(200, { 'content-type': found.type, vary: 'accept-encoding' });
      response.end(packs ? found.packed : found.plain);
      return;
    }
    if (!gate.isForUs(asked)) return refuse(response, 403, 'this is not the host that was asked');
    if (!gate.mayAsk(asked)) return refuse(response, 401, 'open the address that "evio web" printed');
    const network = url.searchParams.get('network') ?? undefined;
    if (url.pathname === '/api/networks') return json(response, await source.networks());
    if (url.pathname === '/api/why') {
      const { searchParams } = url;
      const from = searchParams.get('from') ?? undefined;
      const why = await source.why(network, searchParams.get('peer') ?? '', from);
      return json(response, { ...why, advice: why.advice.map((text) => worded(text)) });
    }
    if (url.pathname === '/api/stream') {
      if (streams >= streamLimit) return refuse(response, 503, `${streamLimit} pages look already`);
      streams++;
      try {
        await stream(response, network);
      } finally {
        streams--;
      }
      return;
    }
    refuse(response, 404, 'there is nothing here');
  }

  async function stream(response: ServerResponse, network: string | undefined): Promise<void> {
    const over = new AbortController();
    response.on('close', () => {
      over.abort();
    });
    response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
    let last: Picture | undefined;
    await source.stream(
      network,
      (message) => {
        if (response.writableLength >= backlogBytes) return;
        const short = message.kind === 'picture' && last ? changeOf(last, message) : undefined;
        if (message.kind === 'picture') last = message;
        response.write(`${JSON.stringify(short ?? message)}\n`);
      },
      over.signal,
    );
    response.end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, thrown instanceof EvioError ? 502 : 500, worded(messageOf(thrown)));
    });
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  return server;
}

function header({ headers: all }: IncomingMessage, name: string): string | undefined {
  const value = all[name];
  return Array.isArray(value) ? value[0] : value;
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`evio: ${reason}\n`);
}
