import { describe, expect, it } from 'vitest';
import { logLevelFrom } from '../../../src/core/process/log-level.js';
import { createLogger, prettyLine } from '../../../src/core/process/log.js';

function linesOf(level: 'info' | 'trace' | 'error', pretty: boolean, colour = false): string[] {
  const lines: string[] = [];
  const log = createLogger({ level, pretty, colour, write: (line) => lines.push(line) });
  log.error('one', { count: 1 });
  log.warn('two');
  log.info('three', { url: 'a b', nested: { x: 1 } });
  log.debug('four');
  log.trace('five');
  return lines;
}

describe('createLogger', () => {
  it('writes JSON lines with constant text and fields', () => {
    const lines = linesOf('info', false);
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'error',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      count: 1,
      msg: 'one',
    });
  });

  it('writes lines for people', () => {
    const lines = linesOf('trace', true);
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d error one {2}count=1\n$/);
    expect(lines[2]).toMatch(/^\d\d:\d\d:\d\d info {2}three {2}url="a b" {2}nested=\{"x":1\}\n$/);
  });

  it('says once what fails again and again, but at debug', () => {
    for (const [level, expected] of [
      ['info', 1],
      ['debug', 3],
    ] as const) {
      const lines: string[] = [];
      const log = createLogger({ level, pretty: false, colour: false, write: (line) => lines.push(line) });
      for (let i = 0; i < 3; i++) log.warn('relay down', { reason: 'no route', retryInMs: i });
      expect(lines).toHaveLength(expected);
    }
  });

  it('keeps quiet below its level', () => {
    expect(linesOf('error', true)).toHaveLength(1);
  });

  it('colours only when it may', () => {
    expect(linesOf('info', true, true)[0]).toContain('\u001b[31merror');
    expect(linesOf('info', true, false)[0]).not.toContain('\u001b');
  });

  it.each(['\u001b[2J', '\u009b2J', '\u007f', '\u202enot', '\u2066x', 'a\u2028b'])(
    'lets nobody command the terminal by a field: %j',
    (name) => {
      const line = prettyLine(
        JSON.stringify({ time: '2026-11-22T10:00:00Z', level: 'info', msg: 'peer', name, nested: { name } }),
        false,
      );
      expect(line.slice(0, -1)).not.toMatch(/[\p{C}\u2028\u2029]/u);
    },
  );
});

describe('logLevelFrom', () => {
  it('takes EVIO_LOG, else info', () => {
    expect(logLevelFrom({ EVIO_LOG: 'DEBUG' })).toBe('debug');
    expect(logLevelFrom({ EVIO_LOG: '' })).toBe('info');
    expect(() => logLevelFrom({ EVIO_LOG: 'loud' })).toThrow(/no level “loud”/);
    expect(logLevelFrom({})).toBe('info');
  });
});
