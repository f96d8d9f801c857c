import { describe, expect, it } from 'vitest';
import { StunClient } from '../../../src/core/surroundings/stun-client.js';
import { SeededRandom } from '../../support/virtual.js';

describe('stun client', () => {
  it('asks the newest servers, and no more than sixteen', () => {
    const asked: string[] = [];
    const client = new StunClient(
      new SeededRandom(1),
      (_request, server) => asked.push(server.host),
      () => undefined,
    );
    for (let day = 1; day <= 40; day++) client.ask(0, { host: `2001:db8::${day}`, port: 3478 });
    expect(asked).toHaveLength(40);
    asked.length = 0;
    client.refresh(10_000);
    expect(asked).toHaveLength(16);
    expect(asked).toContain('2001:db8::40');
    expect(asked).not.toContain('2001:db8::24');
  });
});
