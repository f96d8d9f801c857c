import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordFile } from '../../../src/core/disk/record-file.js';

let folder: string;
let path: string;
const record = (fill: number, length = 20): Uint8Array => new Uint8Array(length).fill(fill);
const open = (): RecordFile => new RecordFile(path, 1_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-records-'));
  path = join(folder, 'records.log');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a file of records', () => {
  it('gives back what was added, to others as well, and only once', () => {
    const one = open();
    const two = open();
    expect(one.read()).toEqual([]);
    one.append([record(1), record(2, 1_000)]);
    expect(one.read()).toEqual([]);
    expect(two.read()).toEqual([record(1), record(2, 1_000)]);
    two.append([record(3)]);
    expect(one.read()).toEqual([record(3)]);
    expect(open().read()).toHaveLength(3);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('cut anywhere, it gives the records that are whole, and takes others after them', () => {
    open().append([record(1), record(2)]);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const file = open();
      const left = Math.floor(length / 28);
      expect(file.read()).toEqual([record(1), record(2)].slice(0, left));
      file.append([record(9)]);
      expect(open().read()).toEqual([...[record(1), record(2)].slice(0, left), record(9)]);
    }
  });

  it('does not read what was damaged, nor zeros that a power cut left', () => {
    open().append([record(1), record(2)]);
    const whole = readFileSync(path);
    for (const at of [0, 4, 8, 27]) {
      const damaged = Buffer.from(whole);
      damaged[28 + at] = (damaged[28 + at] as number) ^ 1;
      writeFileSync(path, damaged);
      expect(open().read()).toEqual([record(1)]);
    }
    writeFileSync(path, whole);
    appendFileSync(path, new Uint8Array(100));
    const file = open();
    expect(file.read()).toHaveLength(2);
    file.append([record(3)]);
    expect(open().read()).toHaveLength(3);
  });
});
