import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CaptureSink } from '../../../src/capture/sink.js';
import { EvioError } from '../../../src/core/lib/errors.js';

describe('where a capture goes', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'evio-capture-'))));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const never = new AbortController().signal;

  it('is a file of its own, for its owner only, whole in the end', async () => {
    const file = join(folder, 'a');
    const sink = new CaptureSink(file);
    for (let i = 0; i < 20; i++) await sink.write(Buffer.alloc(100_000, i), never);
    await sink.end(Buffer.from('end'));
    const bytes = readFileSync(file);
    expect([bytes.length, sink.bytes, statSync(file).mode & 0o777]).toEqual([2_000_003, 2_000_003, 0o600]);
    expect([bytes[0], bytes[1_999_999], bytes.toString('latin1', 2_000_000)]).toEqual([0, 19, 'end']);
    expect(sink.isOpen).toBe(false);
  });

  it('is never a file that is there already, nor one in a folder that is not', () => {
    writeFileSync(join(folder, 'b'), 'mine');
    for (const [name, why] of [
      ['b', /is there already/],
      ['no/where', /its folder is not there/],
    ] as const) {
      const open = (): CaptureSink => new CaptureSink(join(folder, name));
      expect(open).toThrow(EvioError);
      expect(open).toThrow(why);
      // What is outside of the state folder is not mended by another one.
      expect(open).toThrow(
        expect.objectContaining({ suggestions: [expect.stringContaining('--write')] }) as Error,
      );
    }
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('mine');
  });

  it('waits for a slow disk no longer than the capture lasts', async () => {
    const sink = new CaptureSink(join(folder, 'c'));
    const ended = AbortSignal.abort();
    // More than it takes at once: whoever waits for room is let go by the end.
    await sink.write(Buffer.alloc(8 << 20), ended);
    await sink.end(new Uint8Array(1));
    expect(statSync(join(folder, 'c')).size).toBe((8 << 20) + 1);
  });
});
