import { describe, expect, it } from 'vitest';
import { Scrubber } from '../../../src/core/lib/scrub.js';

const secret = 'k3yThatNobodyMayEverSee-0123456789_abcdefgh';

describe('Scrubber', () => {
  const scrubber = new Scrubber([secret, 'short']);

  it.each([
    ['whole', `a ${secret} b`, 'a [removed] b'],
    ['a piece of eight', `x${secret.slice(5, 13)}y`, 'x[removed]y'],
    ['two pieces that overlap', `${secret.slice(0, 12)}`, '[removed]'],
    [
      'a piece, and something else of it',
      `${secret.slice(0, 8)}|${secret.slice(20, 30)}`,
      '[removed]|[removed]',
    ],
    ['at the end', `end ${secret.slice(-8)}`, 'end [removed]'],
    ['a piece of seven stays', secret.slice(0, 7), secret.slice(0, 7)],
    ['what is too short to have a piece stays', 'a short text', 'a short text'],
    ['nothing of it', 'peer connected', 'peer connected'],
    ['', '', ''],
  ])('%s', (_name, text, expected) => {
    expect(scrubber.scrub(text)).toBe(expected);
  });

  it.each([
    ['a token of another machine', 'evio join evio1AbCdEfGhIjKl --detach', 'evio join [removed] --detach'],
    [
      'the invite in a URL, and not the key of the relay, which everybody may know',
      `evio://r.example:3478#${'K'.repeat(43)}.abcDEF_-123 x`,
      `evio://r.example:3478#${'K'.repeat(43)}.[removed] x`,
    ],
    [
      'credentials of TURN',
      'turn:user:pass@turn.example:3478?transport=udp',
      'turn:[removed]@turn.example:3478?transport=udp',
    ],
    ['a root key in a file', 'see evioroot1AQ8abcdefgh- there', 'see [removed] there'],
    [
      'credentials of a proxy',
      'https_proxy=http://joe:hunter2hunter2@proxy.example:3128/',
      'https_proxy=http://[removed]@proxy.example:3128/',
    ],
    [
      'the key in the address of a web view',
      `http://127.0.0.1:7480/?network=ab#${'k'.repeat(32)} x`,
      'http://127.0.0.1:7480/?network=ab#[removed] x',
    ],
    ['a token of Kubernetes', `token: ${'eyJhbGciOiJSUzI1'}.eyJpc3Mi.c2lnbmF0dXJl"`, 'token: [removed]"'],
    ['what a header proves', 'authorization: Bearer abcdef-0123456', 'authorization: Bearer [removed]'],
  ])('takes out %s', (_name, text, expected) => {
    expect(scrubber.scrub(text)).toBe(expected);
  });

  it('leaves no piece of any secret in any mixture', () => {
    const secrets = Array.from({ length: 20 }, (_, i) =>
      Buffer.from(`secret ${i} `.repeat(4)).toString('base64url'),
    );
    const all = new Scrubber(secrets);
    let seed = 1;
    const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    let text = '';
    for (let i = 0; i < 2_000; i++) {
      const one = secrets[next(secrets.length)] as string;
      const at = next(one.length);
      text += one.slice(at, at + next(20)) + ' {}":,'.slice(next(6));
    }
    const clean = all.scrub(text);
    for (const one of secrets)
      for (let at = 0; at + 8 <= one.length; at++) expect(clean).not.toContain(one.slice(at, at + 8));
  });
});
