/**
 * Who may ask the web view. It shows the members of a network to whoever holds its token, and changes nothing.
 *
 * The token is in the fragment of the page's address, which no browser sends anywhere; the page puts it into the header of
 * what it asks. A page of another site that reaches us by a name of its own (DNS rebinding) names the wrong host; one that
 * asks from its own origin says so.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { equalSecret } from '../core/lib/bytes.js';

export interface Asked {
  readonly method: string;
  /** Header `Host`, and what a browser says of where the request comes from. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly site: string | undefined;
  readonly authorization: string | undefined;
}

/** Headers of every answer: nothing from elsewhere, no frame, no guess of types, nothing kept. */
export const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `host` without its port, in lower case; undefined when it cannot be read. */
function hostOf(text: string): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(text);
  return (found?.[1] ?? found?.[2])?.toLowerCase();
}

export class Gate {
  readonly #token: Buffer;
  readonly #hosts: ReadonlySet<string>;

  /**
   * @param token of this run
   * @param address that is listened at; any literal address is a good name for a listener on the wildcard
   */
  constructor(token: string, address: string) {
    this.#token = digest(token);
    this.#hosts = new Set(['localhost', '127.0.0.1', '::1', address.toLowerCase()]);
  }

  /** True where the request names us as its host, and comes from no other site. */
  isForUs({ host, origin, site }: Asked): boolean {
    const named = hostOf(host ?? '');
    const wildcard = this.#hosts.has('0.0.0.0') || this.#hosts.has('::');
    if (named === undefined || !(this.#hosts.has(named) || (wildcard && isIP(named) !== 0))) return false;
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
    return origin === undefined || origin === `http://${host ?? ''}`;
  }

  /** True where it carries the token, too. Compared in constant time. */
  mayAsk(asked: Asked): boolean {
    if (!this.isForUs(asked) || asked.method !== 'GET') return false;
    const token = /^Bearer ([\w-]{1,128})$/.exec(asked.authorization ?? '')?.[1] ?? '';
    return equalSecret(digest(token), this.#token);
  }
}
