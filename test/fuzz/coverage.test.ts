/** No parser stands outside the campaign: whoever writes one gives it a target, or says here who feeds it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const campaign = new URL('campaign/', import.meta.url);

/** Not named by a target, and why not. */
const elsewhere: Readonly<Record<string, string>> = {
  parseProxy: 'what an operator types (test/unit/relays)',
  parseIceServer: 'what an operator types (test/unit/membership)',
  verify: 'a signature, for documents that were parsed before',
};

const textsOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));

const parsersOf = (texts: readonly string[]): string[] =>
  texts.flatMap((text) =>
    [...text.matchAll(/^export (?:async )?function ((?:parse|decode|verify)(?:[A-Z]\w*)?)\b/gm)].map(
      (match) => match[1] as string,
    ),
  );

/** Parsers that no target names. */
function missing(parsers: readonly string[], targets: string): string[] {
  return parsers.filter((name) => !new RegExp(`\\b${name}\\b`).test(targets));
}

describe('the campaign', () => {
  const targets = textsOf(fileURLToPath(campaign)).join('\n');
  const parsers = ['core', 'rendezvous', 'cni'].flatMap((folder) =>
    parsersOf(textsOf(join(root, 'src', folder))),
  );

  it('has a target for every exported parser', () => {
    expect(parsers.length).toBeGreaterThan(40);
    expect(missing(parsers, targets).filter((name) => elsewhere[name] === undefined)).toEqual([]);
  });

  it('names nobody as an exception who is none', () => {
    for (const name of Object.keys(elsewhere)) expect(parsers).toContain(name);
  });

  it('has both state machines, and those of the relay', () => {
    for (const name of [
      'sessions',
      'ring',
      'gossip',
      'admission',
      'relay session',
      'relay handshake',
      'policy',
      'renewal messages',
      'orders of admins',
      'waiting room, to relay',
      'waiting room, to node',
      'waiting room',
      'applicants',
      'relay invites',
      'renewals',
      'membership',
      'root replacement',
    ])
      expect(targets).toContain(`'${name}'`);
  });

  it('would tell of one that is left out', () => {
    const found = parsersOf(['export function parseNothing(bytes: Uint8Array): undefined {']);
    expect(missing(found, targets)).toEqual(['parseNothing']);
  });
});
