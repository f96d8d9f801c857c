/** node write-image.mjs FILE.wasm FILE.ts TAG: packs a WebAssembly program into a TypeScript file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

const [, , from, to, tag] = process.argv;
const wasm = readFileSync(from);
const packed = deflateRawSync(wasm, { level: 9 }).toString('base64');
const digest = createHash('sha256').update(wasm).digest('hex');
writeFileSync(
  to,
  `/**
 * lwIP ${tag}, compiled by scripts/lwip/build.sh: raw deflate (RFC 1951) in base64 of ${wasm.length} bytes,
 * sha256 ${digest}.
 * Copyright (c) 2001-2004 Swedish Institute of Computer Science; licence: scripts/lwip/COPYING (BSD, 3 clauses).
 */
export const lwipImage: string =
  '${packed}';
`,
);
console.log(`${wasm.length} bytes, packed ${packed.length}`);
