import { describe, expect, it } from 'vitest';
import { inspectorFlags, withoutInspector } from '../../../src/core/process/inspector.js';

describe('a process that we start', () => {
  it.each([
    ['--inspect', undefined],
    ['--inspect=0.0.0.0:9229 --max-old-space-size=64', '--max-old-space-size=64'],
    ['--inspect-brk --inspect-wait=1 --inspect_brk=2 --inspect-publish-uid=http', undefined],
    ['"--inspect=0" --title="a b"', '--title="a b"'],
    ['--inspect-port 9230 --title=x', '--title=x'],
    ['--debug-port=1 --enable-source-maps', '--enable-source-maps'],
    ['--require "/a b/--inspect.js"', '--require "/a b/--inspect.js"'],
    ['', undefined],
    [undefined, undefined],
  ])('of NODE_OPTIONS=%s gets %s', (given, kept) => {
    expect(withoutInspector(given)).toBe(kept);
  });

  it('is told to leave SIGUSR1 alone where its Node knows how', () => {
    expect(inspectorFlags(new Set(['--disable-sigusr1']))).toEqual(['--disable-sigusr1']);
    expect(inspectorFlags(new Set())).toEqual([]);
    expect(inspectorFlags().length).toBe(
      process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') ? 1 : 0,
    );
  });
});
