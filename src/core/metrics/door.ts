/** `GET /metrics` and nothing else, by TCP or on a Unix socket. */
import { createServer, type IncomingMessage, type Server } from 'node:http';

/** Where it listens. */
export type MetricsPlace = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

const requestMs = 5_000;
/** A scraper keeps one connection; more than this are somebody else's. */
const maxConnections = 16;

/**
 * An HTTP server that answers with what `render` gives, 503 where it throws. Whoever makes it lets it listen.
 *
 * @param mayAsk turns requests away (403)
 */
export function metricsServer(
  render: () => Promise<Exposition>,
  mayAsk: (request: IncomingMessage) => boolean = () => true,
): Server {
  const server = createServer((request, response) => {
    request.resume();
    if (!mayAsk(request)) {
      response.writeHead(403).end();
      return;
    }
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404).end();
      return;
    }
    render().then(
      ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
      () => response.writeHead(503).end(),
    );
  });
  server.headersTimeout = server.requestTimeout = requestMs;
  server.maxConnections = maxConnections;
  return server;
}

/** Rejects with the system's error. */
export function listenAt(server: Server, place: MetricsPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...place }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
