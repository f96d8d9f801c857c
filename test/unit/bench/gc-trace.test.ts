import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseCollection, summarize, type Collection } from '../../../src/bench/gc-trace.js';

const minor =
  '[8072:0x28ea8e40]     6111 ms: Scavenge 35.1 (52.2) -> 20.5 (52.4) MB, 5.74 / 0.00 ms  (average mu = 1.000, current mu = 1.000) task; ';
const major =
  '[7594:0x261b3fc0]      542 ms: Mark-Compact (reduce) 11.9 (13.9) -> 9.3 (13.9) MB, 10.13 / 0.12 ms  (+ 0.8 ms in 24 steps since start of marking, biggest step 12.5 ms, walltime since start of marking 18 ms)';

describe('the trace of collections', () => {
  it('tells minor from major ones, and takes the longest of the steps of one', () => {
    expect(parseCollection(minor)).toEqual({
      ...{ heap: '0x28ea8e40', major: false, at: 6111, pauseMs: 5.74, usedMb: 20.5 },
    });
    expect(parseCollection(major)).toEqual({
      ...{ heap: '0x261b3fc0', major: true, at: 542, pauseMs: 12.5, usedMb: 9.3 },
    });
    expect(parseCollection('{"event":"peer-connected"}')).toBeUndefined();
  });

  it('is what this Node prints', () => {
    const work = 'let k=[];for(let i=0;i<3e6;i++){k.push({i});if(k.length>2e5)k=[]}gc()';
    const { stdout } = spawnSync(process.execPath, ['--trace-gc', '--expose-gc', '-e', work], {
      encoding: 'utf8',
    });
    const found = stdout.split('\n').map(parseCollection);
    expect(found.some((c) => c?.major === false)).toBe(true);
    expect(found.some((c) => c?.major === true && c.pauseMs > 0)).toBe(true);
  });

  it('is summed up by heap', () => {
    const collections = [minor, major, minor.replace('20.5 (52', '25.5 (52')].map(
      parseCollection,
    ) as Collection[];
    expect(summarize(collections, '0x28ea8e40')).toEqual({
      ...{ minors: 2, majors: 0, longestMinorMs: 5.74, longestMajorMs: 0, firstMb: 20.5, lastMb: 25.5 },
    });
    expect(summarize(collections, '0x261b3fc0')).toMatchObject({ majors: 1, longestMajorMs: 12.5 });
    expect(summarize([], 'none').lastMb).toBeNaN();
  });
});
