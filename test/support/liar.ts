/**
 * A program of ours that lies: a copy of dist/ with places patched, for tests only. What it lies about is in lies.mjs. A
 * patch that finds no place ends the test: then the program has changed, and the lie must follow.
 */
import { cpSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePatched, type Patch } from './patched.js';

const patches: readonly Patch[] = [
  // Its neighbours are whom it likes, and so is its place.
  {
    file: 'core/wire/ring.js',
    at: 'export function encodeRing(message) {',
    put: 'export function encodeRing(truth) { const message = lies.ring(truth);',
  },
  {
    file: 'core/wire/ring.js',
    at: 'return reader.failed ? undefined : message;',
    put: 'return reader.failed ? undefined : lies.heard(message);',
  },
  // It names addresses that are nobody's, and says that all came and from where it did not come.
  {
    file: 'core/wire/control.js',
    at: 'export function encodePong(transaction, observed, directFrames) {',
    put: '$ ({ observed, directFrames } = lies.pong(observed, directFrames));',
  },
  {
    file: 'core/wire/control.js',
    at: 'export function encodeOffer(sequence, candidates) {',
    put: '$ candidates = lies.offer(candidates);',
  },
  {
    file: 'core/overlay/introductions.js',
    at: 'function cardOf(credential, candidates) {',
    put: '$ ({ credential, candidates } = lies.card(credential, candidates));',
  },
  // It speaks unasked.
  {
    file: 'core/topology/overlay.js',
    at: '    tick(now) {',
    put: '$ for (const link of this.#links) for (const lie of lies.unasked()) this.#ports.send(link.id, lie);',
  },
  // It answers each seek with many of its own.
  {
    file: 'core/topology/seek.js',
    at: 'seek(now, from, seek) {',
    put: '$ for (const lie of lies.seeks(seek)) this.#ports.send(from.id, lie);',
  },
  // What it passes on for others goes astray, or comes changed.
  {
    file: 'core/dataplane/loop/transit.js',
    at: '#passOn(link, at, length) {',
    put: '$ if (lies.eats(this.#c.arena.u8, at, length)) return;',
  },
  {
    file: 'core/dataplane/flood/copies.js',
    at: '#copyTo(peer, at, length, flags, bound) {',
    put: '$ bound = lies.flood(this.#c.arena.u8, at, length, bound);',
  },
  // It takes the address of another, signed by itself.
  {
    file: 'core/membership/own-credential.js',
    at: 'get bytes() {',
    put: `$ const stolen = lies.stolen();
      if (stolen !== undefined)
        return resign(this.#profile, { ip: stolen, current: this.#self.credential }, Date.now());`,
  },
];

/** Makes the program in `folder`, which must exist and be empty. Returns its `run.js`. */
export function makeLiar(folder: string): string {
  const lies = join(folder, 'dist', 'lies.js');
  const program = makePatched(
    folder,
    patches,
    (path) => `import * as lies from '${relative(join(path, '..'), lies)}';\n`,
  );
  cpSync(fileURLToPath(new URL('./lies.mjs', import.meta.url)), lies);
  return program;
}
