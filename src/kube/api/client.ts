/**
 * Speaks to the API server: requests, and watches, which are answers without an end (a JSON object a line).
 *
 * Why not @kubernetes/client-node: 2.0.1 needs a newer Node.js than evio does, and brings 65 MB for what is here.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { messageOf } from '../../core/lib/errors.js';
import type { ApiAccess } from './access.js';

/** Time for an answer, ms. */
const answerMs = 10_000;
/** The server sends bookmarks every minute or so; a watch that is silent for so long is dead, ms. */
const silentMs = 120_000;
/** Longest answer and longest line of a watch, characters: all nodes of a large cluster. */
const longest = 64 * 1024 * 1024;

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH';

/** The server answered, and not with what was asked for. `status` is that of HTTP; 0: it could not be reached. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

export class ApiClient {
  readonly #access: ApiAccess;
  readonly #agent: Agent;

  constructor(access: ApiAccess) {
    this.#access = access;
    const { ca, cert, key, insecure } = access;
    this.#agent = new Agent({ keepAlive: true, ca, cert, key, rejectUnauthorized: !insecure });
  }

  get server(): string {
    return this.#access.server.origin;
  }

  /** The parsed answer. A patch is a JSON merge patch (RFC 7396). Throws ApiError. */
  async request(verb: Verb, path: string, body?: object, signal?: AbortSignal): Promise<unknown> {
    const answer = await this.#send(verb, path, body, signal);
    const text = await textOf(answer);
    const { statusCode = 0 } = answer;
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new ApiError(statusCode, `${verb} ${path}: ${statusCode}, and no JSON`);
    }
    if (statusCode >= 200 && statusCode < 300) return parsed;
    const { message = '' } = parsed as { message?: string };
    throw new ApiError(statusCode, `${verb} ${path}: ${statusCode} ${message}`);
  }

  /** Tells each event until the server ends the watch. Throws ApiError. */
  async watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    const answer = await this.#send('GET', path, undefined, signal);
    if (answer.statusCode !== 200) {
      const said = await textOf(answer);
      throw new ApiError(answer.statusCode ?? 0, `watch ${path}: ${answer.statusCode} ${said.slice(0, 200)}`);
    }
    const timer = setTimeout(() => {
      answer.destroy(new Error('the watch is silent'));
    }, silentMs);
    answer.setEncoding('utf8');
    let rest = '';
    try {
      for await (const chunk of answer) {
        timer.refresh();
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > longest) throw new Error('a line is too long');
        for (const line of lines) if (line !== '') onEvent(JSON.parse(line) as WatchEvent);
      }
    } catch (thrown) {
      throw thrown instanceof ApiError ? thrown : new ApiError(0, `watch ${path}: ${messageOf(thrown)}`);
    } finally {
      clearTimeout(timer);
      answer.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(verb: Verb, path: string, body: object | undefined, signal?: AbortSignal): Promise<IncomingMessage> {
    const { server } = this.#access;
    const token = this.#access.token();
    const secure = server.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const options = {
        method: verb,
        signal,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : {
                'content-type': verb === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
              }),
        },
      };
      const url = new URL(path, server);
      const sent = secure ? httpsRequest(url, { ...options, agent: this.#agent }) : httpRequest(url, options);
      const timer = setTimeout(() => {
        sent.destroy(new Error(`no answer within ${answerMs / 1000} s`));
      }, answerMs);
      sent.once('response', (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      // Also after the answer began: what ends then is told by the answer.
      sent.on('error', (thrown) => {
        clearTimeout(timer);
        reject(new ApiError(0, `${server.origin}: ${thrown.message}`));
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  const timer = setTimeout(() => {
    answer.destroy(new Error('the answer stopped'));
  }, answerMs);
  let text = '';
  try {
    for await (const chunk of answer) {
      text += String(chunk);
      if (text.length > longest) throw new Error('the answer is too long');
    }
  } catch (thrown) {
    throw new ApiError(0, messageOf(thrown));
  } finally {
    clearTimeout(timer);
  }
  return text;
}
