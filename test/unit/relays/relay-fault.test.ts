import { describe, expect, it } from 'vitest';
import { NoRelay, relayFault } from '../../../src/core/relays/net/relay-fault.js';

const coded = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

describe('relayFault', () => {
  it.each([
    ['ECONNREFUSED', /nobody listens/, /Start "evio relay" there/],
    ['ENOTFOUND', /does not exist/, /Compare the name/],
    ['EAI_AGAIN', /no DNS server answers/, /online/],
    ['ETIMEDOUT', /timed out/, /security group/],
    ['EHOSTUNREACH', /no route/, /online/],
    ['ENETUNREACH', /no route/, /online/],
    ['ECONNRESET', /hangs up/, /evios:.*login page/],
    ['HPE_INVALID_CONSTANT', /hangs up/, /login page/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /hangs up/, /login page/],
  ])('%s', (code, what, mend) => {
    const fault = relayFault(coded(code));
    expect(fault.what).toMatch(what);
    expect(fault.mend).toMatch(mend);
  });

  it('knows what is no relay, silence, and what it never heard of', () => {
    expect(relayFault(new NoRelay(' (HTTP 404)'))).toMatchObject({
      what: 'what answers there is no evio relay (HTTP 404)',
      mend: expect.stringContaining('login page') as string,
    });
    expect(relayFault(AbortSignal.abort(new DOMException('x', 'TimeoutError')).reason).what).toMatch(
      /no answer/,
    );
    expect(relayFault(coded('EWHATEVER')).what).toBe('connect EWHATEVER');
  });
});
