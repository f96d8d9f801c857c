import { describe, expect, it } from 'vitest';
import { errorCodes, EvioError, ExitStatus, messageOf } from '../../../src/core/lib/errors.js';

describe('EvioError', () => {
  it('carries code, sentence, next steps and cause', () => {
    const cause = new Error('ENOENT');
    const error = new EvioError('EVIO_NO_TUN', 'There is no /dev/net/tun.', ['modprobe tun'], { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('EvioError');
    expect(error.message).toBe('There is no /dev/net/tun.');
    expect(error.cause).toBe(cause);
    expect(error.exitStatus).toBe(5);
  });

  it('prints the object of the CLI contract', () => {
    const error = new EvioError('EVIO_TOKEN_DAMAGED', 'The token is damaged.', ['copy it again']);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      error: { code: 'EVIO_TOKEN_DAMAGED', message: 'The token is damaged.', suggestions: ['copy it again'] },
    });
    expect(JSON.parse(JSON.stringify(new EvioError('EVIO_INTERNAL', 'x')))).toMatchObject({
      error: { suggestions: [] },
    });
  });

  it.each([
    ['EVIO_BAD_VALUE', 2],
    ['EVIO_NOT_RUNNING', 3],
    ['EVIO_TIMEOUT', 4],
    ['EVIO_RELAY_UNREACHABLE', 4],
    ['EVIO_NO_PRIVILEGE', 5],
    ['EVIO_INTERNAL', 1],
  ] as const)('%s ends the process with %i', (code, status) => {
    expect(new EvioError(code, 'x').exitStatus).toBe(status);
  });

  it('has only statuses that the CLI contract names', () => {
    const known = new Set<number>(Object.values(ExitStatus));
    for (const [code, status] of Object.entries(errorCodes)) {
      expect(known, code).toContain(status);
      expect(code).toMatch(/^EVIO_[A-Z_]+$/);
    }
  });
});

it.each([
  [new Error('plain'), 'plain'],
  ['text', 'text'],
  [undefined, 'undefined'],
  [42, '42'],
])('messageOf(%s) is %s', (thrown, message) => {
  expect(messageOf(thrown)).toBe(message);
});

describe('what was thrown', () => {
  it('has a message, even when it refuses to be text', () => {
    expect(messageOf(new Error('x'))).toBe('x');
    expect(messageOf('y')).toBe('y');
    expect(messageOf({ toString: '' })).toContain('no text');
  });
});
